#include "transforms/cover_plan.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "base/file.h"
#include "base/test.h"
#include "columnar/compress.h"
#include "transforms/sticky_subscriptions.h"

namespace catchment::transforms {
namespace {

/// 32,203 pairs of 55 regions and 926 SKUs, as they were offered in 2024-10.
std::vector<CoverPair> RecordedPairs() {
  const auto path =
      std::filesystem::path(CATCHMENT_SOURCE_DIR) / "tests/data/azure/sps_region_skus.json.zst";
  const auto packed = ReadFile(path);
  EXPECT_OK(packed);
  const auto text =
      columnar::Decompress(*packed, columnar::Compression::kZstd, "sps_region_skus.json");
  EXPECT_OK(text);
  std::vector<CoverPair> pairs;
  const nlohmann::json catalogue = nlohmann::json::parse(*text);
  for (const auto& [region, skus] : catalogue.items()) {
    for (const auto& sku : skus) pairs.push_back({region, sku.get<std::string>()});
  }
  return pairs;
}

/// Every pair lies in a call, and every call keeps the limits.
void ExpectCovers(const std::vector<CoverCall>& calls, const std::vector<CoverPair>& pairs,
                  const CoverLimits& limits = {}) {
  std::set<CoverPair> covered;
  for (const CoverCall& call : calls) {
    EXPECT_LE(call.regions.size(), static_cast<size_t>(limits.regions));
    EXPECT_LE(call.skus.size(), static_cast<size_t>(limits.skus));
    EXPECT_FALSE(call.regions.empty() || call.skus.empty());
    EXPECT_TRUE(std::is_sorted(call.regions.begin(), call.regions.end()));
    EXPECT_TRUE(std::is_sorted(call.skus.begin(), call.skus.end()));
    for (const std::string& region : call.regions) {
      for (const std::string& sku : call.skus) covered.insert({region, sku});
    }
  }
  int64_t missing = 0;
  for (const CoverPair& pair : pairs) missing += !covered.contains(pair);
  EXPECT_EQ(missing, 0);
}

TEST(CoverPlanTest, TheRecordedCatalogueNeedsHardlyMoreThanTheBound) {
  const std::vector<CoverPair> pairs = RecordedPairs();
  ASSERT_EQ(pairs.size(), 32'203);
  ASSERT_OK_AND_ASSIGN(const CoverPlan plan, PlanCover(pairs));
  EXPECT_EQ(plan.bounds.by_area, 806);
  EXPECT_EQ(plan.bounds.by_skus, 873);
  EXPECT_EQ(plan.bounds.by_regions, 808);
  EXPECT_EQ(plan.bounds.allowed(), 926);
  ExpectCovers(plan.calls, pairs);
  EXPECT_LE(plan.calls.size(), 926);
  std::printf("calls %zu, bound 873\n", plan.calls.size());
}

}  // namespace
}  // namespace catchment::transforms
