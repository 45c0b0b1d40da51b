#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/test.h"
#include "base/text.h"
#include "columnar/compress.h"
#include "net/fake_transport.h"
#include "sources/cmr/cmr_client.h"
#include "sources/cmr/day_list.h"
#include "sources/cmr/granule_world.h"

namespace catchment::sources::cmr {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path kHlsData =
    std::filesystem::path(CATCHMENT_SOURCE_DIR) / "tests/data/hls";

std::vector<json> RecordedSearches() {
  const std::string packed = *ReadFile(kHlsData / "cmr_granules_hls_responses.ndjson.zst");
  const std::string text = *columnar::Decompress(packed, columnar::Compression::kZstd, "recorded");
  std::vector<json> searches;
  for (const std::string& line : Split(text, '\n')) {
    if (!line.empty()) searches.push_back(json::parse(line));
  }
  return searches;
}

Result<std::vector<CmrEntry>> ParsePage(std::string body) { return CmrPageParser().Parse(body); }

TEST(CmrParseTest, ReadsEveryRecordedPage) {
  size_t entries = 0;
  for (const json& search : RecordedSearches()) {
    ASSERT_OK_AND_ASSIGN(const auto page, ParsePage(search["body"].dump()));
    EXPECT_EQ(page.size(), search["body"]["feed"]["entry"].size());
    entries += page.size();
    for (const CmrEntry& entry : page) {
      // The listed links are where the archive's rule says.
      EXPECT_EQ(entry.https_link, DerivedItemLink(entry.title, ItemScheme::kHttps));
      EXPECT_EQ(entry.s3_link, DerivedItemLink(entry.title, ItemScheme::kS3));
      EXPECT_TRUE(entry.time_end);
      EXPECT_GT(entry.updated, entry.time_start);
    }
  }
  EXPECT_EQ(entries, 86u);
}

TEST(CmrParseTest, TakesWhatIsUsedOfAnEntry) {
  ASSERT_OK_AND_ASSIGN(
      const auto page,
      ParsePage(
          R"({"feed":{"entry":[{"links":[{"href":"s3://b/a_stac.json"},{"href":"https://h/b.tif"},)"
          R"({"rel":"x","href":"https:\/\/h\/c_stac.json"},{"href":"https://h/d_stac.json"}],)"
          R"("id":"G1-X","title":"T","updated":"2025-10-04T06:11:58.711Z",)"
          R"("time_start":"2025-10-02T17:04:39.336Z","time_end":"2025-10-02T19:05:03+02:00","more":[[1,{"a":null}]]}]}})"));
  ASSERT_EQ(page.size(), 1u);
  EXPECT_EQ(page[0].https_link, "https://h/c_stac.json");
  EXPECT_EQ(page[0].s3_link, "s3://b/a_stac.json");
  EXPECT_EQ(FormatTime(page[0].time_start), "2025-10-02T17:04:39.336Z");
  EXPECT_EQ(FormatTime(*page[0].time_end), "2025-10-02T17:05:03Z");
  EXPECT_EQ(FormatTime(page[0].updated), "2025-10-04T06:11:58.711Z");
}

TEST(CmrParseTest, WhatIsNoPageIsRefused) {
  const std::string entry =
      R"({"id":"G1","updated":"2025-10-04T06:11:58.711Z","time_start":"2025-10-02T17:04:39.336Z"})";
  EXPECT_OK(ParsePage(R"({"feed":{"entry":[)" + entry + "]}}"));
  for (const std::string& body :
       {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"feed":[]})"),
        R"({"feed":{"entry":[)" + entry, R"({"feed":{"entry":[)" + entry + "]}",
        R"({"feed":{"entry":[)" + entry + "]}}x",
        std::string(R"({"feed":{"entry":[{"id":"G1"}]}})"),
        std::string(R"({"feed":{"entry":[{"id":7}]}})"),
        R"({"feed":{"a":)" + std::string(40, '[') + std::string(40, ']') + R"(,"entry":[]}})"}) {
    EXPECT_FALSE(ParsePage(body).ok()) << body;
  }
}

TEST(CmrParseTest, TitlesAreThoseOfHls) {
  EXPECT_EQ(DerivedItemLink("HLS.S30.T15UYR.2025124T165711.v2.0", ItemScheme::kHttps),
            "https://data.lpdaac.earthdatacloud.nasa.gov/lp-prod-public/HLSS30.020/"
            "HLS.S30.T15UYR.2025124T165711.v2.0/HLS.S30.T15UYR.2025124T165711.v2.0_stac.json");
  EXPECT_EQ(DerivedItemLink("HLS.L30.T01KAB.2025124T165711.v2.0", ItemScheme::kS3),
            "s3://lp-prod-public/HLSL30.020/HLS.L30.T01KAB.2025124T165711.v2.0/"
            "HLS.L30.T01KAB.2025124T165711.v2.0_stac.json");
  for (const char* title :
       {"", "HLS.S10.T15UYR.2025124T165711.v2.0", "HLS.S30.T15IYR.2025124T165711.v2.0",
        "HLS.S30.T15UYR.2025124T165711.v1.5", "HLS.S30.T15UYR.2025124T16571.v2.0",
        "HLS.S30.T15UYR.2025124T165711.v2.0 ", "HLS.S30.T15Uyr.2025124T165711.v2.0",
        "HLS.S30.T15U/..2025124T165711.v2.0"}) {
    EXPECT_EQ(DerivedItemLink(title, ItemScheme::kHttps), "") << title;
  }
}

TEST(CmrParseTest, LooksAtBodiesThatShouldBeItems) {
  ItemLooker looker;
  const std::string item = *ReadFile(kHlsData / "hls_item_verbatim.ndjson");
  EXPECT_EQ(looker.Look(item).look, ItemLook::kGood);
  EXPECT_EQ(looker.Look(item).id, "HLS.S30.T01WEV.2024153T000609.v2.0");
  EXPECT_EQ(looker.Look(item.substr(0, item.size() / 2)).look, ItemLook::kNotJson);
  EXPECT_EQ(looker.Look("").look, ItemLook::kNotJson);
  EXPECT_EQ(looker.Look("<html>").look, ItemLook::kNotJson);
  EXPECT_EQ(looker.Look(R"({"id":"a"}})").look, ItemLook::kNotJson);
  EXPECT_EQ(looker.Look("{\"id\":\"\xff\"}").look, ItemLook::kBadUtf8);
  EXPECT_EQ(looker.Look("[1]").look, ItemLook::kNotAnItem);
  EXPECT_EQ(looker.Look(R"({"id":7})").look, ItemLook::kNoId);
}

class CmrClientTest : public testing::Test {
 protected:
  CmrClientTest() {
    context_.clock = &clock_;
    options_.concept_id = "C2021957657-LPCLOUD";
    options_.jitter = [] { return 0.5; };
  }

  Result<CmrListing> List(int page_size = kMostOnPage) {
    CmrClient client(transport_, options_);
    Result<CmrListing> listing =
        client.List({*ParseTime("2024-01-17"), *ParseTime("2024-01-18"), std::nullopt}, page_size,
                    false, context_);
    calls_ = client.calls();
    return listing;
  }

  ManualClock clock_{*ParseTime("2024-03-01")};
  OpContext context_;
  CmrOptions options_;
  GranuleWorld world_;
  net::FakeTransport transport_{[this](const net::Request& request) { return world_(request); }};
  int64_t calls_ = 0;
};

TEST_F(CmrClientTest, AsksAsTheServiceWants) {
  options_.bounding_box = "-93,46,-92,47";
  CmrClient client(transport_, options_);
  const net::Request request = client.PageRequest(
      {*ParseTime("2024-01-17"), *ParseTime("2024-01-18"), *ParseTime("2024-02-01T00:00:00.5Z")},
      2000, R"(["lpcloud",1759424679336,3790086838])");
  EXPECT_EQ(*net::PercentDecode(request.url),
            "https://cmr.earthdata.nasa.gov/search/granules.json?collection_concept_id[]="
            "C2021957657-LPCLOUD&bounding_box=-93,46,-92,47&temporal[]=2024-01-17T00:00:00.000Z,"
            "2024-01-18T00:00:00.000Z&updated_since=2024-02-01T00:00:00.500Z&page_size=2000");
  EXPECT_EQ(request.headers.Get("CMR-Search-After"), R"(["lpcloud",1759424679336,3790086838])");
  EXPECT_EQ(request.headers.Get("Accept-Encoding"), "gzip");
  EXPECT_THAT(std::string(request.headers.Get("Client-Id")), HasSubstr("catchment/"));
}

TEST_F(CmrClientTest, ReplaysTheRecordedPaging) {
  // Real replies: a page of 12, then an empty one without a token, which need not be asked for.
  std::map<std::pair<int64_t, std::string>, json> replies;
  for (const json& search : RecordedSearches()) {
    const json& token = search["request"]["cmr-search-after"];
    if (search["request"]["uri"].get<std::string>().find(
            "C2021957657-LPCLOUD&bounding_box=-93.0,46.0,-92.0,47.0&temporal[]=2025-10-01T00:00:"
            "00Z,2025-10-10") == std::string::npos)
      continue;
    replies[{0, token.is_null() ? "" : token.get<std::string>()}] = search;
  }
  net::FakeTransport recorded([&](const net::Request& request) -> Result<net::Response> {
    const json& reply = replies.at({0, std::string(request.headers.Get("CMR-Search-After"))});
    net::Headers headers;
    for (const auto& [name, value] : reply["headers"].items()) headers.Add(name, value);
    return net::Answer(reply["status"], reply["body"].dump(), headers);
  });
  CmrClient client(recorded, options_);
  const CmrWindow window{*ParseTime("2025-10-01"), *ParseTime("2025-10-10"), std::nullopt};
  ASSERT_OK_AND_ASSIGN(const CmrListing listing, client.List(window, 2000, false, context_));
  EXPECT_EQ(listing.hits, 12);
  EXPECT_EQ(listing.entries.size(), 12u);
  EXPECT_EQ(client.calls(), 1);  // short, and all the hits
  // With full pages the empty one ends the list; the token goes back verbatim.
  CmrClient other(recorded, options_);
  ASSERT_OK_AND_ASSIGN(const CmrListing full, other.List(window, 12, false, context_));
  EXPECT_EQ(full.entries.size(), 12u);
  EXPECT_EQ(other.calls(), 2);
  EXPECT_EQ(recorded.requests().back().headers.Get("CMR-Search-After"),
            R"(["lpcloud",1759596763572,3793316018])");
}

TEST_F(CmrClientTest, ReadsPagesUntilTheLast) {
  world_.Add("2024-01-17T01:00:00Z", 25);
  ASSERT_OK_AND_ASSIGN(const CmrListing listing, List(10));
  EXPECT_EQ(listing.entries.size(), 25u);
  EXPECT_EQ(calls_, 3);
}

TEST_F(CmrClientTest, H16NoRetryABadPageIsAskedAgain) {
  world_.Add("2024-01-17T01:00:00Z", 5);
  int asked = 0;
  world_.cmr_fault = [&](const net::Request&) -> std::optional<Result<net::Response>> {
    switch (++asked) {
      case 1:
        return Result<net::Response>(net::Answer(503));
      case 2:
        return Result<net::Response>(net::Answer(429, "", {{"Retry-After", "120"}}));
      case 3:
        return Result<net::Response>(Unavailable("no answer within 3m20s"));
      case 4:
        return Result<net::Response>(Corrupt("broken gzip"));
      case 5:
        return Result<net::Response>(net::Answer(200, "{\"feed\":", {{"CMR-Hits", "5"}}));
      default:
        return std::nullopt;
    }
  };
  const Time begin = clock_.Now();
  ASSERT_OK_AND_ASSIGN(const CmrListing listing, List());
  EXPECT_EQ(listing.entries.size(), 5u);
  EXPECT_EQ(calls_, 6);
  // Half of 1, 4, 8, 16 s, and the 120 s that were asked for.
  EXPECT_EQ(clock_.Now() - begin, std::chrono::milliseconds(120'000 + 14'500));
}

TEST_F(CmrClientTest, GivesAPageUpAfterSixTries) {
  world_.cmr_fault = [](const net::Request&) { return Result<net::Response>(net::Answer(503)); };
  EXPECT_ERROR(List(), Code::kUnavailable, "CMR answered 503 six times");
  EXPECT_EQ(calls_, 6);
}

TEST_F(CmrClientTest, WhenTheRetriesAreSpentFailuresCountAtOnce) {
  options_.free_retries = 3;
  world_.cmr_fault = [](const net::Request&) { return Result<net::Response>(net::Answer(500)); };
  EXPECT_ERROR(List(), Code::kUnavailable, "used up");
  EXPECT_EQ(calls_, 4);
}

TEST_F(CmrClientTest, ARefusedQueryIsNotTriedAgainAndSaysWhy) {
  world_.cmr_fault = [](const net::Request&) {
    return Result<net::Response>(
        net::Answer(400, R"({"errors":["Parameter [x] was not recognized."]})"));
  };
  EXPECT_ERROR(List(), Code::kInvalid, "Parameter [x] was not recognized.");
  EXPECT_EQ(calls_, 1);
}

TEST_F(CmrClientTest, ARepeatedTokenEndsTheList) {
  world_.Add("2024-01-17T01:00:00Z", 25);
  world_.edit = [](const net::Request&, json&, net::Headers& headers) {
    headers.Set("CMR-Search-After", R"(["lpcloud",10,7])");
  };
  EXPECT_ERROR(List(10), Code::kCorrupt, "token");
  options_.most_pages = 2;
  world_.edit = nullptr;
  EXPECT_ERROR(List(10), Code::kCorrupt, "do not end");
}

TEST_F(CmrClientTest, APageWithoutHitsIsNoPage) {
  world_.Add("2024-01-17T01:00:00Z", 2);
  world_.edit = [](const net::Request&, json&, net::Headers& headers) {
    headers.Remove("CMR-Hits");
  };
  EXPECT_ERROR(List(), Code::kUnavailable, "CMR-Hits");
}

TEST_F(CmrClientTest, ATimedOutPageIsNeverUsed) {
  world_.Add("2024-01-17T01:00:00Z", 2);
  for (const char* header : {"CMR-Time-Out", "CMR-Timed-Out"}) {
    world_.edit = [&](const net::Request&, json&, net::Headers& headers) {
      headers.Add(header, "true");
    };
    ASSERT_OK_AND_ASSIGN(const CmrListing listing, List());
    EXPECT_TRUE(listing.timed_out);
    EXPECT_TRUE(listing.entries.empty());
  }
}

TEST(CanonicalBoxTest, TakesTheWaysABoxIsWritten) {
  for (const char* text : {"-124.7,32.5,-114.1,42.0", "-124.7/32.5/-114.1/42",
                           "-124.70:32.5:-114.1:42", " -124.7, 32.5, -114.1, 42.0 "}) {
    ASSERT_OK_AND_ASSIGN(const std::string box, CanonicalBox(text));
    EXPECT_EQ(box, "-124.7,32.5,-114.1,42");
  }
  EXPECT_OK(CanonicalBox("170,-20,-170,-10"));  // over the antimeridian
  for (const char* text : {"", "1,2,3", "1,2,3,4,5", "x,1,2,3", "1,5,2,4", "1,5,2,5", "-181,0,0,1",
                           "0,0,0,91", "0,-91,0,0", "nan,0,1,1"}) {
    EXPECT_FALSE(CanonicalBox(text).ok()) << text;
  }
}

CmrEntry EntryAt(const std::string& title, const std::string& start) {
  CmrEntry entry;
  entry.concept_id = "G-" + title;
  entry.title = title;
  entry.time_start = *ParseTime(start);
  entry.updated = *ParseTime("2024-02-01");
  return entry;
}

TEST(DayListTest, H01LastSecondAGranuleBelongsToTheDayItBegins) {
  const Day day = std::chrono::floor<std::chrono::days>(*ParseTime("2024-01-17"));
  const DayGranules made =
      GranulesOfDay({EntryAt("a", "2024-01-16T23:59:59.999Z"), EntryAt("b", "2024-01-17T00:00:00Z"),
                     EntryAt("c", "2024-01-17T23:59:59.7Z"), EntryAt("d", "2024-01-18T00:00:00Z")},
                    day, ItemScheme::kHttps);
  ASSERT_EQ(made.granules.size(), 2u);
  EXPECT_EQ(made.granules[0].id, "b");
  EXPECT_EQ(made.granules[1].id, "c");
  EXPECT_EQ(made.neighbours, 2);
  EXPECT_EQ(made.without_link, 2);
}

TEST(DayListTest, ListedLinksAreUsedOthersDerivedAndTitlesStandOnce) {
  const Day day = std::chrono::floor<std::chrono::days>(*ParseTime("2024-01-17"));
  std::vector<CmrEntry> entries;
  entries.push_back(EntryAt("HLS.L30.T15TVL.2024017T165850.v2.0", "2024-01-17T16:58:50Z"));
  entries.push_back(EntryAt("HLS.L30.T15TVM.2024017T165850.v2.0", "2024-01-17T16:58:50Z"));
  entries[1].https_link = "https://elsewhere.example.org/x_stac.json";
  entries.push_back(entries[1]);
  entries[2].concept_id = "G-again";
  entries[2].updated += std::chrono::hours(1);
  const DayGranules made = GranulesOfDay(entries, day, ItemScheme::kHttps);
  ASSERT_EQ(made.granules.size(), 2u);
  EXPECT_FALSE(made.granules[0].listed);
  EXPECT_THAT(made.granules[0].href, HasSubstr("/HLSL30.020/"));
  EXPECT_TRUE(made.granules[1].listed);
  EXPECT_EQ(made.granules[1].concept_id, "G-again");
  EXPECT_EQ(made.same_title, 1);
  EXPECT_EQ(made.moved_links, 2);
  EXPECT_EQ(made.derived_links, 1);
}

}  // namespace
}  // namespace catchment::sources::cmr
