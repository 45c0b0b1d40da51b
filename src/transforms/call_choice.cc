#include "transforms/call_choice.h"

#include <algorithm>
#include <compare>
#include <queue>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace catchment::transforms {
namespace {

/// How much a call is worth now. Serving pairs can only lower it, so a value computed earlier is an
/// upper bound.
struct Worth {
  int64_t never_scored = 0;
  int64_t stalest = 0;  ///< age step of the stalest scored pair, negated: larger is older
  int64_t of_that_age = 0;
  int64_t pairs = 0;
  int32_t negated_number = 0;
  auto operator<=>(const Worth&) const = default;
};

constexpr int64_t kNeverScored = INT64_MIN;

struct Waiting {
  int64_t age_step;
  bool served = false;
};

int64_t AgeStep(const std::optional<Time>& scored_at) {
  using Steps = std::chrono::duration<int64_t, std::ratio<kAgeStep.count() * 60>>;
  return scored_at ? std::chrono::floor<Steps>(*scored_at).time_since_epoch().count()
                   : kNeverScored;
}

Worth WorthOf(int32_t number, const std::vector<size_t>& pairs,
              const std::vector<Waiting>& waiting) {
  Worth worth;
  worth.stalest = INT64_MIN;
  worth.negated_number = -number;
  for (const size_t pair : pairs) {
    const Waiting& one = waiting[pair];
    if (one.served) continue;
    ++worth.pairs;
    if (one.age_step == kNeverScored) {
      ++worth.never_scored;
      continue;
    }
    if (-one.age_step > worth.stalest) {
      worth.stalest = -one.age_step;
      worth.of_that_age = 0;
    }
    worth.of_that_age += -one.age_step == worth.stalest;
  }
  return worth;
}

}  // namespace

CallChoice ChooseCalls(std::span<const PlannedCall> plan, std::span<const WaitingPair> waiting,
                       const CallAllowance& allowance) {
  using Key = std::tuple<std::string_view, std::string_view, std::string_view>;
  std::map<Key, size_t> place;
  std::vector<Waiting> states;
  for (const WaitingPair& pair : waiting) {
    const int64_t age = AgeStep(pair.scored_at);
    const auto [at, is_new] =
        place.try_emplace({pair.subscription, pair.pair.sku, pair.pair.region}, states.size());
    if (is_new) {
      states.push_back({age});
    } else {
      states[at->second].age_step = std::min(states[at->second].age_step, age);
    }
  }
  std::vector<std::vector<size_t>> pairs_of_call(plan.size());
  std::priority_queue<Worth> queue;
  for (size_t number = 0; number < plan.size(); ++number) {
    for (const std::string& sku : plan[number].call.skus) {
      for (const std::string& region : plan[number].call.regions) {
        const auto at = place.find({plan[number].subscription, sku, region});
        if (at != place.end()) pairs_of_call[number].push_back(at->second);
      }
    }
    queue.push(WorthOf(static_cast<int32_t>(number), pairs_of_call[number], states));
  }

  CallChoice choice;
  std::map<std::string, int64_t> left = allowance.of_subscription;
  while (!queue.empty() && static_cast<int64_t>(choice.calls.size()) < allowance.total) {
    const Worth expected = queue.top();
    queue.pop();
    const int32_t number = -expected.negated_number;
    const std::vector<size_t>& pairs = pairs_of_call[static_cast<size_t>(number)];
    const auto own = left.find(plan[static_cast<size_t>(number)].subscription);
    if (own != left.end() && own->second <= 0) continue;
    const Worth now = WorthOf(number, pairs, states);
    if (now.pairs == 0) continue;
    if (now != expected) {
      queue.push(now);
      continue;
    }
    if (own != left.end()) --own->second;
    for (const size_t pair : pairs) states[pair].served = true;
    choice.calls.push_back(number);
  }
  for (const auto& [key, at] : place) {
    if (!states[at].served) {
      choice.left_out.push_back({std::string(std::get<2>(key)), std::string(std::get<1>(key))});
    }
  }
  std::sort(choice.left_out.begin(), choice.left_out.end());
  return choice;
}

}  // namespace catchment::transforms
