// Answers that a killed run was given serve the next run of the slot.

#include <gmock/gmock.h>

#include "sources/azure/placement_fixture.h"

namespace catchment::sources::azure {
namespace {

using std::chrono_literals::operator""min;

/// Subscription, regions, SKUs and count of every request: what must not be asked twice.
std::multiset<std::string> Questions(const std::vector<PlacementAsk>& asks) {
  std::multiset<std::string> questions;
  for (const PlacementAsk& ask : asks) {
    if (ask.location == "unknown") continue;
    questions.insert(fmt::format("{} {} {} {}", ask.subscription, fmt::join(ask.regions, ","),
                                 fmt::join(ask.skus, ","), ask.count));
  }
  return questions;
}

class PlacementRecallTest : public PlacementRuns {};

TEST_F(PlacementRecallTest, AKilledRunsAnswersAreNotAskedForAgain) {
  pairs_ = Grid(8, 30);
  ASSERT_EQ(Run().report.counts.at("plan.calls"), 6);
  clock_.Advance(70min);
  world_.asks.clear();
  RunKilledAfter(3);
  clock_.Advance(1min);
  RunKilledAfter(2);  // uses the first three, and is killed too
  const Time killed = clock_.Now();
  clock_.Advance(1min);
  const SourceResult result = Run();
  EXPECT_EQ(result.report.state, SourceState::kLive);
  EXPECT_EQ(result.report.counts.at("recalled"), 5);
  EXPECT_EQ(result.report.calls, 1);
  EXPECT_THAT(result.report.notes, testing::Contains(testing::HasSubstr("dead0, dead1")));
  EXPECT_LT(*result.report.oldest_fact, killed);  // they keep the time they were received
  const auto questions = Questions(world_.asks);
  EXPECT_EQ(questions.size(), 6u);
  EXPECT_EQ(std::set(questions.begin(), questions.end()).size(), 6u);
}

TEST_F(PlacementRecallTest, EarlierAnswersServeWhenTheBudgetIsUsedUp) {
  pairs_ = Grid(8, 30);
  Run();
  clock_.Advance(70min);
  RunKilledAfter(4);
  const auto buckets =
      PlacementBuckets("azure", {Digest(world_.subscriptions[0])}, world_.locations);
  const auto rooms = budgets_.Free(buckets, clock_.Now());
  ASSERT_OK(rooms);
  for (size_t at = 0; at < buckets.size(); ++at) {
    const net::BudgetSpend rest{buckets[at], (*rooms)[at].free};
    ASSERT_OK(budgets_.TakeBatch({&rest, 1}, clock_.Now()));
  }
  const SourceResult result = Run();
  EXPECT_EQ(result.report.counts.at("recalled"), 4);
  EXPECT_EQ(result.report.calls, 0);
  EXPECT_EQ(result.report.state, SourceState::kPartial);
  EXPECT_EQ(Sum(result.report, &CoverageRow::left_out), 0);
  EXPECT_EQ(Missing(result.report, "budget"), 80);
  EXPECT_EQ(Sum(result.report, &CoverageRow::answered), 160);
}

TEST_F(PlacementRecallTest, RefreshAndOldAgeAskAnew) {
  pairs_ = Grid(8, 30);
  Run();
  clock_.Advance(70min);
  RunKilledAfter(3);
  const json state = state_;
  refresh_mode_ = RefreshMode::kAll;
  EXPECT_FALSE(Run().report.counts.contains("recalled"));
  state_ = state;
  refresh_mode_ = RefreshMode::kNone;
  EXPECT_EQ(Run().report.counts.at("recalled"), 3);
  state_ = state;
  clock_.Advance(63min);
  EXPECT_FALSE(Run().report.counts.contains("recalled"));
}

TEST_F(PlacementRecallTest, AnEarlierAnswerWithoutScoresIsAskedForAgain) {
  pairs_ = Grid(8, 30);
  Run();
  clock_.Advance(70min);
  world_.fault = [](const PlacementAsk&) { return net::Answer(200, R"({"placementScores":7})"); };
  RunKilledAfter(2);
  world_.fault = nullptr;
  const SourceResult result = Run();
  EXPECT_EQ(result.report.state, SourceState::kLive);
  EXPECT_FALSE(result.report.counts.contains("recalled"));
}

TEST_F(PlacementRecallTest, WhatWasLeftOfACallServesOnceItsInvalidValuesAreKnownAgain) {
  pairs_ = Grid(8, 30);
  Run();
  const json state = state_;
  // One at a time, calls learn from the first; all at once, each is refused.
  for (const auto& [in_flight, refused] : {std::pair(1, 1), std::pair(16, 6)}) {
    clock_.Advance(70min);
    state_ = state;
    parameters_["placement_in_flight"] = in_flight;
    world_.invalid = {"region03"};
    world_.asks.clear();
    dead_.clear();
    RunKilledAfter(refused + 3);
    const SourceResult result = Run();
    EXPECT_EQ(result.report.state, SourceState::kLive);
    EXPECT_EQ(result.report.counts.at("recalled"), 3);
    std::erase_if(world_.asks, [](const PlacementAsk& ask) {
      return std::find(ask.regions.begin(), ask.regions.end(), "region03") != ask.regions.end();
    });
    const auto questions = Questions(world_.asks);
    EXPECT_EQ(questions.size(), 6u);
    EXPECT_EQ(std::set(questions.begin(), questions.end()).size(), 6u);
  }
}

}  // namespace
}  // namespace catchment::sources::azure
