#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace catchment::net {

/// One purse of calls. `bucket` is a path: identity (a name or digest, never a key), then what the
/// service divides by:
/// {"azure.placement_scores", "<subscription digest>/eastus"}, {"aws.placement_scores",
/// "<identity>"}.
struct BudgetKey {
  std::string api;
  std::string bucket;
  auto operator<=>(const BudgetKey&) const = default;
};

/// At most `calls` within any span of `window`: an entry occupies its place from its use until
/// `window` later.
struct BudgetLimit {
  int64_t calls = 0;
  std::chrono::milliseconds window{};
};

/// Limits by key. Bucket `a/*` stands for all beneath `a` that are not named, `*` for all of its
/// API.
using BudgetLimits = std::map<BudgetKey, BudgetLimit>;
/// The limit of `key`, by its own entry or the narrowest that stands for it; null if there is none:
/// such a key may not be spent.
const BudgetLimit* FindLimit(const BudgetLimits& limits, const BudgetKey& key);

/// What one environment may take of every purse it shares: `percent` of the limit, rounded down, at
/// least 1. The ledger counts all environments' spends together, and each one's own against its
/// share.
struct BudgetShare {
  std::string environment = "local";
  int percent = 100;
  /// min(limit, what the share leaves of it).
  int64_t Of(int64_t limit) const;
};

/// Calls to take. With a `configuration`, `calls` must be 1 and what is counted are distinct
/// configurations: one already owned costs nothing, is prolonged from now, and may be taken even at
/// rest.
struct BudgetSpend {
  BudgetKey key;
  int64_t calls = 1;
  std::string configuration = {};
};

/// What may be taken from a key now.
struct BudgetRoom {
  int64_t free = 0;                      ///< calls; 0 at rest
  int64_t limit = 0;                     ///< in force: the least of declared, learned and share
  std::optional<Time> rests_until = {};  ///< set while at rest
  std::optional<Time>
      next_free;  ///< when the next place or the rest ends; null if nothing is occupied
};

/// A configuration that occupies a place.
struct BudgetOwned {
  std::string configuration;
  Time first_used;
  Time last_used;
};

/// What the service said about a key when it refused.
struct BudgetLesson {
  /// The limit in force until `until`, if below the declared one.
  std::optional<int64_t> limit = {};
  Time until{};
  /// A configuration thought to be owned that the service refused: its entry is deleted.
  std::string disowned = {};
};

/// Remembers what each API identity has spent. Callers take before they call, so a crash forgets
/// nothing; a call that failed stays spent. Implementations pass net/budget_store_contract.h.
/// Thread-safe.
///
/// All times are the caller's (OpContext.clock), so that a simulated year works.
class BudgetStore {
 public:
  virtual ~BudgetStore() = default;

  /// What may be taken from each of `keys` at `now`, in their order. kInvalid: a key without limit.
  virtual Result<std::vector<BudgetRoom>> Free(std::span<const BudgetKey> keys, Time now) const = 0;

  /// Take all of `spends` at `now`, or none, in one transaction; durable on return. None is no
  /// error. kExhausted: too few left or at rest; names the key; `retry_after` says when enough will
  /// be free (none: never, more asked than the limit). kInvalid: a key without limit, calls < 1.
  virtual Status TakeBatch(std::span<const BudgetSpend> spends, Time now) = 0;

  /// The configurations that occupy places of `key` at `now`, by name.
  virtual Result<std::vector<BudgetOwned>> Owned(const BudgetKey& key, Time now) const = 0;

  /// Remember what the service said. A later limit replaces an earlier one of the key.
  virtual Status Learn(const BudgetKey& key, const BudgetLesson& lesson) = 0;

  /// Nothing new is taken from `key` before `until`. Bucket `a/*` puts all buckets beneath `a` at
  /// rest, `*` all of the API. A shorter rest does not end a longer one. Holds for all
  /// environments.
  virtual Status Rest(const BudgetKey& key, Time until) = 0;
};

/// The buckets whose rest covers `bucket`: itself, `a/*` for each parent `a`, and `*`. For
/// implementations.
std::vector<std::string> RestingBuckets(const std::string& bucket);

}  // namespace catchment::net
