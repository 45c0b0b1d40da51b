// What refused identities and subscriptions cost: one question each, and nothing that was answered.

#include <gmock/gmock.h>

#include "sources/azure/placement_fixture.h"

namespace catchment::sources::azure {
namespace {

using net::Answer;

constexpr char kFirstSubscription[] = "aaaaaaaa-0000-0000-0000-00000000000a";
constexpr char kSecondSubscription[] = "bbbbbbbb-0000-0000-0000-00000000000b";

class PlacementCredentialsTest : public PlacementRuns {};

TEST_F(PlacementCredentialsTest, ATokenThatCannotBeHadIsAskedForOnce) {
  struct Refusing final : net::TokenSource {
    Result<net::Secret> Token(const OpContext&) override {
      ++asked;
      return Denied("invalid_client");
    }
    void Drop(const net::Secret&) override {}
    int asked = 0;
  } tokens;
  tokens_ = &tokens;
  const SourceResult result = Run();
  EXPECT_EQ(result.report.error_code, "denied");
  EXPECT_EQ(Missing(result.report, "credentials"), 60);
  EXPECT_LE(tokens.asked, 2);  // for the locations and for the calls
  EXPECT_TRUE(world_.asks.empty());
}

TEST_F(PlacementCredentialsTest, A401MidwayStopsTheIdentityAndKeepsWhatWasAnswered) {
  pairs_ = Grid(16, 20);
  parameters_["placement_in_flight"] = 1;
  world_.fault = [](const PlacementAsk& ask) -> std::optional<Result<net::Response>> {
    if (ask.nth < 5) return std::nullopt;
    return Answer(401, "expired");
  };
  const SourceResult result = Run();
  EXPECT_EQ(result.report.state, SourceState::kPartial);
  EXPECT_EQ(Sum(result.report, &CoverageRow::answered), 120);
  EXPECT_EQ(Missing(result.report, "credentials"), 200);
  EXPECT_EQ(world_.asks.size(), 5u);
  EXPECT_EQ(state_["rotation"]["day"], "2026-01-28");
}

TEST_F(PlacementCredentialsTest, A401ToTheFirstQuestionIsTheOnlyOne) {
  world_.fault = [](const PlacementAsk&) -> std::optional<Result<net::Response>> {
    return Answer(401, "expired");
  };
  const SourceResult result = Run();
  EXPECT_EQ(world_.asks.size(), 1u);
  EXPECT_EQ(Missing(result.report, "credentials"), 60);
  EXPECT_EQ(result.report.error_code, "denied");
  EXPECT_TRUE(state_["rotation"]["day"].is_null());
}

TEST_F(PlacementCredentialsTest, A403StopsItsSubscriptionOnly) {
  world_.subscriptions = {kFirstSubscription, kSecondSubscription};
  pairs_ = Grid(16, 40);
  parameters_["placement_in_flight"] = 1;
  world_.fault = [](const PlacementAsk& ask) -> std::optional<Result<net::Response>> {
    if (ask.subscription != kFirstSubscription || ask.location == "unknown") return std::nullopt;
    return Answer(403, "AuthorizationFailed");
  };
  const SourceResult result = Run();
  EXPECT_GT(Sum(result.report, &CoverageRow::answered), 0);
  EXPECT_GT(Missing(result.report, "credentials"), 0);
  EXPECT_EQ(Sum(result.report, &CoverageRow::answered) + Missing(result.report, "credentials"),
            16 * 40);
  EXPECT_EQ(std::count_if(world_.asks.begin(), world_.asks.end(),
                          [](const PlacementAsk& ask) {
                            return ask.subscription == kFirstSubscription &&
                                   ask.location != "unknown";
                          }),
            1);
}

TEST_F(PlacementCredentialsTest, WithoutCredentialsEveryPairIsMissingForThem) {
  no_credentials_ = NotFound("no variable AZURE_SUBSCRIPTIONS");
  const SourceResult result = Run();
  EXPECT_EQ(result.report.state, SourceState::kUnavailable);
  EXPECT_EQ(result.report.error_code, "denied");
  EXPECT_EQ(Missing(result.report, "credentials"), 60);
  EXPECT_EQ(result.tables.at("").num_rows(), 0);
  EXPECT_EQ(result.tables.at("scores").num_rows(), 0);
}

}  // namespace
}  // namespace catchment::sources::azure
