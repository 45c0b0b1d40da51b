#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "transforms/cover_plan.h"

namespace catchment::transforms {

/// A call of the day's plan; its number is its place there.
struct PlannedCall {
  std::string subscription;  ///< digest
  CoverCall call;
};

/// A pair that waits for an answer through its subscription.
struct WaitingPair {
  CoverPair pair;
  std::string subscription;       ///< digest; calls of others do not serve it
  std::optional<Time> scored_at;  ///< the oldest of its zones; null: never scored
};

struct CallAllowance {
  int64_t total = 0;
  std::map<std::string, int64_t> of_subscription = {};  ///< absent: only `total` counts
};

struct CallChoice {
  std::vector<int32_t> calls;       ///< numbers, best first: the order to send them in
  std::vector<CoverPair> left_out;  ///< pairs that no chosen call serves, sorted
};

/// Scores of one run are equally old: ages are compared in steps of this length.
inline constexpr std::chrono::minutes kAgeStep{10};

/// Choose the calls that an allowance suffices for.
///
/// Greedily: the call that newly serves most pairs never scored; then the one with the stalest
/// pair, and most of that age; then the one with most pairs; then the lowest number. A call that
/// serves no further pair is not chosen, so with enough allowance these are the calls worth
/// sending. Independent of the order of `waiting`. Time: about a scan of all cells of the plan.
CallChoice ChooseCalls(std::span<const PlannedCall> plan, std::span<const WaitingPair> waiting,
                       const CallAllowance& allowance);

}  // namespace catchment::transforms
