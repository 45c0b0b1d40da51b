#include "simulator/resource_graph_service_internal.h"
#include "simulator/test.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/test.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kQuery =
    "spotresources | where type =~ 'microsoft.compute/skuspotevictionrate/location'";

class ResourceGraphServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 25; ++i) {
      pairs_.emplace_back("eastus", fmt::format("standard_d{:02}s_v5", i));
    }
    world_.coverage = 1;
    world_.page_size = 10;
    world_.queries = 1000;
    token_ = tokens_.Issue("client", std::chrono::seconds(3600), kNow);
  }

  void Load() {
    auto service = ResourceGraphService::Load(world_, 1, pairs_, tokens_);
    ASSERT_OK(service);
    service_ = std::move(*service);
  }

  HttpResponse Ask(const std::string& skip_token = "", const std::vector<const Fault*>& faults = {},
                   Time now = kNow) {
    ordered_json body;
    body["query"] = kQuery;
    body["options"] = {{"resultFormat", "objectArray"}, {"$top", 1000}};
    if (!skip_token.empty()) body["options"]["$skipToken"] = skip_token;
    return AskWith(body.dump(), faults, now);
  }

  HttpResponse AskWith(const std::string& body, const std::vector<const Fault*>& faults = {},
                       Time now = kNow) {
    if (!service_) Load();
    const HttpRequest request{.method = "POST",
                              .target = "",
                              .path = "/providers/Microsoft.ResourceGraph/resources",
                              .query = "api-version=2024-04-01",
                              .headers = {{"authorization", "Bearer " + token_}},
                              .body = body};
    return service_->Answer(request, {faults}, now).response;
  }

  ordered_json Page(const std::string& skip_token = "",
                    const std::vector<const Fault*>& faults = {}) {
    return ordered_json::parse(Ask(skip_token, faults).body);
  }

  static std::string HeaderOf(const HttpResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }

  std::vector<std::pair<std::string, std::string>> pairs_;
  ResourceGraphWorld world_;
  TokenStore tokens_{1};
  std::string token_;
  std::unique_ptr<ResourceGraphService> service_;
};

TEST_F(ResourceGraphServiceTest, PagesByTokenUntilTheTotalIsReached) {
  std::vector<std::string> skus;
  std::string token;
  int pages = 0;
  do {
    const ordered_json page = Page(token);
    EXPECT_EQ(page["totalRecords"], 25);
    EXPECT_EQ(page["count"], page["data"].size());
    for (const auto& row : page["data"]) skus.push_back(row["skuName"]);
    token = page.value("$skipToken", "");
    EXPECT_EQ(page["resultTruncated"], token.empty() ? "false" : "true");
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(skus.size(), 25u);
  EXPECT_TRUE(std::is_sorted(skus.begin(), skus.end()));
}

TEST_F(ResourceGraphServiceTest, BandsDependOnSeedAndPairOnly) {
  const std::string first = Ask().body;
  service_.reset();
  std::reverse(pairs_.begin(), pairs_.end());
  std::sort(pairs_.begin(), pairs_.end());
  EXPECT_EQ(Ask().body, first);
}

TEST_F(ResourceGraphServiceTest, WithoutAValidTokenItIs401) {
  token_ = "nobody's";
  EXPECT_EQ(Ask().status, 401);
  token_ = tokens_.Issue("client", std::chrono::seconds(60), kNow);
  EXPECT_EQ(Ask().status, 200);
  const HttpResponse expired = Ask("", {}, kNow + std::chrono::seconds(60));
  EXPECT_EQ(expired.status, 401);
  EXPECT_THAT(expired.body, testing::HasSubstr("ExpiredAuthenticationToken"));
}

TEST_F(ResourceGraphServiceTest, WrongRequestsAreRefused) {
  EXPECT_EQ(AskWith("no json").status, 400);
  EXPECT_EQ(AskWith(R"({"query":"resources | count"})").status, 400);
  EXPECT_EQ(Ask("some token").status, 400);
  ordered_json body;
  body["query"] = kQuery;
  body["options"]["$top"] = 1001;
  EXPECT_EQ(AskWith(body.dump()).status, 400);
  body["options"]["$top"] = 5;
  EXPECT_EQ(ordered_json::parse(AskWith(body.dump()).body)["count"], 5);
}

TEST_F(ResourceGraphServiceTest, TheQuotaCountsDownAndRefusesUntilTheWindowHasPassed) {
  world_.queries = 2;
  world_.window = std::chrono::hours(1);
  EXPECT_EQ(HeaderOf(Ask(), "x-ms-user-quota-remaining"), "1");
  EXPECT_EQ(HeaderOf(Ask(), "x-ms-user-quota-remaining"), "0");
  const HttpResponse refused = Ask();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(HeaderOf(refused, "x-ms-user-quota-resets-after"), "01:00:00");
  token_ = tokens_.Issue("client", std::chrono::hours(10), kNow);
  EXPECT_EQ(Ask("", {}, kNow + std::chrono::hours(1)).status, 200);
}

TEST_F(ResourceGraphServiceTest, RowsMayRepeatContradictAndNameAnUnknownBand) {
  Fault repeat = FaultOf("repeat_rows"), contradict = FaultOf("contradict_rows");
  Fault unknown = FaultOf("unknown_band");
  repeat.at = 0;
  contradict.at = 3;
  unknown.at = 6;
  const ordered_json page = Page("", {&repeat, &contradict, &unknown});
  const auto& rows = page["data"];
  EXPECT_EQ(page["totalRecords"], 27);
  EXPECT_EQ(rows[0], rows[1]);
  EXPECT_EQ(rows[4]["skuName"], rows[5]["skuName"]);
  EXPECT_NE(rows[4]["evictionRate"], rows[5]["evictionRate"]);
  EXPECT_EQ(rows[8]["evictionRate"], "25-30");
  EXPECT_EQ(Page()["totalRecords"], 27);  // for good: the next pages agree
}

TEST_F(ResourceGraphServiceTest, FaultsOfThePaging) {
  const Fault no_token = FaultOf("no_token"), loop = FaultOf("token_loop"),
              empty = FaultOf("empty_page");
  const Fault no_data = FaultOf("no_data");
  const ordered_json truncated = Page("", {&no_token});
  EXPECT_EQ(truncated["resultTruncated"], "true");
  EXPECT_FALSE(truncated.contains("$skipToken"));
  const std::string token = Page()["$skipToken"];
  EXPECT_EQ(Page(token, {&loop})["$skipToken"], token);
  const ordered_json nothing = Page("", {&empty});
  EXPECT_EQ(nothing["count"], 0);
  EXPECT_TRUE(nothing.contains("$skipToken"));
  EXPECT_FALSE(Page("", {&no_data}).contains("data"));
}

TEST_F(ResourceGraphServiceTest, QuotaUsedUpIsOnlySaidByTheHeader) {
  const Fault fault = FaultOf("quota_used_up");
  const HttpResponse response = Ask("", {&fault});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(HeaderOf(response, "x-ms-user-quota-remaining"), "0");
}

TEST_F(ResourceGraphServiceTest, RowsMayComeFromAFile) {
  const TemporaryFolder folder;
  world_.rows = folder.path / "rows.ndjson";
  ASSERT_OK(WriteFileAtomically(
      world_.rows, R"({"location":"EastUS","skuName":"Standard_NC6","evictionRate":"0-5"})"));
  EXPECT_EQ(Page()["data"][0]["location"], "EastUS");
}

}  // namespace
}  // namespace catchment::simulator
