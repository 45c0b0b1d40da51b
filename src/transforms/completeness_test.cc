#include "transforms/completeness.h"

#include "base/test.h"

namespace catchment::transforms {
namespace {

SourceReport Items(int64_t expected, int64_t missing = 0) {
  SourceReport report;
  report.source = "items";
  CoverageRow row;
  row.source = "items";
  row.unit = "item";
  row.expected = expected;
  row.answered = expected - missing;
  if (missing > 0) {
    row.missing = {{"http_404", missing}};
    report.gaps.push_back({"items", "http_404", missing, ""});
  }
  report.coverage.push_back(row);
  return report;
}

SourceReport Days(int64_t failed) {
  SourceReport report;
  report.source = "days";
  CoverageRow row;
  row.unit = "day";
  row.expected = 31;
  row.answered = 31 - failed;
  if (failed > 0) {
    row.missing = {{"failed", failed}};
    report.gaps.push_back({"days", "failed", failed, "day 2024-01-17: CMR answered 503 six times"});
  }
  report.coverage.push_back(row);
  return report;
}

Completeness Check(int64_t rows, const SourceReport& items, const SourceReport& days,
                   const CompletenessRule& rule = {.at_least = 0.999}) {
  return CheckCompleteness(rule, {"month", rows, {&items}, {&days}});
}

TEST(CompletenessTest, AllOfItIsPublishedWithoutGaps) {
  const Completeness found = Check(104'675, Items(104'675), Days(0));
  EXPECT_TRUE(found.holds);
  EXPECT_TRUE(found.gaps.empty());
  EXPECT_EQ(found.expected, 104'675);
}

TEST(CompletenessTest, FewMissingOnesArePublishedWithTheirGaps) {
  const Completeness found = Check(104'671, Items(104'675, 4), Days(0));
  EXPECT_TRUE(found.holds);
  EXPECT_TRUE(found.gaps.empty());  // the source named them
}

// H10 worse_over_good: a month with failed parts overwrote a good file.
TEST(CompletenessTest, BelowTheThresholdItIsHeldBack) {
  const Completeness found = Check(104'520, Items(104'675, 155), Days(0));
  EXPECT_FALSE(found.holds);
  EXPECT_EQ(found.message,
            "held back: 104,520 of 104,675 items (99.852 %) are below complete 99.9 %");
  const Completeness holes =
      Check(104'520, Items(104'675, 155), Days(0), {.at_least = 0.999, .hold_below = false});
  EXPECT_TRUE(holes.holds);
  EXPECT_TRUE(holes.message.empty());
}

// H06 silent_loss: failed fetches were left out, and the job was successful.
TEST(CompletenessTest, WhatNobodyNamedAsMissingIsAGap) {
  const Completeness found = Check(999, Items(1'000), Days(0));
  EXPECT_TRUE(found.holds);
  ASSERT_EQ(found.gaps.size(), 1u);
  EXPECT_EQ(found.gaps[0].source, "month");
  EXPECT_EQ(found.gaps[0].units, 1);
  const Completeness more = Check(990, Items(1'000, 4), Days(0), {.at_least = 0.5});
  ASSERT_EQ(more.gaps.size(), 1u);
  EXPECT_EQ(more.gaps[0].units, 6);
}

TEST(CompletenessTest, WhatTheTransformPutAsideIsNamedAlready) {
  const SourceReport items = Items(1'000), days = Days(0);
  SourceReport month;
  month.gaps.push_back({"month", "quarantined", 1, "misfit /properties/eo:cloud_cover"});
  const Completeness found =
      CheckCompleteness({.at_least = 0.9}, {"month", 999, {&items}, {&days}, {&month}});
  EXPECT_TRUE(found.holds);
  EXPECT_TRUE(found.gaps.empty());
}

TEST(CompletenessTest, WhereAllWereRejectedTheMessageSaysWhy) {
  const SourceReport items = Items(1'000), days = Days(0);
  SourceReport month;
  month.gaps.push_back(
      {"month", "rejected", 1'000, "misfit /properties/a in 1000 items (first x)"});
  const CompletenessFacts facts{"month", 0, {&items}, {&days}, {&month}};
  for (const bool hold : {true, false}) {
    const Completeness found = CheckCompleteness({.at_least = 0.9, .hold_below = hold}, facts);
    EXPECT_FALSE(found.holds);
    EXPECT_EQ(found.message, "misfit /properties/a in 1000 items (first x)");
  }
}

TEST(CompletenessTest, AStaleRowExplainsNoMissingOne) {
  SourceReport items = Items(1'000);
  items.gaps.push_back({"items", "stale_revision", 5, ""});
  EXPECT_EQ(Check(999, items, Days(0)).gaps.size(), 1u);
}

TEST(CompletenessTest, ADayWithoutAListMakesItUnknown) {
  const Completeness found = Check(100'000, Items(100'000), Days(1));
  EXPECT_FALSE(found.holds);
  EXPECT_EQ(found.message,
            "held back: it is not known how many items there are: day 2024-01-17: CMR answered 503 "
            "six times");
  EXPECT_TRUE(Check(100'000, Items(100'000), Days(1), {.hold_below = false}).holds);
}

// H09 hits_ignored: hits, links and rows were never compared.
TEST(CompletenessTest, WhatCmrCountedAndNeverListedIsExpected) {
  SourceReport days = Days(0);
  days.gaps.push_back(
      {"days", "no_answer", 155, "day 2024-01-17: CMR-Hits is 500, entries are 345"});
  const Completeness found = Check(104'520, Items(104'520), days);
  EXPECT_EQ(found.expected, 104'675);
  EXPECT_FALSE(found.holds);
  EXPECT_TRUE(found.gaps.empty());  // named by the source
}

TEST(CompletenessTest, ADayWhoseOldListStandsIsKnown) {
  SourceReport days = Days(1);
  days.gaps[0].reason = "stale";
  EXPECT_TRUE(Check(100'000, Items(100'000), days).holds);
}

TEST(CompletenessTest, SourcesThatSayNothingOfItemsMakeItUnknown) {
  EXPECT_EQ(Check(5, Days(0), Days(0)).message,
            "held back: it is not known how many items there are: no source of 'month' says how "
            "many items there are");
}

TEST(CompletenessTest, TheThresholdItselfIsEnough) {
  EXPECT_TRUE(Check(999, Items(1'000, 1), Days(0)).holds);
  EXPECT_FALSE(Check(998, Items(1'000, 2), Days(0)).holds);
  EXPECT_TRUE(Check(0, Items(0), Days(0)).holds);  // nothing expected, nothing missing
  EXPECT_NE(Check(999'996, Items(1'000'000, 4), Days(0), {.at_least = 1}).message.find("99.999 %"),
            std::string::npos);
}

TEST(CompletenessTest, WhatIsNotDueIsNotExpected) {
  SourceReport items = Items(100);
  items.coverage[0].left_out = 40;
  EXPECT_EQ(Check(60, items, Days(0)).expected, 60);
}

}  // namespace
}  // namespace catchment::transforms
