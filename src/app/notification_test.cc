#include "app/notification.h"

#include "base/test.h"

namespace catchment::app {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr Time kMidnight{std::chrono::sys_days{std::chrono::year(2026) / 1 / 28}};

RunFacts AtSlot(Time slot) {
  RunFacts facts;
  facts.pipeline = "azure-spot";
  facts.environment = EnvironmentLabel("prod", "");
  facts.slot = FormatTime(slot);
  facts.slot_start = slot;
  facts.tasks = {"price", "interruption", "resource_skus", "placement"};
  facts.head = HeadFacts{41, "2026-01-28T00:00:00Z"};
  return facts;
}

/// Placement lost pairs to the budget, and interruption was not let in.
RunFacts WithHoles(Time slot) {
  RunFacts facts = AtSlot(slot);
  facts.published = 42;
  SourceReport placement;
  placement.source = "placement";
  placement.state = SourceState::kPartial;
  for (const auto& [expected, missing] : {std::pair(30'000, 4'093), std::pair(2'203, 0)}) {
    CoverageRow row;
    row.source = "placement";
    row.unit = "pair";
    row.expected = expected;
    row.answered = expected - missing;
    if (missing > 0) row.missing["budget"] = missing;
    placement.coverage.push_back(row);
  }
  placement.gaps = {{"placement", "budget", 4'093, "quota"}};
  SourceReport interruption;
  interruption.source = "interruption";
  interruption.state = SourceState::kUnavailable;
  interruption.gaps = {{"interruption", "credentials", 1, "401"}};
  facts.reports = {interruption, placement};
  facts.gaps = {interruption.gaps[0], placement.gaps[0]};
  return facts;
}

const std::vector<std::string> kFailedAndGap = {"failed", "gap"};

TEST(NotificationTest, AFailedRunSaysWhyAndWhatStands) {
  RunFacts facts = AtSlot(kMidnight + minutes(10));
  facts.state = core::RunState::kFailed;
  facts.message = "price: $skip=4000: HTTP 503 after 5 tries";
  EXPECT_EQ(NotificationText(facts, kFailedAndGap),
            "[azure-spot prod] 2026-01-28T00:10:00Z failed: price: $skip=4000: HTTP 503 after 5 "
            "tries. Nothing published; head is 41 (2026-01-28T00:00:00Z).");
}

TEST(NotificationTest, APublishWithHolesNamesEachSource) {
  EXPECT_EQ(NotificationText(WithHoles(kMidnight + minutes(20)), kFailedAndGap),
            "[azure-spot prod] 2026-01-28T00:20:00Z published as 42 with holes: placement 28,110 "
            "of 32,203 pairs (budget 4,093); interruption unavailable (credentials).");
}

TEST(NotificationTest, ARunHeldBackByTheContractIsAFailure) {
  RunFacts facts = AtSlot(kMidnight);
  facts.state = core::RunState::kHeld;
  facts.message = "held back by the contract: snapshot: 3 rows have no spot_price.";
  facts.head = HeadFacts{};
  const std::string text =
      "[azure-spot prod] 2026-01-28T00:00:00Z failed: held back by the contract: snapshot: 3 rows "
      "have no spot_price. Nothing published; there is no publish yet.";
  EXPECT_EQ(NotificationText(facts, kFailedAndGap), text);
  EXPECT_EQ(NotificationText(facts, std::vector<std::string>{"held"}), text);
  EXPECT_EQ(NotificationText(facts, std::vector<std::string>{"gap"}), std::nullopt);
}

TEST(NotificationTest, GapsOfTheSameKindsAreToldFourTimesADay) {
  for (const auto& [after, told] :
       {std::pair(minutes(0), true), std::pair(minutes(10), false), std::pair(minutes(350), false),
        std::pair(minutes(360), true), std::pair(minutes(720), true),
        std::pair(minutes(1080), true), std::pair(minutes(1090), false)}) {
    RunFacts facts = WithHoles(kMidnight + after);
    // Other numbers and details are no other kinds.
    facts.gaps_before = {{"placement", "budget", 7, ""}, {"interruption", "credentials", 1, "403"}};
    EXPECT_EQ(NotificationText(facts, kFailedAndGap).has_value(), told) << facts.slot;
  }
}

TEST(NotificationTest, GapsOfOtherKindsAreToldAtOnce) {
  RunFacts facts = WithHoles(kMidnight + minutes(10));
  facts.gaps_before.emplace();
  EXPECT_TRUE(NotificationText(facts, kFailedAndGap).has_value());
  facts.gaps_before = {{"placement", "failed", 7, ""}, {"interruption", "credentials", 1, ""}};
  EXPECT_TRUE(NotificationText(facts, kFailedAndGap).has_value());
  facts.gaps.clear();
  EXPECT_FALSE(NotificationText(facts, kFailedAndGap).has_value());
}

TEST(NotificationTest, EveryPublishIsToldToThoseWhoAskForIt) {
  RunFacts facts = AtSlot(kMidnight + minutes(10));
  const std::vector<std::string> published = {"published"};
  EXPECT_EQ(NotificationText(facts, published), std::nullopt);
  facts.published = 42;
  EXPECT_EQ(NotificationText(facts, published),
            "[azure-spot prod] 2026-01-28T00:10:00Z published as 42.");
  facts = WithHoles(kMidnight + minutes(10));
  facts.gaps_before = facts.gaps;
  EXPECT_TRUE(NotificationText(facts, published).has_value());
}

TEST(NotificationTest, RunsThatHadNothingToDoSayNothing) {
  RunFacts facts = AtSlot(kMidnight);
  const std::vector<std::string> all = {"failed", "gap", "held", "published"};
  for (const core::RunState state :
       {core::RunState::kDone, core::RunState::kSkipped, core::RunState::kCancelled}) {
    facts.state = state;
    EXPECT_EQ(NotificationText(facts, all), std::nullopt);
  }
}

TEST(NotificationTest, OldCopiesAndLateSlotsAreHolesToo) {
  RunFacts facts = AtSlot(kMidnight);
  facts.published = 7;
  SourceReport price;
  price.source = "price";
  price.state = SourceState::kCached;
  facts.reports = {price};
  facts.gaps = {{"price", "failed", 1, ""}, {"interruption", "late", 1, ""}};
  EXPECT_EQ(NotificationText(facts, kFailedAndGap),
            "[azure-spot prod] 2026-01-28T00:00:00Z published as 7 with holes: interruption (late "
            "1); price cached (failed).");
}

TEST(NotificationTest, AMessageIsOneLineAndAnUnreadableHeadIsSaid) {
  RunFacts facts = AtSlot(kMidnight);
  facts.state = core::RunState::kDeferred;
  facts.message = "a: first\nb: second";
  facts.head.reset();
  EXPECT_EQ(NotificationText(facts, kFailedAndGap),
            "[azure-spot prod] 2026-01-28T00:00:00Z failed: a: first; b: second. Nothing "
            "published; head cannot be read.");
}

TEST(NotificationTest, ATestEnvironmentIsNamedByItsSuffix) {
  EXPECT_EQ(EnvironmentLabel("staging", "-test"), "test");
  EXPECT_EQ(EnvironmentLabel("prod", ""), "prod");
  EXPECT_EQ(EnvironmentLabel("prod", "-"), "prod");
}

}  // namespace
}  // namespace catchment::app
