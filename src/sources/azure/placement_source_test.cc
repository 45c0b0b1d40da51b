#include "sources/azure/placement_source.h"

#include <gmock/gmock.h>

#include <fstream>

#include "base/file.h"
#include "sources/azure/placement_fixture.h"

namespace catchment::sources::azure {
namespace {

using net::Answer;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using transforms::CoverPair;

std::vector<std::string> TextsOf(const columnar::Table& table, const std::string& column) {
  std::vector<std::string> texts;
  const auto rows = table.Load({column}).value()->CombineChunks().ValueOrDie();
  if (rows->num_rows() == 0) return texts;
  const auto values = std::static_pointer_cast<arrow::StringArray>(rows->column(0)->chunk(0));
  for (int64_t row = 0; row < rows->num_rows(); ++row)
    texts.push_back(values->IsNull(row) ? "null" : values->GetString(row));
  return texts;
}

constexpr char kA[] = "aaaaaaaa-0000-0000-0000-00000000000a";
constexpr char kB[] = "bbbbbbbb-0000-0000-0000-00000000000b";
constexpr char kC[] = "cccccccc-0000-0000-0000-00000000000c";

class PlacementSourceTest : public PlacementRuns {};

TEST_F(PlacementSourceTest, AFirstRunPlansAsksForOneMachineAndAnswersEveryPair) {
  const SourceResult result = Run();
  const SourceReport& report = result.report;
  EXPECT_EQ(report.state, SourceState::kLive);
  EXPECT_TRUE(report.gaps.empty());
  ASSERT_EQ(report.coverage.size(), 10u);
  EXPECT_EQ(report.coverage[0].region, "region00");
  EXPECT_EQ(report.coverage[0].desired_count, 1);
  EXPECT_EQ(report.coverage[0].unit, "pair");
  EXPECT_EQ(Sum(report, &CoverageRow::expected), 60);
  EXPECT_EQ(Sum(report, &CoverageRow::scored), 60);
  EXPECT_EQ(result.tables.at("").num_rows(), result.tables.at("scores").num_rows());
  EXPECT_GE(result.tables.at("").num_rows(), 120);
  EXPECT_EQ(result.tables.at("scores").schema()->field_names(),
            (std::vector<std::string>{"slot", "date", "instance_tier", "instance_type", "sku",
                                      "region_code", "zone", "desired_count", "score_text", "score",
                                      "quota_available", "wanted", "subscription", "call_id",
                                      "asked_at"}));
  EXPECT_EQ(result.tables.at("plan").num_rows(), report.counts.at("plan.calls"));
  EXPECT_EQ(state_["rotation"]["day"], "2026-01-28");
  EXPECT_EQ(state_["rotation"]["index"], 0);
  EXPECT_EQ(state_["plan"]["pairs"], 60);
  EXPECT_EQ(state_["locations"], (json{"loc1", "loc2", "loc3"}));
  for (const PlacementAsk& ask : world_.asks) EXPECT_EQ(ask.count, 1);

  clock_.Advance(10min);
  const size_t asked = world_.asks.size();
  const SourceResult next = Run();  // the rotation's first count; the plan stays
  EXPECT_FALSE(next.tables.contains("plan"));
  EXPECT_EQ(state_["rotation"]["index"], 1);
  EXPECT_NE(world_.asks[asked].location, "unknown");  // locations are asked for once a day
  clock_.Advance(10min);
  Run();
  EXPECT_EQ(world_.asks.back().count, 5);
  EXPECT_EQ(state_["rotation"]["index"], 2);
  EXPECT_EQ(world_.refused, 0);
}

TEST_F(PlacementSourceTest, OnlyDigestsOfSubscriptionsAreRecorded) {
  world_.fault = [&](const PlacementAsk& ask) -> std::optional<Result<net::Response>> {
    if (ask.nth != 2) return std::nullopt;
    return Answer(404, "no /subscriptions/" + ToLower(world_.subscriptions[0]) + "/x here");
  };
  const SourceResult result = Run();
  EXPECT_EQ(world_.asks[0].subscription, ToLower(world_.subscriptions[0]));
  const std::string id = ToLower(world_.subscriptions[0]);
  for (const net::Exchange& exchange : exchanges_) {
    EXPECT_EQ(ToLower(net::FormatExchange(exchange)).find(id), std::string::npos);
  }
  EXPECT_EQ(ToJson(result.report).dump().find(id), std::string::npos);
  EXPECT_NE(ToJson(result.report).dump().find(Digest(id)), std::string::npos);
  for (const std::string& text : TextsOf(result.tables.at("scores"), "subscription"))
    EXPECT_EQ(text, Digest(id));
}

// A09: what was answered before the quota ran out stays.
TEST_F(PlacementSourceTest, A09_AnswersBeforeAnExhaustedQuotaAreKept) {
  parameters_["counts"] = {1, 20};
  pairs_ = Grid(16, 20);  // 8 calls
  world_.fault = [](const PlacementAsk& ask) -> std::optional<Result<net::Response>> {
    if (ask.location == "unknown" || ask.nth <= 4) return std::nullopt;
    return PlacementWorld::Spent(" Please try again after 3600 seconds.");
  };
  const SourceResult result = Run();
  EXPECT_EQ(result.report.state, SourceState::kPartial);
  EXPECT_EQ(Sum(result.report, &CoverageRow::answered), 120);
  EXPECT_EQ(Missing(result.report, "budget"), 200);
  ASSERT_EQ(result.report.gaps.size(), 1u);
  EXPECT_EQ(result.report.gaps[0].reason, "budget");
  EXPECT_TRUE(result.tables.contains("plan"));
  // All buckets rest: the next run has no allowance, and that is a gap.
  clock_.Advance(10min);
  const size_t asked = world_.asks.size();
  const SourceResult next = Run();
  EXPECT_EQ(next.report.state, SourceState::kUnavailable);
  EXPECT_EQ(next.report.error_code, "exhausted");
  EXPECT_EQ(Missing(next.report, "budget"), 320);
  EXPECT_EQ(world_.asks.size(), asked);
  EXPECT_EQ(state_["rotation"]["index"], 0);  // the turn is kept
}

// A10: an error that is not understood is not repeated.
TEST_F(PlacementSourceTest, A10_AnUnknownErrorCostsOneAttempt) {
  world_.fault = [](const PlacementAsk& ask) -> std::optional<Result<net::Response>> {
    if (ask.location == "unknown") return std::nullopt;
    return Answer(418, "teapot");
  };
  const SourceResult result = Run();
  EXPECT_EQ(static_cast<int64_t>(world_.asks.size()), 1 + result.report.counts.at("plan.calls"));
  EXPECT_EQ(Missing(result.report, "rejected"), 60);
  // The service refused: nothing may stop the rotation.
  EXPECT_EQ(state_["rotation"]["day"], "2026-01-28");
}

// A11: the last try failing ends its call only.
TEST_F(PlacementSourceTest, A11_TheLastTryFailingEndsOneCallOnly) {
  pairs_ = Grid(8, 10);
  world_.fault = [](const PlacementAsk& ask) -> std::optional<Result<net::Response>> {
    if (ask.skus.front() != "Standard_A1s_v3" || ask.location == "unknown") return std::nullopt;
    return Answer(502, "BadGatewayConnection");
  };
  const SourceResult result = Run();
  EXPECT_EQ(result.report.state, SourceState::kPartial);
  EXPECT_EQ(Missing(result.report, "failed"), 40);
  EXPECT_EQ(Sum(result.report, &CoverageRow::answered), 40);
  EXPECT_EQ(world_.asks.size(), 1u + 3 + 1);  // three tries, and the other call
}

// A12: pairs of a call that met no connection are counted, not lost.
TEST_F(PlacementSourceTest, A12_AConnectionErrorIsAGapOrRetried) {
  world_.fault = [](const PlacementAsk& ask) -> std::optional<Result<net::Response>> {
    if (ask.nth == 2) return Result<net::Response>(Unavailable("connection reset"));
    return std::nullopt;
  };
  const SourceResult healed = Run();
  EXPECT_EQ(healed.report.state, SourceState::kLive);
  EXPECT_EQ(Sum(healed.report, &CoverageRow::answered), 60);
  clock_.Advance(10min);
  world_.fault = [](const PlacementAsk&) -> std::optional<Result<net::Response>> {
    return Result<net::Response>(Unavailable("connection reset"));
  };
  const SourceResult lost = Run();
  EXPECT_EQ(lost.report.state, SourceState::kUnavailable);
  EXPECT_EQ(Missing(lost.report, "failed"), 60);
  EXPECT_EQ(state_["rotation"]["index"], 0);  // transport only: the turn is repeated
}

// A13: an invalid value in other case is learned; one that was not asked ends the call.
TEST_F(PlacementSourceTest, A13_AnInvalidValueInOtherCaseDoesNotLoop) {
  world_.invalid = {"REGION03", "standard_b1S_V3"};
  const SourceResult result = Run();
  EXPECT_EQ(result.report.state, SourceState::kLive);
  EXPECT_EQ(Sum(result.report, &CoverageRow::expected), 60 - 6 - 9);
  EXPECT_EQ(Sum(result.report, &CoverageRow::excluded_invalid), 6 + 9);
  EXPECT_TRUE(state_["invalid"]["regions"].contains("region03"));
  EXPECT_TRUE(state_["invalid"]["skus"].contains("standard_b1s_v3"));

  clock_.Advance(10min);
  world_.asks.clear();
  world_.fault = [](const PlacementAsk&) -> std::optional<Result<net::Response>> {
    return PlacementWorld::Invalid("elsewhere", "desiredLocations");
  };
  const SourceResult rejected = Run();
  EXPECT_EQ(Missing(rejected.report, "rejected"), 45);
  EXPECT_EQ(static_cast<int64_t>(world_.asks.size()), rejected.report.calls);
  EXPECT_LE(world_.asks.size(), 4u);
}

// A18: a pair is always scored through the same subscription, which is recorded.
TEST_F(PlacementSourceTest, A18_APairKeepsItsSubscription) {
  world_.subscriptions = {kA, kB, kC};
  std::map<std::string, std::string> first;
  for (int run = 0; run < 3; ++run) {
    const SourceResult result = Run();
    const auto skus = TextsOf(result.tables.at(""), "sku");
    const auto subscriptions = TextsOf(result.tables.at(""), "subscription");
    ASSERT_EQ(Sum(result.report, &CoverageRow::answered), 60);
    for (size_t row = 0; row < skus.size(); ++row) {
      EXPECT_EQ(first.try_emplace(skus[row], subscriptions[row]).first->second, subscriptions[row]);
    }
    clock_.Advance(run == 0 ? 10min : 24 * 60min);  // the next day plans anew
    std::swap(world_.subscriptions[0], world_.subscriptions[2]);
  }
  std::set<std::string> used;
  for (const auto& [sku, subscription] : first) used.insert(subscription);
  EXPECT_GT(used.size(), 1u);
}

// A19: texts that are no score stay null with their text, and count as answered.
TEST_F(PlacementSourceTest, A19_AnswersWithoutAScoreAreNotFailures) {
  pairs_ = Grid(3, 1);
  world_.fault = [](const PlacementAsk& ask) -> std::optional<Result<net::Response>> {
    if (ask.location == "unknown") return std::nullopt;
    json scores = json::array();
    scores.push_back({{"sku", "STANDARD_A1S_V3"}, {"region", "Region00"}, {"score", "Novel"}});
    scores.push_back({{"sku", "Standard_A1s_v3"},
                      {"region", "region01"},
                      {"availabilityZone", "1"},
                      {"score", "RestrictedSkuNotAvailable"},
                      {"isQuotaAvailable", false}});
    scores.push_back({{"sku", "Standard_A1s_v3"}, {"region", "elsewhere"}, {"score", "High"}});
    return Answer(200, json{{"placementScores", scores}}.dump());
  };
  const SourceResult result = Run();
  EXPECT_EQ(Sum(result.report, &CoverageRow::answered), 2);
  EXPECT_EQ(Sum(result.report, &CoverageRow::scored), 0);
  EXPECT_EQ(Missing(result.report, "no_answer"), 1);
  EXPECT_EQ(TextsOf(result.tables.at("scores"), "score_text"),
            (std::vector<std::string>{"Novel", "RestrictedSkuNotAvailable"}));
  EXPECT_EQ(TextsOf(result.tables.at("scores"), "zone"),
            (std::vector<std::string>{"regional", "1"}));
  EXPECT_EQ(TextsOf(result.tables.at("scores"), "sku")[0], "Standard_A1s_v3");
  EXPECT_EQ(result.report.counts.at("scores.unknown_text"), 1);
  EXPECT_EQ(result.report.counts.at("scores.restricted"), 1);
  EXPECT_EQ(result.report.counts.at("cells.foreign"), 1);
}

// A21: excluded regions are not asked.
TEST_F(PlacementSourceTest, A21_SovereignRegionsAreNeverAsked) {
  pairs_ = {{"usgovvirginia", "Standard_A1s_v3"},
            {"ChinaNorth", "Standard_A1s_v3"},
            {"germanycentral", "Standard_A1s_v3"},
            {"eastus", "Standard_A1s_v3"}};
  const SourceResult result = Run();
  EXPECT_EQ(Sum(result.report, &CoverageRow::expected), 1);
  for (const PlacementAsk& ask : world_.asks)
    EXPECT_EQ(ask.regions, std::vector<std::string>{"eastus"});
}

// A23: a first run that failed is repeated as such, and leaves a usable plan.
TEST_F(PlacementSourceTest, A23_TheRunAfterAFailedFirstOnePlans) {
  world_.fault = [](const PlacementAsk&) -> std::optional<Result<net::Response>> {
    return Answer(503, "");
  };
  const SourceResult failed = Run();
  EXPECT_EQ(failed.report.state, SourceState::kUnavailable);
  EXPECT_FALSE(failed.tables.contains("plan"));
  EXPECT_TRUE(state_["rotation"]["day"].is_null());
  world_.fault = nullptr;
  clock_.Advance(10min);
  const SourceResult next = Run();
  EXPECT_TRUE(next.tables.contains("plan"));
  EXPECT_EQ(world_.asks.back().count, 1);
  EXPECT_EQ(state_["rotation"]["day"], "2026-01-28");
}

// A24: an empty dataset needs no file; a legacy one is taken up, an index outside the counts said.
TEST_F(PlacementSourceTest, A24_ALegacyRotationIsTakenUp) {
  const TemporaryFolder folder;
  std::ofstream(folder.path / "sps_metadata.yaml")
      << "desired_count_index: 99\nworkload_date: '2026-01-28'\n";
  net::FakeTransport files([&](const net::Request& request) -> Result<net::Response> {
    if (!request.url.starts_with("https://file.invalid/")) return Denied("not now");
    const auto text = ReadFile(request.url.substr(20), 4096);
    return text.ok() ? Answer(200, *text) : Answer(404, "");
  });
  SourceInput input = Input();
  input.transport = &files;
  input.base_folder = folder.path;
  input.parameters["bootstrap_metadata"] = "sps_metadata.yaml";
  const auto result = PlacementScores().make()->Collect(input, context_);
  ASSERT_OK(result);
  ASSERT_FALSE(result->report.notes.empty());
  EXPECT_NE(result->report.notes[0].find("index 99 is outside"), std::string::npos);
  EXPECT_EQ(result->report.state_patch["first"], false);
  EXPECT_EQ(Missing(result->report, "credentials"), 60);
  input.parameters["bootstrap_metadata"] = "absent.yaml";
  ASSERT_OK_AND_ASSIGN(const auto absent, PlacementScores().make()->Collect(input, context_));
  EXPECT_NE(absent.report.notes[0].find("there is no file"), std::string::npos);
  EXPECT_EQ(absent.report.state_patch["first"], true);
  std::ofstream(folder.path / "broken.yaml") << "x";
  input.parameters["bootstrap_metadata"] = "broken.yaml";
  EXPECT_ERROR(PlacementScores().make()->Collect(input, context_), Code::kInvalid, "broken.yaml");
}

// A25: what cannot be read is no empty dataset.
TEST_F(PlacementSourceTest, A25_AnUnreadableHeadIsAnError) {
  net::FakeTransport service([](const net::Request& request) -> Result<net::Response> {
    if (request.url.find("identity.invalid") != std::string::npos)
      return Answer(200, R"(["0011223344556677"])");
    return Answer(600, R"({"stop":"budget"})");
  });
  SourceInput input = Input();
  input.transport = &service;
  input.head_table = [](const std::string&) -> Result<std::optional<columnar::Table>> {
    return Corrupt("damaged");
  };
  EXPECT_ERROR(PlacementScores().make()->Collect(input, context_), Code::kCorrupt, "damaged");
  input.state = {{"version", 7}};
  EXPECT_ERROR(PlacementScores().make()->Collect(input, context_), Code::kInvalid, "version 7");
}

// A26: every request was spent before it left; other runs and environments spend from one ledger.
TEST_F(PlacementSourceTest, A26_TheLedgerKnowsEveryRequestBeforeItLeaves) {
  pairs_ = Grid(16, 30);  // 12 calls
  int64_t sent = 0;
  world_.before = [&](const PlacementAsk&) {
    ++sent;
    int64_t known = 0;
    MutexLock lock(ledger_.mutex);
    for (const auto& [key, uses] : ledger_.uses) {
      for (const auto& use : uses) known += use.calls;
    }
    EXPECT_GE(known, sent);
  };
  Run();
  EXPECT_EQ(sent, 13);
  world_.before = nullptr;
  // The test environment may take a tenth of each bucket: one call.
  net::MemoryBudgetStore test({{{kPlacementApi, "*"}, {10, 63min}}}, {"test", 10}, &ledger_);
  const auto rooms = test.Free(
      PlacementBuckets("azure", {Digest(world_.subscriptions[0])}, world_.locations), clock_.Now());
  ASSERT_OK(rooms);
  for (const net::BudgetRoom& room : *rooms) EXPECT_EQ(room.free, 1);
  // 18 places are left; two more runs of 12 calls would need 24.
  clock_.Advance(10min);
  Run();
  clock_.Advance(10min);
  const SourceResult last = Run();
  EXPECT_EQ(last.report.counts.at("allowance"), 6);
  EXPECT_EQ(last.report.calls, 6);
  EXPECT_EQ(Sum(last.report, &CoverageRow::left_out), 240);
  EXPECT_TRUE(last.report.gaps.empty());  // known at planning: no gap
  EXPECT_EQ(last.report.state, SourceState::kLive);
  EXPECT_EQ(world_.refused, 0);
  clock_.Advance(43min);  // the first run's places are free again
  EXPECT_EQ(Run().report.counts.at("allowance"), 12);
}

// A30: a token is asked for before each request, so that its source can renew it.
TEST_F(PlacementSourceTest, A30_TheTokenSourceIsAskedForEachRequest) {
  struct Counting final : net::TokenSource {
    Result<net::Secret> Token(const OpContext&) override {
      ++asked;
      return net::Secret("t");
    }
    void Drop(const net::Secret&) override {}
    size_t asked = 0;
  } tokens;
  tokens_ = &tokens;
  Run();
  EXPECT_EQ(tokens.asked, world_.asks.size());
}

// A33: the same plan whatever the order of the pairs, near the bound.
TEST_F(PlacementSourceTest, A33_PlansAreSmallAndTheSameEachTime) {
  std::mt19937 random(7);
  pairs_ = Grid(20, 52);
  std::erase_if(pairs_, [&](const CoverPair&) { return random() % 5 == 0; });
  world_.locations = {"l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8"};
  const SourceResult one = Run();
  const json plan = state_["plan"];
  state_ = json::object();
  head_.clear();
  clock_.Advance(100min);
  std::shuffle(pairs_.begin(), pairs_.end(), random);
  Run();
  EXPECT_EQ(state_["plan"]["digest"], plan["digest"]);
  EXPECT_EQ(Sum(one.report, &CoverageRow::answered), static_cast<int64_t>(pairs_.size()));
}

TEST_F(PlacementSourceTest, A33_TheRecordedCatalogueNeedsFewCalls) {
  pairs_ = RecordedPairs();
  const json settings = json::object();
  ASSERT_OK_AND_ASSIGN(const PlacementForecast forecast,
                       PlanPlacement(ReadPlacementSettings(settings, "placement").value(),
                                     json::object(), clock_.Now(), PriceTable(pairs_), std::nullopt,
                                     std::nullopt, {{"0011223344556677", 500}}));
  EXPECT_EQ(forecast.pairs, 32'203);
  EXPECT_EQ(forecast.bound, 873);
  EXPECT_LE(forecast.calls, 926);
  EXPECT_EQ(forecast.allowance, 500);
  EXPECT_GT(forecast.left_out, 0);
  EXPECT_TRUE(forecast.first);
}

// A35: a learned value costs a call once, not once a day.
TEST_F(PlacementSourceTest, A35_LearnedValuesAreNotAskedAgain) {
  world_.invalid = {"region01"};
  Run();
  world_.asks.clear();
  for (int day = 0; day < 2; ++day) {
    clock_.Advance(24 * 60min);
    const SourceResult next = Run();
    EXPECT_EQ(Sum(next.report, &CoverageRow::excluded_invalid), 6);
    EXPECT_EQ(Sum(next.report, &CoverageRow::expected), 54);
  }
  for (const PlacementAsk& ask : world_.asks) {
    EXPECT_EQ(std::count(ask.regions.begin(), ask.regions.end(), "region01"), 0);
  }
  clock_.Advance(7 * 24 * 60min);  // its time is over: tried again, learned again
  world_.invalid.clear();
  EXPECT_EQ(Sum(Run().report, &CoverageRow::answered), 60);
}

TEST_F(PlacementSourceTest, ASpentBucketRestsAndItsCallMoves) {
  pairs_ = Grid(2, 1);
  world_.fault = [](const PlacementAsk& ask) -> std::optional<Result<net::Response>> {
    if (ask.location != "loc1") return std::nullopt;
    return PlacementWorld::Spent();
  };
  EXPECT_EQ(Run().report.state, SourceState::kLive);
  EXPECT_EQ(world_.asks.back().location, "loc2");
  world_.asks.clear();
  clock_.Advance(10min);
  Run();  // loc1 rests for a whole window
  EXPECT_EQ(world_.asks.size(), 1u);
  EXPECT_NE(world_.asks[0].location, "loc1");
  // At most three moves.
  world_.locations = {"a", "b", "c", "d", "e", "f"};
  world_.fault = [](const PlacementAsk& ask) -> std::optional<Result<net::Response>> {
    if (ask.location == "unknown") return std::nullopt;
    return PlacementWorld::Spent();
  };
  clock_.Advance(24 * 60min);
  world_.asks.clear();
  const SourceResult spent = Run();
  EXPECT_EQ(world_.asks.size(), 1u + 4);
  EXPECT_EQ(Missing(spent.report, "budget"), 2);
}

TEST_F(PlacementSourceTest, AThrottledSubscriptionRestsAndGoesOn) {
  pairs_ = Grid(8, 10);
  world_.fault = [](const PlacementAsk& ask) -> std::optional<Result<net::Response>> {
    if (ask.nth != 2) return std::nullopt;
    return Answer(429, R"({"error":{"message":"Please try again after '90' seconds."}})");
  };
  const Time before = clock_.Now();
  parameters_["placement_in_flight"] = 1;
  EXPECT_EQ(Run().report.state, SourceState::kLive);
  EXPECT_GE(clock_.Now() - before, 90s);
  world_.fault = [](const PlacementAsk& ask) -> std::optional<Result<net::Response>> {
    net::Response response = PlacementWorld::Scores(ask);
    response.headers.Add("x-ms-ratelimit-remaining-subscription-writes", "0");
    return response;
  };
  clock_.Advance(10min);
  const Time second = clock_.Now();
  EXPECT_EQ(Run().report.state, SourceState::kLive);
  EXPECT_GE(clock_.Now() - second, 60s);
}

TEST_F(PlacementSourceTest, ACountThatGivesNoScoresIsConsumed) {
  Run();
  clock_.Advance(10min);
  world_.fault = [](const PlacementAsk&) -> std::optional<Result<net::Response>> {
    return Answer(200, R"({"desiredCount":1})");
  };
  const SourceResult result = Run();
  EXPECT_EQ(Missing(result.report, "failed"), 60);
  EXPECT_EQ(result.report.state, SourceState::kUnavailable);
  EXPECT_EQ(state_["rotation"]["index"], 1);
}

TEST_F(PlacementSourceTest, NothingIsSentAfterTheDeadline) {
  parameters_["collect_deadline"] = "0s";
  const SourceResult result = Run();
  EXPECT_EQ(Missing(result.report, "deadline"), 60);
  EXPECT_EQ(result.report.error_code, "deadline");
  EXPECT_LE(world_.asks.size(), 0u);
}

TEST_F(PlacementSourceTest, ADeadlineMidwayKeepsWhatWasAnswered) {
  pairs_ = Grid(16, 20);
  parameters_["collect_deadline"] = "2s";
  parameters_["placement_in_flight"] = 1;
  std::optional<OpContext::Steady::time_point> end;
  world_.before = [&](const PlacementAsk& ask) {
    if (!end) end = OpContext::Steady::now() + 2s;  // no sooner than the run's deadline
    if (ask.nth != 4) return;
    while (OpContext::Steady::now() < *end) std::this_thread::yield();
  };
  const SourceResult result = Run();
  EXPECT_EQ(result.report.state, SourceState::kPartial);
  EXPECT_EQ(Sum(result.report, &CoverageRow::answered), 120);
  EXPECT_EQ(Missing(result.report, "deadline"), 200);
}

TEST_F(PlacementSourceTest, TheCeilingLeavesOutTheLeastUrgentPairs) {
  pairs_ = Grid(8, 15);  // 3 calls
  parameters_["max_calls"] = 1;
  std::set<std::string> scored;
  for (int run = 0; run < 3; ++run) {
    const SourceResult result = Run();
    EXPECT_EQ(result.report.calls, 1);
    EXPECT_EQ(Sum(result.report, &CoverageRow::left_out), 80);
    EXPECT_TRUE(result.report.gaps.empty());
    // What a publish would know: those answered have a time.
    const auto skus = TextsOf(result.tables.at(""), "sku");
    scored.insert(skus.begin(), skus.end());
    arrow::StringBuilder sku, region;
    arrow::TimestampBuilder at(arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"),
                               arrow::default_memory_pool());
    for (const CoverPair& pair : pairs_) {
      ASSERT_TRUE(sku.Append(pair.sku).ok() && region.Append(pair.region).ok());
      ASSERT_TRUE((scored.contains(pair.sku) ? at.Append(1'000) : at.AppendNull()).ok());
    }
    head_.insert_or_assign(
        "snapshot",
        columnar::Table::FromArrow(arrow::Table::Make(
            arrow::schema(
                {arrow::field("sku", arrow::utf8()), arrow::field("region_code", arrow::utf8()),
                 arrow::field("scored_at", arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"))}),
            {sku.Finish().ValueOrDie(), region.Finish().ValueOrDie(), at.Finish().ValueOrDie()})));
    clock_.Advance(10min);
  }
  EXPECT_EQ(scored.size(), 15u);  // never scored pairs came first
}

TEST_F(PlacementSourceTest, NewAndVanishedPairsChangeTheStoredPlanOnlyWhereTheyMust) {
  pairs_ = Grid(8, 10);
  Run();
  const auto before = ReadPlanTable(head_.at("plan")).value();
  clock_.Advance(10min);
  std::erase_if(pairs_, [](const CoverPair& pair) { return pair.sku == "Standard_A1s_v3"; });
  pairs_.push_back({"newregion", "Standard_B1s_v3"});
  const SourceResult result = Run();
  EXPECT_EQ(Sum(result.report, &CoverageRow::answered), 73);
  ASSERT_TRUE(result.tables.contains("plan"));
  const auto after = ReadPlanTable(head_.at("plan")).value();
  EXPECT_EQ(after.size(), before.size() + 1);
  EXPECT_EQ(after[1].call, before[1].call);
}

TEST_F(PlacementSourceTest, WrongParametersAreRefused) {
  for (const json& with :
       {json{{"counts", {5, 1}}}, json{{"counts", {2, 3}}}, json{{"counts", json::array()}},
        json{{"counts", "1"}}, json{{"placement_in_flight", 0}}, json{{"zone", true}},
        json{{"invalid_ttl", "x"}}, json{{"endpoints", {{"management", 1}}}}}) {
    parameters_ = with;
    SourceInput input = Input();
    EXPECT_ERROR(PlacementScores().make()->Collect(input, context_), Code::kInvalid,
                 "task 'placement'");
  }
}

// Whatever fails, every pair is accounted for, no bucket is exceeded, and the replay is the same.
TEST_F(PlacementSourceTest, UnderRandomFaultsNothingIsLostAndNoBudgetExceeded) {
  world_.subscriptions = {kA, kB, kC};
  world_.locations = {"l1", "l2", "l3", "l4"};
  for (uint32_t seed = 0; seed < 24; ++seed) {
    std::mt19937 random(seed);
    pairs_ = Grid(4 + static_cast<int>(random() % 14), 5 + static_cast<int>(random() % 40));
    world_.invalid.clear();
    for (uint32_t count = random() % 4; count > 0; --count) {
      const CoverPair& pair = pairs_[random() % pairs_.size()];
      world_.invalid.insert(random() % 2 == 0 ? pair.region : pair.sku);
    }
    const uint32_t rate = random() % 60;
    world_.fault = [&](const PlacementAsk& ask) -> std::optional<Result<net::Response>> {
      if (random() % 100 >= rate) return std::nullopt;
      switch (random() % 11) {
        case 0:
          return Answer(502, "BadGatewayConnection");
        case 1:
          return Result<net::Response>(Unavailable("reset"));
        case 2:
          return PlacementWorld::Spent(" Please try again after 100 seconds.");
        case 3:
          return Answer(429, "try again after '20' seconds");
        case 4:
          return Answer(200, R"({"placementScores":[]})");
        case 5:
          return Answer(200, "{");
        case 6:
          return Answer(404, "");
        case 7:
          return random() % 4 == 0 ? Answer(403, "") : Answer(500, "");
        case 8:
          return random() % 8 == 0 ? Answer(401, "") : Answer(200, "{}");
        case 9:
          return PlacementWorld::Invalid("nowhere", "desiredLocations");
        default:
          return Result<net::Response>(Corrupt("cut off"));
      }
      (void)ask;
    };
    const SourceResult result = Run(seed);
    const SourceReport& report = result.report;
    EXPECT_EQ(Sum(report, &CoverageRow::expected) + Sum(report, &CoverageRow::excluded_invalid),
              static_cast<int64_t>(pairs_.size()))
        << seed;
    EXPECT_EQ(world_.refused, 0) << seed;
    clock_.Advance(10min);
  }
}

}  // namespace
}  // namespace catchment::sources::azure
