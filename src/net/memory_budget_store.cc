#include "net/memory_budget_store.h"

#include <algorithm>
#include <set>

namespace catchment::net {

namespace {

using Use = MemoryBudgetLedger::Use;

/// The state of one key at one moment.
struct Purse {
  const BudgetLimit* declared = nullptr;
  int64_t limit = 0;        // declared and learned
  int64_t share_limit = 0;  // of this environment
  int64_t used = 0, used_here = 0;
  std::vector<Use> uses;  // those that occupy a place, soonest free first
  std::optional<Time> rests_until;

  int64_t Free() const {
    return rests_until ? 0 : std::max<int64_t>(0, std::min(limit - used, share_limit - used_here));
  }
};

Result<Purse> Look(const MemoryBudgetLedger& ledger, const BudgetLimits& limits,
                   const BudgetShare& share, const BudgetKey& key, Time now)
    REQUIRES(ledger.mutex) {
  Purse purse;
  purse.declared = FindLimit(limits, key);
  if (purse.declared == nullptr) {
    return Invalid("no budget is declared for {} bucket {}", key.api, key.bucket);
  }
  purse.limit = purse.declared->calls;
  if (const auto lesson = ledger.lessons.find(key);
      lesson != ledger.lessons.end() && lesson->second.until > now) {
    purse.limit = std::min(purse.limit, *lesson->second.limit);
  }
  purse.share_limit = share.Of(purse.limit);
  if (const auto uses = ledger.uses.find(key); uses != ledger.uses.end()) {
    for (const Use& use : uses->second) {
      if (use.last + purse.declared->window <= now) continue;
      purse.used += use.calls;
      if (use.environment == share.environment) purse.used_here += use.calls;
      purse.uses.push_back(use);
    }
  }
  std::stable_sort(purse.uses.begin(), purse.uses.end(),
                   [](const Use& a, const Use& b) { return a.last < b.last; });
  for (const std::string& bucket : RestingBuckets(key.bucket)) {
    const auto rest = ledger.rests.find(BudgetKey{key.api, bucket});
    if (rest == ledger.rests.end() || rest->second <= now) continue;
    purse.rests_until = std::max(purse.rests_until.value_or(rest->second), rest->second);
  }
  return purse;
}

/// When `wanted` calls will be free; null: never, the limit is lower.
std::optional<Time> WhenFree(const Purse& purse, const std::string& environment, int64_t wanted,
                             Time now) {
  if (wanted > purse.share_limit) return std::nullopt;
  int64_t missing = wanted - (purse.limit - purse.used);
  int64_t missing_here = wanted - (purse.share_limit - purse.used_here);
  Time when = purse.rests_until.value_or(now);
  for (const Use& use : purse.uses) {
    if (missing <= 0 && missing_here <= 0) break;
    missing -= use.calls;
    if (use.environment == environment) missing_here -= use.calls;
    when = std::max(when, use.last + purse.declared->window);
  }
  return when;
}

}  // namespace

MemoryBudgetStore::MemoryBudgetStore(BudgetLimits limits, BudgetShare share,
                                     MemoryBudgetLedger* ledger)
    : limits_(std::move(limits)),
      share_(std::move(share)),
      own_(ledger == nullptr ? std::make_unique<MemoryBudgetLedger>() : nullptr),
      ledger_(ledger == nullptr ? *own_ : *ledger) {}

Result<std::vector<BudgetRoom>> MemoryBudgetStore::Free(std::span<const BudgetKey> keys,
                                                        Time now) const {
  MutexLock lock(ledger_.mutex);
  std::vector<BudgetRoom> rooms;
  rooms.reserve(keys.size());
  for (const BudgetKey& key : keys) {
    ASSIGN_OR_RETURN(const Purse purse, Look(ledger_, limits_, share_, key, now));
    BudgetRoom room{purse.Free(), purse.share_limit, purse.rests_until, purse.rests_until};
    if (!room.next_free && !purse.uses.empty()) {
      room.next_free = purse.uses.front().last + purse.declared->window;
    }
    rooms.push_back(room);
  }
  return rooms;
}

Status MemoryBudgetStore::TakeBatch(std::span<const BudgetSpend> spends, Time now) {
  MutexLock lock(ledger_.mutex);
  struct Wanted {
    int64_t calls = 0;                     // plain ones
    std::set<std::string> configurations;  // new ones
    std::set<std::string> owned;
  };
  std::map<BudgetKey, Wanted> wanted;
  std::map<BudgetKey, Purse> purses;
  for (const BudgetSpend& spend : spends) {
    if (spend.calls < 1 || (!spend.configuration.empty() && spend.calls != 1)) {
      return Invalid("{} bucket {}: {} calls cannot be taken", spend.key.api, spend.key.bucket,
                     spend.calls);
    }
    if (!purses.contains(spend.key)) {
      ASSIGN_OR_RETURN(purses[spend.key], Look(ledger_, limits_, share_, spend.key, now));
    }
    Wanted& of_key = wanted[spend.key];
    if (spend.configuration.empty()) {
      of_key.calls += spend.calls;
      continue;
    }
    const std::vector<Use>& uses = purses[spend.key].uses;
    const bool owned = std::any_of(uses.begin(), uses.end(), [&](const Use& use) {
      return use.configuration == spend.configuration;
    });
    (owned ? of_key.owned : of_key.configurations).insert(spend.configuration);
  }

  for (const auto& [key, of_key] : wanted) {
    const Purse& purse = purses[key];
    const int64_t places = of_key.calls + static_cast<int64_t>(of_key.configurations.size());
    if (places == 0 || places <= purse.Free()) continue;
    Error error = Exhausted("{} bucket {}: {} wanted, {} of {} free{}", key.api, key.bucket, places,
                            purse.Free(), purse.share_limit, purse.rests_until ? ", at rest" : "");
    if (const auto when = WhenFree(purse, share_.environment, places, now)) {
      error.retry_after = std::chrono::ceil<std::chrono::seconds>(*when - now);
    }
    return error;
  }

  for (const auto& [key, of_key] : wanted) {
    std::deque<Use>& uses = ledger_.uses[key];
    const auto window = purses[key].declared->window;
    std::erase_if(uses, [&](const Use& use) { return use.last + window <= now; });
    for (Use& use : uses) {
      if (of_key.owned.contains(use.configuration)) use.last = std::max(use.last, now);
    }
    if (of_key.calls > 0) uses.push_back({share_.environment, "", of_key.calls, now, now});
    for (const std::string& configuration : of_key.configurations) {
      uses.push_back({share_.environment, configuration, 1, now, now});
    }
  }
  return Status();
}

Result<std::vector<BudgetOwned>> MemoryBudgetStore::Owned(const BudgetKey& key, Time now) const {
  MutexLock lock(ledger_.mutex);
  ASSIGN_OR_RETURN(const Purse purse, Look(ledger_, limits_, share_, key, now));
  std::vector<BudgetOwned> owned;
  for (const Use& use : purse.uses) {
    if (!use.configuration.empty()) owned.push_back({use.configuration, use.first, use.last});
  }
  std::sort(owned.begin(), owned.end(), [](const BudgetOwned& a, const BudgetOwned& b) {
    return a.configuration < b.configuration;
  });
  return owned;
}

Status MemoryBudgetStore::Learn(const BudgetKey& key, const BudgetLesson& lesson) {
  MutexLock lock(ledger_.mutex);
  if (lesson.limit) ledger_.lessons[key] = lesson;
  if (!lesson.disowned.empty()) {
    std::erase_if(ledger_.uses[key],
                  [&](const Use& use) { return use.configuration == lesson.disowned; });
  }
  return Status();
}

Status MemoryBudgetStore::Rest(const BudgetKey& key, Time until) {
  MutexLock lock(ledger_.mutex);
  Time& rests_until = ledger_.rests.try_emplace(key, until).first->second;
  rests_until = std::max(rests_until, until);
  return Status();
}

}  // namespace catchment::net
