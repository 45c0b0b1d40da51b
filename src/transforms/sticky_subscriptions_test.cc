#include "transforms/sticky_subscriptions.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <vector>

#include "base/digest.h"
#include "base/test.h"

namespace catchment::transforms {
namespace {

TEST(StickySubscriptionsTest, ASeriesIsTheNameWithoutItsSize) {
  EXPECT_EQ(SeriesOf("D2s_v3"), "ds_v3");
  EXPECT_EQ(SeriesOf("E64-32as_v5"), "eas_v5");
  EXPECT_EQ(SeriesOf("A0"), "a");
  EXPECT_EQ(SeriesOf("NC24ads_A100_v4"), "ncads_a100_v4");
  EXPECT_EQ(SeriesOf("M8-s"), "m-s");         // a minus without digits belongs to the rest
  EXPECT_EQ(SeriesOf("M8-2-4s"), "m-4s");     // only one is taken
  EXPECT_EQ(SeriesOf("2xlarge"), "2xlarge");  // unmatched: the whole name, in lower case
  EXPECT_EQ(SeriesOf("Large"), "large");
  EXPECT_EQ(SeriesOf(""), "");
  EXPECT_EQ(SeriesOfSku("Standard_D2s_v3"), "ds_v3");
  EXPECT_EQ(SeriesOfSku("Basic_A1"), "a");
  EXPECT_EQ(SeriesOfSku("odd"), "odd");
}

std::vector<CoverPair> PairsOf(const std::vector<std::pair<std::string, int>>& series) {
  std::vector<CoverPair> pairs;
  for (const auto& [name, count] : series) {
    for (int region = 0; region < count; ++region) {
      pairs.push_back({fmt::format("r{}", region), fmt::format("Standard_{}1", name)});
    }
  }
  return pairs;
}

TEST(StickySubscriptionsTest, TheHighestRankWins) {
  const auto pairs = PairsOf({{"a", 1}, {"b", 1}, {"c", 100}});
  const std::vector<std::string> digests = {"1111111111111111", "2222222222222222"};
  ASSERT_OK_AND_ASSIGN(const auto sticky, AssignSubscriptions(pairs, digests));
  const auto rank = [](const std::string& series, const std::string& digest) {
    return Sha256Hex(series + "\n" + digest).substr(0, 16);
  };
  // c alone is more than 1.1 times the mean: to the least loaded, of equals the higher rank.
  const std::string c = rank("c", digests[0]) > rank("c", digests[1]) ? digests[0] : digests[1];
  const std::string other = c == digests[0] ? digests[1] : digests[0];
  EXPECT_EQ(sticky, (StickySubscriptions{{"a", other}, {"b", other}, {"c", c}}));
}

TEST(StickySubscriptionsTest, LoadsStayNearTheMeanAndOrderDoesNotMatter) {
  std::vector<std::pair<std::string, int>> series;
  for (char first = 'a'; first <= 'z'; ++first) {
    for (char second = 'a'; second <= 'f'; ++second) {
      series.emplace_back(std::string{first, second}, 1 + (first * 7 + second * 3) % 40);
    }
  }
  std::vector<CoverPair> pairs = PairsOf(series);
  std::vector<std::string> digests = {"aa", "bb", "cc", "dd", "ee"};
  ASSERT_OK_AND_ASSIGN(const auto sticky, AssignSubscriptions(pairs, digests));
  std::map<std::string, size_t> load;
  for (const CoverPair& pair : pairs) ++load[sticky.at(SeriesOfSku(pair.sku))];
  for (const auto& [digest, count] : load) EXPECT_LE(count * 5 * 10, pairs.size() * 11) << digest;
  std::mt19937 random(1);
  std::shuffle(pairs.begin(), pairs.end(), random);
  pairs.push_back(pairs.front());
  std::shuffle(digests.begin(), digests.end(), random);
  digests.push_back(digests.front());
  ASSERT_OK_AND_ASSIGN(const auto shuffled, AssignSubscriptions(pairs, digests));
  EXPECT_EQ(shuffled, sticky);
}

TEST(StickySubscriptionsTest, OnlyNewSeriesAndThoseOfAGoneSubscriptionMove) {
  const auto pairs = PairsOf({{"a", 10}, {"b", 10}, {"c", 10}, {"d", 10}});
  const StickySubscriptions previous = {
      {"a", "one"}, {"b", "one"}, {"c", "gone"}, {"asleep", "one"}, {"lost", "gone"}};
  const std::vector<std::string> digests = {"one", "two"};
  ASSERT_OK_AND_ASSIGN(const auto sticky, AssignSubscriptions(pairs, digests, previous));
  EXPECT_EQ(sticky,
            (StickySubscriptions{
                {"a", "one"}, {"b", "one"}, {"c", "two"}, {"d", "two"}, {"asleep", "one"}}));
}

TEST(StickySubscriptionsTest, PairsNeedASubscription) {
  EXPECT_ERROR(AssignSubscriptions(PairsOf({{"a", 1}}), {}), Code::kInvalid, "no subscription");
  ASSERT_OK_AND_ASSIGN(const auto none, AssignSubscriptions({}, {}));
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace catchment::transforms
