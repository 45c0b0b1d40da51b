#include "transforms/call_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>

#include "base/test.h"

namespace catchment::transforms {
namespace {

const Time kNow = *ParseTime("2026-01-28T00:10:00Z");

WaitingPair Pair(const std::string& region, const std::string& sku,
                 std::optional<int> hours_ago = {}) {
  WaitingPair pair{{region, sku}, "s", {}};
  if (hours_ago) pair.scored_at = kNow - std::chrono::hours(*hours_ago);
  return pair;
}

TEST(CallChoiceTest, NeverScoredThenStalestThenMost) {
  const std::vector<PlannedCall> plan = {{"s", {{"a", "b", "c"}, {"x"}}},  // three, fresh
                                         {"s", {{"a"}, {"stale"}}},        // one, stale
                                         {"s", {{"a"}, {"new"}}},          // one, never scored
                                         {"s", {{"a", "b"}, {"fresh"}}},   // two, fresh
                                         {"s", {{"d"}, {"nobody waits"}}}};
  const std::vector<WaitingPair> waiting = {
      Pair("a", "x", 1),     Pair("b", "x", 1),     Pair("c", "x", 1), Pair("a", "stale", 5),
      Pair("a", "fresh", 1), Pair("b", "fresh", 1), Pair("a", "new")};
  EXPECT_EQ(ChooseCalls(plan, waiting, {.total = 100}).calls, (std::vector<int32_t>{2, 1, 0, 3}));
  const CallChoice two = ChooseCalls(plan, waiting, {.total = 2});
  EXPECT_EQ(two.calls, (std::vector<int32_t>{2, 1}));
  EXPECT_EQ(two.left_out, (std::vector<CoverPair>{
                              {"a", "fresh"}, {"a", "x"}, {"b", "fresh"}, {"b", "x"}, {"c", "x"}}));
  EXPECT_EQ(ChooseCalls(plan, waiting, {}).left_out.size(), 7);
  EXPECT_TRUE(ChooseCalls(plan, waiting, {.total = 100}).left_out.empty());
}

TEST(CallChoiceTest, PairsServedAlreadyCountNoMore) {
  const std::vector<PlannedCall> plan = {
      {"s", {{"a", "b"}, {"x"}}}, {"s", {{"a", "b", "c"}, {"x"}}}, {"s", {{"d"}, {"x"}}}};
  const std::vector<WaitingPair> waiting = {Pair("a", "x"), Pair("b", "x"), Pair("c", "x"),
                                            Pair("d", "x")};
  EXPECT_EQ(ChooseCalls(plan, waiting, {.total = 3}).calls, (std::vector<int32_t>{1, 2}));
}

TEST(CallChoiceTest, EachSubscriptionSpendsItsOwnAllowance) {
  std::vector<PlannedCall> plan;
  std::vector<WaitingPair> waiting;
  for (const std::string subscription : {"s", "t"}) {
    for (const std::string region : {"a", "b", "c"}) {
      plan.push_back({subscription, {{region}, {"x" + subscription}}});
      waiting.push_back({{region, "x" + subscription}, subscription, {}});
    }
  }
  // A call of another subscription does not serve a pair.
  plan.push_back({"t", {{"a", "b", "c"}, {"xs"}}});
  const CallChoice choice =
      ChooseCalls(plan, waiting, {.total = 5, .of_subscription = {{"s", 1}, {"t", 9}}});
  EXPECT_EQ(choice.calls, (std::vector<int32_t>{0, 3, 4, 5}));
  EXPECT_EQ(choice.left_out, (std::vector<CoverPair>{{"b", "xs"}, {"c", "xs"}}));
}

TEST(CallChoiceTest, ScoresOfOneRunAreEquallyOld) {
  const std::vector<PlannedCall> plan = {{"s", {{"a"}, {"x"}}}, {"s", {{"b", "c"}, {"x"}}}};
  std::vector<WaitingPair> waiting = {Pair("a", "x", 3), Pair("b", "x", 3), Pair("c", "x", 3)};
  waiting[1].scored_at = *waiting[1].scored_at + std::chrono::minutes(5);
  waiting[2].scored_at = *waiting[2].scored_at + std::chrono::minutes(6);
  EXPECT_EQ(ChooseCalls(plan, waiting, {.total = 1}).calls, (std::vector<int32_t>{1}));
  waiting[0].scored_at = *waiting[0].scored_at - std::chrono::minutes(10);
  EXPECT_EQ(ChooseCalls(plan, waiting, {.total = 1}).calls, (std::vector<int32_t>{0}));
}

TEST(CallChoiceTest, TheOrderOfPairsDoesNotMatterAndAgreesWithAPlainSearch) {
  std::mt19937 random(5);
  for (int round = 0; round < 30; ++round) {
    std::vector<PlannedCall> plan;
    std::vector<WaitingPair> waiting;
    for (int sku = 0; sku < 8; ++sku) {
      for (int region = 0; region < 8; ++region) {
        if (random() % 3 == 0) continue;
        auto pair = Pair(fmt::format("r{}", region), fmt::format("x{}", sku),
                         static_cast<int>(random() % 4));
        if (random() % 4 == 0) pair.scored_at.reset();
        waiting.push_back(pair);
      }
    }
    for (int call = 0; call < 20; ++call) {
      PlannedCall planned{"s", {}};
      for (int number = 0; number < 8; ++number) {
        if (random() % 3 == 0) planned.call.regions.push_back(fmt::format("r{}", number));
        if (random() % 3 == 0) planned.call.skus.push_back(fmt::format("x{}", number));
      }
      plan.push_back(planned);
    }
    const CallChoice choice = ChooseCalls(plan, waiting, {.total = 6});

    // The same by looking at every call each time.
    std::vector<WaitingPair> open = waiting;
    std::vector<int32_t> expected;
    while (expected.size() < 6) {
      std::array<int64_t, 4> best = {};
      int32_t chosen = -1;
      const auto in = [&](const WaitingPair& pair, size_t call) {
        return std::ranges::count(plan[call].call.regions, pair.pair.region) > 0 &&
               std::ranges::count(plan[call].call.skus, pair.pair.sku) > 0;
      };
      for (size_t call = 0; call < plan.size(); ++call) {
        int64_t never = 0, age = -1, of_age = 0, all = 0;
        for (const WaitingPair& pair : open) {
          if (!in(pair, call)) continue;
          ++all;
          const int64_t own =
              pair.scored_at ? (kNow - *pair.scored_at) / std::chrono::hours(1) : -2;
          never += own == -2;
          if (own == -2) continue;
          of_age = own > age ? 1 : of_age + (own == age);
          age = std::max(age, own);
        }
        const std::array<int64_t, 4> worth = {never, age + 1, of_age, all};
        if (all > 0 && (chosen < 0 || worth > best)) {
          best = worth;
          chosen = static_cast<int32_t>(call);
        }
      }
      if (chosen < 0) break;
      expected.push_back(chosen);
      std::erase_if(open,
                    [&](const WaitingPair& pair) { return in(pair, static_cast<size_t>(chosen)); });
    }
    EXPECT_EQ(choice.calls, expected);
    EXPECT_EQ(choice.left_out.size(), open.size());
    std::shuffle(waiting.begin(), waiting.end(), random);
    EXPECT_EQ(ChooseCalls(plan, waiting, {.total = 6}).calls, expected);
  }
}

}  // namespace
}  // namespace catchment::transforms
