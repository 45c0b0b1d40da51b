#include "simulator/placement_service_internal.h"
#include "simulator/test.h"

#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/test.h"
#include "base/text.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;
using std::chrono::minutes;
using testing::HasSubstr;

class PlacementServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* region : {"eastus", "japaneast", "westeurope", "WestUS", "global"}) {
      for (int i = 1; i <= 20; ++i) pairs_.emplace_back(region, fmt::format("Standard_D{}s_v5", i));
    }
    offers_world_.invalid_regions = {"glob*"};
    offers_world_.invalid_skus = {"standard_d20s_v5"};
    offers_world_.zoneless_regions = {"westus"};
    offers_world_.restricted = 0;
    world_.unknown = 0;
    token_ = tokens_.Issue("client", std::chrono::hours(1000), kNow);
  }

  void Load() {
    auto offers = Offers::Make(offers_world_, pairs_, 1);
    ASSERT_OK(offers);
    offers_ = std::make_unique<Offers>(std::move(*offers));
    service_ = std::make_unique<PlacementService>(
        world_, std::vector<std::string>{"Sub-A", "sub-b"}, *offers_, tokens_, 1);
  }

  ServiceAnswer Send(const std::string& body, const std::vector<const Fault*>& faults = {},
                     Time now = kNow) {
    if (!service_) Load();
    return service_->Answer(Request(body), {faults}, now);
  }

  HttpRequest Request(const std::string& body) const {
    return {.method = "POST",
            .target = "",
            .path = fmt::format("/subscriptions/{}/providers/Microsoft.Compute/locations/{}/"
                                "placementScores/spot/generate",
                                subscription_, location_),
            .query = "api-version=2025-06-05",
            .headers = {{"authorization", "Bearer " + token_}},
            .body = body};
  }

  static std::string Body(const std::vector<std::string>& regions,
                          const std::vector<std::string>& skus, int64_t count = 1,
                          bool zones = true) {
    ordered_json body;
    body["availabilityZones"] = zones;
    body["desiredCount"] = count;
    body["desiredLocations"] = regions;
    body["desiredSizes"] = ordered_json::array();
    for (const std::string& sku : skus) body["desiredSizes"].push_back({{"sku", sku}});
    return body.dump();
  }

  // "region sku zone" → score.
  std::map<std::string, std::string> Scores(const std::string& body,
                                            const std::vector<const Fault*>& faults = {},
                                            Time now = kNow) {
    const HttpResponse response = Send(body, faults, now).response;
    EXPECT_EQ(response.status, 200) << response.body;
    std::map<std::string, std::string> scores;
    const ordered_json page = ordered_json::parse(response.body);
    for (const auto& row : page["placementScores"]) {
      scores[fmt::format("{} {} {}", row["region"].get<std::string>(),
                         row["sku"].get<std::string>(), row.value("availabilityZone", "-"))] =
          row["score"];
    }
    return scores;
  }

  std::vector<std::string> TwentySkus() const {
    std::vector<std::string> skus;
    for (int i = 1; i < 20; ++i) skus.push_back(fmt::format("Standard_D{}s_v5", i));
    return skus;
  }

  const std::string simple_ = Body({"eastus"}, {"Standard_D2s_v5"});
  std::vector<Offers::Pair> pairs_;
  OffersWorld offers_world_;
  PlacementWorld world_;
  TokenStore tokens_{1};
  std::string token_;
  std::string subscription_ = "sub-a";
  std::string location_ = "eastus";
  std::unique_ptr<Offers> offers_;
  std::unique_ptr<PlacementService> service_;
};

TEST_F(PlacementServiceTest, EchoesTheRequestAndScoresEveryZone) {
  const HttpResponse response =
      Send(Body({"eastus", "westus"}, {"Standard_D2s_v5", "Standard_D4s_v5"}, 5)).response;
  const auto page = ordered_json::parse(response.body);
  EXPECT_EQ(page["desiredLocations"], (ordered_json{"eastus", "westus"}));
  EXPECT_EQ(page["desiredSizes"][1]["sku"], "Standard_D4s_v5");
  EXPECT_EQ(page["desiredCount"], 5);
  EXPECT_EQ(page["availabilityZones"], true);
  ASSERT_EQ(page["placementScores"].size(), 2u * 3 + 2);  // westus has no zones
  EXPECT_EQ(page["placementScores"][1]["availabilityZone"], "2");
  EXPECT_FALSE(page["placementScores"][7].contains("availabilityZone"));
  EXPECT_TRUE(page["placementScores"][7]["isQuotaAvailable"].is_boolean());
}

TEST_F(PlacementServiceTest, WithoutZonesThereIsOneRowAPair) {
  EXPECT_EQ(Scores(Body({"eastus", "westus"}, {"Standard_D2s_v5"}, 1, false)).size(), 2u);
}

TEST_F(PlacementServiceTest, AScoreDoesNotRiseWithTheCount) {
  world_.calls = 1000;
  const std::map<std::string, int> rank = {{"Low", 1}, {"Medium", 2}, {"High", 3}};
  std::map<std::string, int> before;
  std::map<int, int> seen;
  for (const int count : {1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50}) {
    for (size_t i = 0; i + 5 <= 19; i += 5) {
      const auto skus = TwentySkus();
      for (const auto& [cell, score] : Scores(Body({"eastus", "japaneast", "westeurope", "westus"},
                                                   {skus.begin() + static_cast<ptrdiff_t>(i),
                                                    skus.begin() + static_cast<ptrdiff_t>(i + 5)},
                                                   count))) {
        if (!rank.contains(score)) continue;  // no data in a zone without the size
        const int now = rank.at(score);
        ++seen[now];
        if (before.contains(cell)) {
          EXPECT_LE(now, before[cell]) << cell << " at " << count;
        }
        before[cell] = now;
      }
    }
  }
  EXPECT_GT(seen[1], 20);
  EXPECT_GT(seen[2], 20);
  EXPECT_GT(seen[3], 20);
}

TEST_F(PlacementServiceTest, ScoresDriftWithSimulatedTimeAndComeBackTheSame) {
  world_.calls = 1000;
  world_.drift = 2;
  const std::string body = Body({"eastus", "japaneast", "westeurope"},
                                {"Standard_D2s_v5", "Standard_D3s_v5", "Standard_D4s_v5"}, 10);
  const auto first = Scores(body);
  EXPECT_EQ(Scores(body, {}, kNow), first);
  EXPECT_NE(Scores(body, {}, kNow + std::chrono::hours(48)), first);
  service_.reset();
  EXPECT_EQ(Scores(body), first);
}

TEST_F(PlacementServiceTest, ZonesArePermutedForEachSubscription) {
  world_.calls = 1000;
  world_.drift = 0;
  int differing = 0;
  for (const std::string& sku : TwentySkus()) {
    const std::string body = Body({"eastus", "japaneast", "westeurope"}, {sku}, 20);
    subscription_ = "sub-a";
    const auto first = Scores(body);
    subscription_ = "sub-b";
    const auto second = Scores(body);
    differing += first != second;
    for (const char* region : {"eastus", "japaneast", "westeurope"}) {
      std::multiset<std::string> ours, theirs;
      for (int zone = 1; zone <= 3; ++zone) {
        ours.insert(first.at(fmt::format("{} {} {}", region, sku, zone)));
        theirs.insert(second.at(fmt::format("{} {} {}", region, sku, zone)));
      }
      EXPECT_EQ(ours, theirs);
    }
  }
  EXPECT_GT(differing, 0);
}

TEST_F(PlacementServiceTest, SomeSubscriptionsMayNotUseASize) {
  offers_world_.restrictions = {{.subscription = "sub-b", .region = "EASTUS", .sku = "*_D2s*"}};
  const std::string body = Body({"eastus"}, {"Standard_D2s_v5", "Standard_D3s_v5"});
  EXPECT_NE(Scores(body)["eastus Standard_D2s_v5 1"], "RestrictedSkuNotAvailable");
  subscription_ = "SUB-B";
  EXPECT_EQ(Scores(body)["eastus Standard_D2s_v5 1"], "RestrictedSkuNotAvailable");
  EXPECT_NE(Scores(body)["eastus Standard_D3s_v5 1"], "RestrictedSkuNotAvailable");
}

TEST_F(PlacementServiceTest, CellsThatAreNotOfferedAreAnsweredToo) {
  pairs_.emplace_back("koreacentral", "Standard_X1");
  EXPECT_EQ(Scores(Body({"eastus", "koreacentral"}, {"Standard_X1", "Standard_D2s_v5"})).size(),
            12u);
}

TEST_F(PlacementServiceTest, ABucketHasTenCallsInSixtyTwoMinutes) {
  for (int call = 0; call < 10; ++call) {
    const ServiceAnswer answer = Send(simple_, {}, kNow + minutes(call));
    EXPECT_EQ(answer.response.status, 200);
    EXPECT_EQ(answer.bucket, "sub-a/eastus");
  }
  const HttpResponse refused = Send(simple_, {}, kNow + minutes(61)).response;
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.content_type, HasSubstr("text/plain"));
  EXPECT_EQ(refused.body,
            "You have reached the maximum number of requests allowed. Please try again after 60 "
            "seconds.");
  location_ = "westus";
  EXPECT_EQ(Send(simple_, {}, kNow + minutes(61)).response.status, 200);
  location_ = "eastus";
  subscription_ = "sub-b";
  EXPECT_EQ(Send(simple_, {}, kNow + minutes(61)).response.status, 200);
  subscription_ = "sub-a";
  EXPECT_EQ(Send(simple_, {}, kNow + minutes(62)).response.status, 200);  // the first has left
  EXPECT_EQ(Send(simple_, {}, kNow + minutes(62)).response.status, 429);
}

TEST_F(PlacementServiceTest, ARunOfThePastFindsTheCallsThatCameAfterItsTime) {
  for (int call = 0; call < 10; ++call) Send(simple_, {}, kNow + minutes(30));
  EXPECT_EQ(Send(simple_, {}, kNow).response.status, 429);
  EXPECT_EQ(Send(simple_, {}, kNow - minutes(32)).response.status, 200);
}

TEST_F(PlacementServiceTest, OthersMayUseABucketUnseen) {
  world_.tells_seconds = false;
  world_.foreign_use = {{.subscription = "*",
                         .location = "East*",
                         .calls = 8,
                         .since = kNow,
                         .until = kNow + minutes(5)}};
  EXPECT_EQ(Send(simple_).response.status, 200);
  EXPECT_EQ(Send(simple_).response.status, 200);
  const HttpResponse refused = Send(simple_).response;
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.body, "You have reached the maximum number of requests allowed.");
  EXPECT_EQ(Send(simple_, {}, kNow + minutes(5)).response.status, 200);
}

TEST_F(PlacementServiceTest, ARequestThatAFaultAnswersIsCounted) {
  Load();
  for (int call = 0; call < 10; ++call) {
    EXPECT_EQ(service_->Count(Request(simple_), kNow), "sub-a/eastus");
  }
  EXPECT_EQ(Send(simple_).response.status, 429);
}

TEST_F(PlacementServiceTest, OneInvalidValueIsNamedAtATime) {
  const std::string body = Body({"atlantis", "eastus", "global"}, {"Standard_D20s_v5"});
  const HttpResponse first = Send(body).response;
  EXPECT_EQ(first.status, 400);
  EXPECT_THAT(ordered_json::parse(first.body)["error"]["message"].get<std::string>(),
              HasSubstr("The value 'atlantis' provided for the input parameter "
                        "'desiredLocations' is not valid"));
  EXPECT_THAT(Send(Body({"eastus", "global"}, {"Standard_D20s_v5"})).response.body,
              HasSubstr("'global'"));
  EXPECT_THAT(Send(Body({"eastus"}, {"Standard_D20s_v5"})).response.body,
              HasSubstr("The value 'Standard_D20s_v5' provided for the input parameter "
                        "'SpotPlacementRecommenderInput.desiredSizes' is not valid"));
}

TEST_F(PlacementServiceTest, AnInvalidValueMayComeInOtherCaseEscapedOrAsPlainText) {
  const std::string body = Body({"atlantis"}, {"Standard_D2s_v5"});
  const Fault other_case = FaultOf("changed_case"), escaped = FaultOf("escaped_quotes");
  const Fault plain = FaultOf("plain_text");
  EXPECT_THAT(Send(body, {&other_case}).response.body, HasSubstr("The value 'ATLANTIS' prov"));
  const std::string raw = Send(body, {&escaped}).response.body;
  EXPECT_THAT(raw, HasSubstr(R"(The value \u0027atlantis\u0027 provided)"));
  EXPECT_THAT(ordered_json::parse(raw)["error"]["message"].get<std::string>(),
              HasSubstr("'atlantis'"));
  EXPECT_THAT(Send(body, {&plain}).response.body, testing::StartsWith("The value 'atlantis'"));
}

TEST_F(PlacementServiceTest, AValueThatWasNotAskedForMayBeNamed) {
  Fault region = FaultOf("invalid_region"), sku = FaultOf("invalid_sku");
  region.body = "somewhere";
  EXPECT_THAT(Send(simple_, {&region}).response.body, HasSubstr("'somewhere'"));
  EXPECT_THAT(Send(simple_, {&sku}).response.body, HasSubstr("'Standard_D2s_v5' provided"));
}

TEST_F(PlacementServiceTest, AnUnknownLocationIsAnsweredWithTheSupportedOnes) {
  location_ = "unknown";
  const HttpResponse response = Send("{}").response;
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body,
              HasSubstr("supported locations are 'eastus, japaneast, westeurope, westus'"));
}

TEST_F(PlacementServiceTest, MoreThanEightByFiveIsRefused) {
  EXPECT_EQ(Send(Body({"a", "b", "c", "d", "e", "f", "g", "h", "i"}, {"x"})).response.status, 400);
  EXPECT_EQ(Send(Body({"eastus"}, {"a", "b", "c", "d", "e", "f"})).response.status, 400);
  EXPECT_EQ(Send(Body({}, {"a"})).response.status, 400);
  EXPECT_EQ(Send(Body({"eastus"}, {"Standard_D2s_v5"}, 0)).response.status, 400);
  EXPECT_EQ(Send("no json").response.status, 400);
  EXPECT_EQ(Send(R"({"desiredCount":1,"desiredLocations":[1],"desiredSizes":[2]})").response.status,
            400);
}

TEST_F(PlacementServiceTest, CallersAreChecked) {
  const Fault unauthorized = FaultOf("unauthorized"), forbidden = FaultOf("forbidden");
  EXPECT_EQ(Send(simple_, {&unauthorized}).response.status, 401);
  EXPECT_EQ(Send(simple_, {&forbidden}).response.status, 403);
  subscription_ = "someone-elses";
  EXPECT_EQ(Send(simple_).response.status, 403);
  subscription_ = "sub-a";
  token_ = "wrong";
  EXPECT_EQ(Send(simple_).response.status, 401);
}

TEST_F(PlacementServiceTest, ThrottlingHasThreeForms) {
  Fault full = FaultOf("bucket_full"), throttled = FaultOf("throttled");
  EXPECT_EQ(Send(simple_, {&full}).response.body,
            "You have reached the maximum number of requests allowed.");
  full.size = 3600;
  EXPECT_EQ(Send(simple_, {&full}).response.body,
            "You have reached the maximum number of requests allowed. Please try again after 3600 "
            "seconds.");
  const HttpResponse json = Send(simple_, {&throttled}).response;
  EXPECT_EQ(json.status, 429);
  const auto error = ordered_json::parse(json.body)["error"];
  EXPECT_EQ(error["code"], "ResourceRequestsThrottled");
  EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("try again after '372' seconds."));
}

TEST_F(PlacementServiceTest, AnswersMayBeIncompleteOrOdd) {
  const Fault gateway = FaultOf("bad_gateway"), none = FaultOf("no_scores"),
              omit = FaultOf("omit_pairs");
  const Fault odd = FaultOf("unknown_score"), cased = FaultOf("changed_score_case");
  const Fault null_zone = FaultOf("null_zone"), used_up = FaultOf("writes_used_up");
  EXPECT_EQ(Send(simple_, {&gateway}).response.status, 502);
  EXPECT_THAT(Send(simple_, {&gateway}).response.body, HasSubstr("BadGatewayConnection"));
  EXPECT_FALSE(
      ordered_json::parse(Send(simple_, {&none}).response.body).contains("placementScores"));
  EXPECT_EQ(Scores(Body({"eastus"}, {"Standard_D2s_v5", "Standard_D3s_v5"}), {&omit}).size(), 3u);
  EXPECT_EQ(Scores(simple_, {&odd})["eastus Standard_D2s_v5 1"], "Excellent");
  EXPECT_THAT(Scores(simple_, {&cased})["eastus Standard_D2s_v5 1"],
              testing::AnyOf("high", "medium", "low"));
  EXPECT_THAT(Send(Body({"westus"}, {"Standard_D2s_v5"}), {&null_zone}).response.body,
              HasSubstr(R"("availabilityZone":null)"));
  const HttpResponse last = Send(simple_, {&used_up}).response;
  EXPECT_THAT(last.headers, testing::Contains(std::pair<std::string, std::string>(
                                "x-ms-ratelimit-remaining-subscription-writes", "0")));
}

TEST_F(PlacementServiceTest, RefusalsHaveTheRecordedWords) {
  ASSERT_OK_AND_ASSIGN(const std::string text,
                       ReadFile(std::filesystem::path(CATCHMENT_SOURCE_DIR) /
                                "tests/data/azure/api_error_responses.json"));
  const ordered_json recorded = ordered_json::parse(text);
  Fault full = FaultOf("bucket_full");
  full.size = 3600;
  EXPECT_EQ(Send(simple_, {&full}).response.body, recorded[0]["body"].get<std::string>());
  const auto expected = [&](int fragment, const char* placeholder, const std::string& value) {
    std::string words = recorded[1]["body_fragments"][static_cast<size_t>(fragment)];
    return words.replace(words.find(placeholder), std::string(placeholder).size(), value);
  };
  EXPECT_THAT(Send(Body({"atlantis"}, {"x"})).response.body,
              HasSubstr(expected(0, "<region>", "atlantis")));
  EXPECT_THAT(Send(Body({"eastus"}, {"x"})).response.body, HasSubstr(expected(1, "<sku>", "x")));
  const Fault throttled = FaultOf("throttled");
  const std::string message = recorded[3]["body"]["error"]["message"];
  const std::string ending = message.substr(message.find("' exceeded"));
  EXPECT_THAT(ordered_json::parse(Send(simple_, {&throttled}).response.body)["error"]["message"]
                  .get<std::string>(),
              testing::EndsWith(ending));
}

TEST_F(PlacementServiceTest, RegionsThatAreRefusedMayComeFromARecordedList) {
  offers_world_.invalid_regions_file =
      std::filesystem::path(CATCHMENT_SOURCE_DIR) / "tests/data/azure/sps_invalid_regions.json";
  pairs_.emplace_back("westus2stage", "Standard_D2s_v5");
  EXPECT_THAT(Send(Body({"westus2stage"}, {"Standard_D2s_v5"})).response.body,
              HasSubstr("'westus2stage'"));
}

}  // namespace
}  // namespace catchment::simulator
