// The plan of placement calls for the recorded catalogue (32,203 pairs of 55 regions and 926 SKUs),
// on one thread, for 1, 4 and 11 subscriptions, and the repair of yesterday's plan.

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "columnar/compress.h"
#include "figures.h"
#include "rows.h"
#include "transforms/cover_plan.h"
#include "transforms/sticky_subscriptions.h"

namespace {

using namespace catchment;
using namespace catchment::bench;
using namespace catchment::transforms;

std::vector<CoverPair> RecordedPairs() {
  const std::string name = "tests/data/azure/sps_region_skus.json.zst";
  const std::string packed = Must(ReadFile(std::string(CATCHMENT_SOURCE_DIR) + "/" + name));
  const nlohmann::json catalogue =
      nlohmann::json::parse(Must(columnar::Decompress(packed, columnar::Compression::kZstd, name)));
  std::vector<CoverPair> pairs;
  for (const auto& [region, skus] : catalogue.items()) {
    for (const auto& sku : skus) pairs.push_back({region, sku.get<std::string>()});
  }
  return pairs;
}

/// The pairs of each subscription.
std::vector<std::vector<CoverPair>> Shares(const std::vector<CoverPair>& pairs, int subscriptions) {
  std::vector<std::string> digests;
  for (int number = 0; number < subscriptions; ++number) {
    digests.push_back(fmt::format("{:016x}", number * 7919));
  }
  const StickySubscriptions sticky = Must(AssignSubscriptions(pairs, digests));
  std::map<std::string, std::vector<CoverPair>> shares;
  for (const CoverPair& pair : pairs) shares[sticky.at(SeriesOfSku(pair.sku))].push_back(pair);
  std::vector<std::vector<CoverPair>> list;
  for (auto& [digest, share] : shares) list.push_back(std::move(share));
  return list;
}

}  // namespace

int main() {
  const std::vector<CoverPair> pairs = RecordedPairs();
  const int rounds = Rounds(9);
  std::vector<double> planning, repairing;
  CoverPlan plan;
  for (int round = 0; round <= rounds; ++round) {  // the first warms up
    const double anew = Milliseconds([&] { plan = Must(PlanCover(pairs)); });
    const double repair = Milliseconds([&] { plan = Must(PlanCover(pairs, {}, plan.calls)); });
    if (round == 0) continue;
    planning.push_back(anew);
    repairing.push_back(repair);
  }
  std::printf("plan of %zu pairs on one thread; median of %d rounds\n", pairs.size(), rounds);
  std::printf("  anew %.1f ms, yesterday's repaired %.1f ms; peak %.1f MiB\n", Median(planning),
              Median(repairing), PeakMib());
  for (const int subscriptions : {1, 4, 11}) {
    int64_t calls = 0, bound = 0;
    const double time = Milliseconds([&] {
      for (const auto& share : Shares(pairs, subscriptions)) {
        const CoverPlan own = Must(PlanCover(share));
        calls += static_cast<int64_t>(own.calls.size());
        bound += own.bounds.best();
      }
    });
    std::printf("  %d subscriptions: %lld calls, bound %lld, %.3f of it; %.1f ms with assignment\n",
                subscriptions, static_cast<long long>(calls), static_cast<long long>(bound),
                static_cast<double>(calls) / static_cast<double>(bound), time);
    AtMost(fmt::format("cover_calls_{}", subscriptions), static_cast<double>(calls), "calls", 926);
  }
  AtMost("cover_plan", Median(planning), "ms", 1000);
}
