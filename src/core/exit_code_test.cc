#include "core/exit_code.h"

#include <gtest/gtest.h>

namespace catchment::core {
namespace {

SourceReport Of(SourceState state, std::string error_code = "") {
  SourceReport report;
  report.state = state;
  report.error_code = std::move(error_code);
  return report;
}

TEST(ExitCodeTest, EachErrorHasItsCode) {
  const std::pair<Code, int> table[] = {
      {Code::kInvalid, 2},      {Code::kNotFound, 10},  {Code::kExists, 75},
      {Code::kLocked, 11},      {Code::kDenied, 12},    {Code::kExhausted, 5},
      {Code::kUnavailable, 75}, {Code::kDeadline, 124}, {Code::kCancelled, 130},
      {Code::kCorrupt, 1},      {Code::kInternal, 1}};
  for (const auto& [code, exit_code] : table) EXPECT_EQ(ExitCodeOf(code), exit_code);
}

TEST(ExitCodeTest, SourcesEndTheRunByTheRulesOfTheDesign) {
  const SourceReport live = Of(SourceState::kLive), cached = Of(SourceState::kCached),
                     denied = Of(SourceState::kUnavailable, "denied"),
                     exhausted = Of(SourceState::kUnavailable, "exhausted"),
                     down = Of(SourceState::kUnavailable, "unavailable"),
                     bug = Of(SourceState::kUnavailable, "internal");
  const struct {
    std::vector<CollectOutcome> outcomes;
    int exit_code;
  } table[] = {
      {{}, 0},
      {{{&live, true}}, 0},
      {{{&live, true}, {&down, false}}, 0},
      {{{&cached, false}, {&denied, false}}, 0},
      {{{&live, true}, {&denied, true}}, 12},
      {{{&live, true}, {&exhausted, true}}, 5},
      {{{&live, true}, {&down, true}}, 75},
      {{{&live, true}, {&bug, true}}, 1},
      {{{&down, true}, {&denied, true}}, 12},
      {{{&down, false}, {&denied, false}}, 75},
  };
  for (const auto& row : table) EXPECT_EQ(CollectExitCode(row.outcomes), row.exit_code);
}

TEST(ExitCodeTest, ThreeIfAndOnlyIfThereIsAGap) {
  EXPECT_EQ(PublishedExitCode(false, false), 0);
  EXPECT_EQ(PublishedExitCode(true, false), 3);
  EXPECT_EQ(PublishedExitCode(false, true), 75);
  EXPECT_EQ(PublishedExitCode(true, true), 75);
}

TEST(ExitCodeTest, OfSeveralRunsTheMostSevereCounts) {
  const int order[] = {124, 1, 12, 5, 75, 4, 3, 0};
  for (size_t i = 0; i < std::size(order); ++i) {
    for (size_t j = i; j < std::size(order); ++j) {
      EXPECT_EQ(MostSevere(order[i], order[j]), order[i]);
      EXPECT_EQ(MostSevere(order[j], order[i]), order[i]);
    }
  }
  EXPECT_EQ(SignalExitCode(15), 143);
  EXPECT_EQ(SignalExitCode(2), 130);
}

}  // namespace
}  // namespace catchment::core
