#include "sources/azure/placement_parse.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/test.h"

namespace catchment::sources::azure {
namespace {

using std::chrono_literals::operator""s;

PlacementVerdict Judge(int status, std::string_view body) {
  return JudgePlacementAnswer(status, body, std::nullopt);
}

TEST(PlacementParseTest, TheQuestionIsTheSameBytesEachTime) {
  EXPECT_EQ(FormatPlacementQuestion({.zones = true,
                                     .count = 5,
                                     .regions = {"eastus", "westus"},
                                     .skus = {"Standard_D2s_v3"}}),
            R"({"availabilityZones":true,"desiredCount":5,"desiredLocations":["eastus","westus"],)"
            R"("desiredSizes":[{"sku":"Standard_D2s_v3"}]})");
}

// A19: no data, restricted and unknown scores are told apart; the quota flag is kept.
TEST(PlacementParseTest, A19_ScoresKeepTheirTextAndTheQuotaFlag) {
  const PlacementVerdict verdict = Judge(200, R"({"placementScores":[
    {"sku":"Standard_A1","region":"eastus","availabilityZone":"1","score":"High","isQuotaAvailable":true},
    {"sku":"Standard_A1","region":"eastus","availabilityZone":"2","score":"medium","isQuotaAvailable":false},
    {"sku":"Standard_A1","region":"westus","score":"LOW"},
    {"sku":"Standard_A1","region":"a","availabilityZone":null,"score":"DataNotFoundOrStale"},
    {"sku":"Standard_A1","region":"b","score":"RestrictedSkuNotAvailable"},
    {"sku":"Standard_A1","region":"c","score":"Novel"},
    {"sku":"Standard_A1","region":"d","score":null}]})");
  ASSERT_EQ(verdict.answer, PlacementAnswer::kScores);
  ASSERT_EQ(verdict.cells.size(), 7u);
  EXPECT_EQ(verdict.cells[0].zone, "1");
  EXPECT_EQ(verdict.cells[0].score, 3);
  EXPECT_EQ(verdict.cells[0].quota_available, true);
  EXPECT_EQ(verdict.cells[1].score, 2);
  EXPECT_EQ(verdict.cells[1].quota_available, false);
  EXPECT_EQ(verdict.cells[2].score, 1);
  EXPECT_EQ(verdict.cells[2].zone, "regional");
  EXPECT_EQ(verdict.cells[2].quota_available, std::nullopt);
  EXPECT_EQ(verdict.cells[3].zone, "regional");
  for (const size_t cell : {3, 4, 5, 6}) EXPECT_EQ(verdict.cells[cell].score, std::nullopt);
  EXPECT_EQ(verdict.cells[3].text, "DataNotFoundOrStale");
  EXPECT_EQ(verdict.cells[4].text, "RestrictedSkuNotAvailable");
  EXPECT_EQ(verdict.cells[5].text, "Novel");
  EXPECT_EQ(verdict.cells[6].text, std::nullopt);
}

TEST(PlacementParseTest, AnAnswerWithoutScoresIsNotOne) {
  EXPECT_EQ(Judge(200, R"({"placementScores":[]})").answer, PlacementAnswer::kScores);
  for (const std::string_view body :
       {R"({})", R"({"placementScores":null})", R"({"placementScores":{}})",
        R"({"placementScores":[1]})", R"({"placementScores":[{"sku":"a"}]})",
        R"({"placementScores":[{"sku":"a","region":"b","score":3}]})"}) {
    EXPECT_EQ(Judge(200, body).answer, PlacementAnswer::kNoScores) << body;
    EXPECT_TRUE(Judge(200, body).cells.empty());
  }
  const std::string whole = R"({"placementScores":[{"sku":"a","region":"b","score":"High"}]})";
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(Judge(200, std::string_view(whole).substr(0, length)).answer,
              PlacementAnswer::kUseless);
  }
  EXPECT_EQ(Judge(200, "<html>").answer, PlacementAnswer::kUseless);
  EXPECT_EQ(Judge(502, "BadGatewayConnection").answer, PlacementAnswer::kUseless);
  EXPECT_EQ(Judge(408, "").answer, PlacementAnswer::kUseless);
}

TEST(PlacementParseTest, InvalidValuesAreFoundHoweverTheyAreQuoted) {
  const auto region = [](std::string_view body) {
    const PlacementVerdict verdict = Judge(400, body);
    EXPECT_EQ(verdict.answer, PlacementAnswer::kInvalidRegion) << body;
    return verdict.value;
  };
  EXPECT_EQ(region("The value 'AttDallas1' provided for the input parameter 'desiredLocations' is "
                   "not valid"),
            "AttDallas1");
  EXPECT_EQ(region(R"({"error":{"code":"InvalidParameter","message":"The value 'x-1' provided )"
                   R"(for the input parameter 'desiredLocations' is not valid."}})"),
            "x-1");
  EXPECT_EQ(region(R"({"error":{"details":[{"Message":"The value \u0027x\u0027 provided for the )"
                   R"(input parameter \u0027desiredLocations\u0027 is not valid"}]}})"),
            "x");
  EXPECT_EQ(region(R"(The value \'x\' provided for the input parameter \'desiredLocations\' is )"
                   R"(not valid)"),
            "x");
  const PlacementVerdict sku = Judge(400,
                                     "The value 'Standard_X1' provided for the input parameter "
                                     "'SpotPlacementRecommenderInput.desiredSizes' is not valid");
  EXPECT_EQ(sku.answer, PlacementAnswer::kInvalidSku);
  EXPECT_EQ(sku.value, "Standard_X1");
  for (const std::string_view body :
       {"", "{}",
        "The value 'a b' provided for the input parameter 'desiredLocations' is not valid",
        "The value '' provided for the input parameter 'desiredLocations' is not valid",
        "The value 'a' provided for the input parameter 'desiredCount' is not valid",
        "The value 'a' provided for the input parameter 'desiredLocations", "The value 'a"}) {
    EXPECT_EQ(Judge(400, body).answer, PlacementAnswer::kRejected) << body;
  }
}

TEST(PlacementParseTest, ARefusalSaysWhoRestsAndForHowLong) {
  const std::string spent = "You have reached the maximum number of requests allowed.";
  EXPECT_EQ(Judge(429, spent).answer, PlacementAnswer::kBucketSpent);
  EXPECT_EQ(Judge(429, spent).wait, std::nullopt);
  EXPECT_EQ(Judge(429, spent + " Please try again after 3600 seconds.").wait, 3600s);
  EXPECT_EQ(JudgePlacementAnswer(429, spent, 30s).wait, 30s);
  EXPECT_EQ(JudgePlacementAnswer(429, spent + " Please try again after 9 seconds.", 30s).wait, 9s);
  const PlacementVerdict throttled =
      Judge(429, R"({"error":{"code":"ResourceRequestsThrottled","message":"Number of requests )"
                 R"(exceeded. Please try again after '372' seconds."}})");
  EXPECT_EQ(throttled.answer, PlacementAnswer::kThrottled);
  EXPECT_EQ(throttled.wait, 372s);
  EXPECT_EQ(Judge(429, "try again after 99999999999999999999 seconds").wait,
            std::chrono::seconds(7 * 24 * 3600));
  EXPECT_EQ(Judge(429, "try again after soon").wait, std::nullopt);
  EXPECT_EQ(Judge(401, "").answer, PlacementAnswer::kIdentityDenied);
  EXPECT_EQ(Judge(403, "").answer, PlacementAnswer::kSubscriptionDenied);
  EXPECT_EQ(Judge(404, "").answer, PlacementAnswer::kRejected);
}

TEST(PlacementParseTest, LocationsAreReadFromTheErrorText) {
  ASSERT_OK_AND_ASSIGN(
      const auto locations,
      ParseSupportedLocations(R"({"error":{"message":"The location 'unknown' is invalid; )"
                              R"(supported locations are 'westus, EastUS, eastus,, a b'."}})"));
  EXPECT_EQ(locations, (std::vector<std::string>{"eastus", "westus"}));
  EXPECT_ERROR(ParseSupportedLocations("no"), Code::kCorrupt, "no list");
  EXPECT_ERROR(ParseSupportedLocations("supported locations are 'a"), Code::kCorrupt, "no end");
  EXPECT_ERROR(ParseSupportedLocations("supported locations are ' '"), Code::kCorrupt, "empty");
}

TEST(PlacementParseTest, ReadsTheRecordedExchanges) {
  ASSERT_OK_AND_ASSIGN(const std::string text,
                       ReadFile(std::filesystem::path(CATCHMENT_SOURCE_DIR) /
                                "tests/data/azure/sps_recorded_responses.json"));
  size_t read = 0;
  for (const auto& exchange : nlohmann::json::parse(text)) {
    ASSERT_EQ(exchange["status"], 200);
    const std::string body = exchange["body"].dump();
    const PlacementVerdict verdict = Judge(200, body);
    EXPECT_EQ(verdict.answer, PlacementAnswer::kScores) << body;
    EXPECT_EQ(verdict.cells.size(), exchange["body"]["placementScores"].size());
    read += verdict.cells.size();
  }
  EXPECT_EQ(read, 96u);
}

}  // namespace
}  // namespace catchment::sources::azure
