#include "state/sqlite_budget_store.h"

#include <set>

#include "net/memory_budget_store.h"
#include "state/time_value_internal.h"

namespace catchment::state {

using net::BudgetKey;
using net::BudgetLesson;
using net::BudgetLimit;
using net::BudgetSpend;
using net::MemoryBudgetLedger;
using net::MemoryBudgetStore;

namespace {

Status LoadUses(Connection& connection, const BudgetKey& key, Time oldest,
                std::deque<MemoryBudgetLedger::Use>& uses) {
  ASSIGN_OR_RETURN(Rows rows,
                   connection.Query("SELECT environment, configuration, calls, first, last"
                                    " FROM budget_uses WHERE api=? AND bucket=? AND last>?",
                                    key.api, key.bucket, ToMicros(oldest)));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows.Next());
    if (!more) return {};
    uses.push_back({rows.Text(0), rows.Text(1), rows.Int(2), FromMicros(rows.Int(3)),
                    FromMicros(rows.Int(4))});
  }
}

}  // namespace

Status SqliteBudgetStore::Load(Connection& connection, const BudgetKey& key, Time now,
                               MemoryBudgetLedger& ledger) const {
  const BudgetLimit* const limit = FindLimit(limits_, key);
  if (limit == nullptr) return {};  // the decision says so
  MutexLock lock(ledger.mutex);
  if (ledger.uses.contains(key)) return {};
  RETURN_IF_ERROR(LoadUses(connection, key, now - limit->window, ledger.uses[key]));
  {
    ASSIGN_OR_RETURN(Rows rows,
                     connection.Query("SELECT calls, until FROM budget_lessons WHERE api=? AND"
                                      " bucket=?",
                                      key.api, key.bucket));
    ASSIGN_OR_RETURN(const bool any, rows.Next());
    if (any) {
      ledger.lessons[key] = {
          .limit = rows.Int(0), .until = FromMicros(rows.Int(1)), .disowned = {}};
    }
  }
  for (const std::string& bucket : net::RestingBuckets(key.bucket)) {
    ASSIGN_OR_RETURN(Rows rows,
                     connection.Query("SELECT until FROM budget_rests WHERE api=? AND bucket=?",
                                      key.api, bucket));
    ASSIGN_OR_RETURN(const bool any, rows.Next());
    if (any) ledger.rests[{key.api, bucket}] = FromMicros(rows.Int(0));
  }
  return {};
}

Result<std::vector<net::BudgetRoom>> SqliteBudgetStore::Free(std::span<const BudgetKey> keys,
                                                             Time now) const {
  MemoryBudgetLedger ledger;
  RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    for (const BudgetKey& key : keys) RETURN_IF_ERROR(Load(connection, key, now, ledger));
    return {};
  }));
  return MemoryBudgetStore(limits_, share_, &ledger).Free(keys, now);
}

Status SqliteBudgetStore::TakeBatch(std::span<const BudgetSpend> spends, Time now) {
  if (spends.empty()) return {};
  return database_.Write([&](Connection& connection) -> Status {
    MemoryBudgetLedger ledger;
    std::set<BudgetKey> keys;
    for (const BudgetSpend& spend : spends) {
      keys.insert(spend.key);
      RETURN_IF_ERROR(Load(connection, spend.key, now, ledger));
    }
    RETURN_IF_ERROR(MemoryBudgetStore(limits_, share_, &ledger).TakeBatch(spends, now));
    for (const BudgetKey& key : keys) {
      RETURN_IF_ERROR(connection.Run("DELETE FROM budget_uses WHERE api=? AND bucket=? AND last<=?",
                                     key.api, key.bucket,
                                     ToMicros(now - FindLimit(limits_, key)->window)));
    }
    for (const BudgetSpend& spend : spends) {
      const bool plain = spend.configuration.empty();
      const Value configuration = plain ? Value(nullptr) : Value(spend.configuration);
      RETURN_IF_ERROR(connection.Run(
          "INSERT INTO budget_uses (api, bucket, environment, configuration, calls, first, last)"
          " VALUES (?,?,?,?,?,?,?) ON CONFLICT (api, bucket, configuration)"
          " DO UPDATE SET last=max(last, excluded.last)",
          spend.key.api, spend.key.bucket, share_.environment, configuration, spend.calls,
          ToMicros(now), ToMicros(now)));
    }
    return {};
  });
}

Result<std::vector<net::BudgetOwned>> SqliteBudgetStore::Owned(const BudgetKey& key,
                                                               Time now) const {
  MemoryBudgetLedger ledger;
  RETURN_IF_ERROR(
      database_.Read([&](Connection& connection) { return Load(connection, key, now, ledger); }));
  return MemoryBudgetStore(limits_, share_, &ledger).Owned(key, now);
}

Status SqliteBudgetStore::Learn(const BudgetKey& key, const BudgetLesson& lesson) {
  return database_.Write([&](Connection& connection) -> Status {
    if (lesson.limit) {
      RETURN_IF_ERROR(
          connection.Run("INSERT OR REPLACE INTO budget_lessons (api, bucket, calls, until)"
                         " VALUES (?,?,?,?)",
                         key.api, key.bucket, *lesson.limit, ToMicros(lesson.until)));
    }
    if (lesson.disowned.empty()) return {};
    return connection.Run("DELETE FROM budget_uses WHERE api=? AND bucket=? AND configuration=?",
                          key.api, key.bucket, lesson.disowned);
  });
}

Status SqliteBudgetStore::Rest(const BudgetKey& key, Time until) {
  return database_.Write([&](Connection& connection) {
    return connection.Run(
        "INSERT INTO budget_rests (api, bucket, until) VALUES (?,?,?)"
        " ON CONFLICT (api, bucket) DO UPDATE SET until=max(until, excluded.until)",
        key.api, key.bucket, ToMicros(until));
  });
}

}  // namespace catchment::state
