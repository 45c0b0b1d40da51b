#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace catchment::transforms {

/// One cell that wants an answer: a region code and a full SKU name, in the caller's spelling.
struct CoverPair {
  std::string region, sku;
  auto operator<=>(const CoverPair&) const = default;
};

/// How much one call may ask for.
struct CoverLimits {
  int regions = 8;
  int skus = 5;
};

/// A call asks for every region with every SKU; both lists sorted bytewise, without repeats.
struct CoverCall {
  std::vector<std::string> regions, skus;
  auto operator<=>(const CoverCall&) const = default;
};

/// What no plan can go below, and what a plan may need at most.
struct CoverBounds {
  int64_t pairs = 0;        ///< distinct ones
  int64_t by_area = 0;      ///< B1: pairs / (regions × SKUs of a call)
  int64_t by_skus = 0;      ///< B2: each SKU needs its regions / 8 calls, five SKUs share one
  int64_t by_regions = 0;   ///< B3: each region needs its SKUs / 5 calls, eight regions share one
  int64_t best() const;     ///< the largest of the three
  int64_t allowed() const;  ///< max(1.15 × B1, 1.06 × best), rounded down
};

struct CoverPlan {
  std::vector<CoverCall> calls;  ///< a call's number is its place
  CoverBounds bounds;
  /// Whether `calls` are the previous ones, repaired; false: planned anew.
  bool repaired = false;
};

/// Compute the bounds; repeated pairs count once. kInvalid: a limit below 1.
Result<CoverBounds> BoundsOf(std::span<const CoverPair> pairs, const CoverLimits& limits = {});

/// Plan few calls such that every pair lies in one of them. Cells that are no pair may be asked
/// too, and a pair twice.
///
/// A function of (set of pairs, limits, previous): independent of order and repeats, and limited by
/// counted steps, not by time. `previous` is repaired as RepairCover does; if that needs more calls
/// than bounds.allowed(), new pairs are also put into the free places of its calls; only if that is
/// too many as well, and a plan made anew needs fewer, is it replaced. The numbers of previous
/// calls change only by the calls that go. No pairs: no calls. kInvalid: a limit below 1, an empty
/// name.
///
/// Pairs of different subscriptions are planned one by one (sticky_subscriptions.h); which calls
/// fit into a budget is call_choice.h.
Result<CoverPlan> PlanCover(std::span<const CoverPair> pairs, const CoverLimits& limits = {},
                            std::span<const CoverCall> previous = {});

/// Fit a stored plan to the pairs that are wanted now: members that no pair names any more leave
/// their calls, calls without a pair go (and those over the limits), and calls for pairs that no
/// call has are added at the end. Every other call stays as it is; if all pairs are the plan's, so
/// does the plan. kInvalid: as PlanCover.
Result<std::vector<CoverCall>> RepairCover(std::span<const CoverCall> previous,
                                           std::span<const CoverPair> pairs,
                                           const CoverLimits& limits = {});

}  // namespace catchment::transforms
