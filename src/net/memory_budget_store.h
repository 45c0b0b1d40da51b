#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "net/budget_store.h"

namespace catchment::net {

/// Spends of all environments in one process; MemoryBudgetStores of several environments may share
/// one.
struct MemoryBudgetLedger {
  struct Use {
    std::string environment;
    std::string configuration;  ///< empty: a plain call
    int64_t calls = 1;
    Time first;
    Time last;
  };
  // Guarded by mutex.
  mutable Mutex mutex;
  std::map<BudgetKey, std::deque<Use>> uses GUARDED_BY(mutex);
  std::map<BudgetKey, BudgetLesson> lessons GUARDED_BY(mutex);
  std::map<BudgetKey, Time> rests GUARDED_BY(mutex);
};

/// Forgets with the process: for tests, `simulate` and `plan`.
class MemoryBudgetStore final : public BudgetStore {
 public:
  /// `ledger` outlives the store; null: one of its own.
  explicit MemoryBudgetStore(BudgetLimits limits, BudgetShare share = {},
                             MemoryBudgetLedger* ledger = nullptr);

  Result<std::vector<BudgetRoom>> Free(std::span<const BudgetKey> keys, Time now) const override;
  Status TakeBatch(std::span<const BudgetSpend> spends, Time now) override;
  Result<std::vector<BudgetOwned>> Owned(const BudgetKey& key, Time now) const override;
  Status Learn(const BudgetKey& key, const BudgetLesson& lesson) override;
  Status Rest(const BudgetKey& key, Time until) override;

 private:
  // Constant after construction.
  const BudgetLimits limits_;
  const BudgetShare share_;
  const std::unique_ptr<MemoryBudgetLedger> own_;
  // Thread-safe itself.
  MemoryBudgetLedger& ledger_;
};

}  // namespace catchment::net
