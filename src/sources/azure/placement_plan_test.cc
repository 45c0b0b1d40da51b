#include "sources/azure/placement_plan.h"

#include <algorithm>
#include <random>
#include <set>

#include "base/test.h"
#include "sources/azure/placement_fixture.h"
#include "transforms/sticky_subscriptions.h"

namespace catchment::sources::azure {
namespace {

using transforms::CoverPair;

/// Split off whole (series, region) blocks until they hold `share` of the pairs.
std::vector<CoverPair> TakeBlocks(std::vector<CoverPair>& pairs, double share, uint32_t seed) {
  std::map<std::pair<std::string, std::string>, std::vector<CoverPair>> blocks;
  for (const CoverPair& pair : pairs)
    blocks[{transforms::SeriesOfSku(pair.sku), pair.region}].push_back(pair);
  std::vector<std::vector<CoverPair>> order;
  for (auto& [key, block] : blocks) order.push_back(std::move(block));
  std::mt19937 random(seed);
  std::shuffle(order.begin(), order.end(), random);
  std::vector<CoverPair> taken;
  const auto wanted = static_cast<size_t>(static_cast<double>(pairs.size()) * share);
  for (const auto& block : order) {
    if (taken.size() >= wanted) break;
    taken.insert(taken.end(), block.begin(), block.end());
  }
  const std::set<CoverPair> gone(taken.begin(), taken.end());
  std::erase_if(pairs, [&](const CoverPair& pair) { return gone.contains(pair); });
  return taken;
}

/// A day later half a percent of the pairs is gone and as many are new: nearly all calls are those
/// of the day before, and all subscriptions together keep the limit.
TEST(PlacementPlanTest, OfElevenSubscriptionsNearlyAllCallsStayWhenPairsChange) {
  std::vector<std::string> digests;
  for (int number = 0; number < 11; ++number)
    digests.push_back(fmt::format("{:016x}", number * 7919));
  for (const uint32_t seed : {1u, 2u, 3u, 4u}) {
    WantedPairs before{RecordedPairs(), {}};
    const std::vector<CoverPair> coming = TakeBlocks(before.pairs, 0.005, seed);
    ASSERT_OK_AND_ASSIGN(const PlacementPlan first,
                         MakePlacementPlan(before, {true, 1}, digests, {}, {}));
    WantedPairs after = before;
    TakeBlocks(after.pairs, 0.005, seed + 100);
    after.pairs.insert(after.pairs.end(), coming.begin(), coming.end());
    std::sort(after.pairs.begin(), after.pairs.end());
    ASSERT_OK_AND_ASSIGN(const PlacementPlan second,
                         MakePlacementPlan(after, {true, 1}, digests, first.sticky, first.calls));
    size_t same = 0;
    for (const transforms::PlannedCall& call : first.calls) {
      same += std::any_of(second.calls.begin(), second.calls.end(), [&](const auto& other) {
        return other.subscription == call.subscription && other.call.regions == call.call.regions &&
               other.call.skus == call.call.skus;
      });
    }
    EXPECT_GE(static_cast<double>(same), 0.9 * static_cast<double>(first.calls.size())) << seed;
    EXPECT_LE(static_cast<int64_t>(second.calls.size()), second.bounds.allowed()) << seed;
    fmt::print("seed {}: {} calls, then {} of {} allowed, {} the same\n", seed, first.calls.size(),
               second.calls.size(), second.bounds.allowed(), same);
  }
}

}  // namespace
}  // namespace catchment::sources::azure
