#pragma once

#include <string>

#include "net/budget_store.h"
#include "state/database.h"

namespace catchment::net {
struct MemoryBudgetLedger;
}

namespace catchment::state {

/// Budgets in the state database: one ledger for all environments that share the file, each with
/// its share. `database` outlives the store and may be shared.
///
/// What is free is decided by net/memory_budget_store.h on the rows of the keys in question, so
/// both decide alike.
class SqliteBudgetStore final : public net::BudgetStore {
 public:
  SqliteBudgetStore(Database& database, net::BudgetLimits limits, net::BudgetShare share = {})
      : database_(database), limits_(std::move(limits)), share_(std::move(share)) {}

  Result<std::vector<net::BudgetRoom>> Free(std::span<const net::BudgetKey> keys,
                                            Time now) const override;
  Status TakeBatch(std::span<const net::BudgetSpend> spends, Time now) override;
  Result<std::vector<net::BudgetOwned>> Owned(const net::BudgetKey& key, Time now) const override;
  Status Learn(const net::BudgetKey& key, const net::BudgetLesson& lesson) override;
  Status Rest(const net::BudgetKey& key, Time until) override;

 private:
  /// Read what concerns `key` at `now` into `ledger`.
  Status Load(Connection& connection, const net::BudgetKey& key, Time now,
              net::MemoryBudgetLedger& ledger) const;

  Database& database_;  // thread-safe itself
  // Constant after construction.
  const net::BudgetLimits limits_;
  const net::BudgetShare share_;
};

}  // namespace catchment::state
