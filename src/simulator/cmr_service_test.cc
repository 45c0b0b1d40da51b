#include "simulator/cmr_service_internal.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/test.h"
#include "base/text.h"
#include "simulator/generated_granules_internal.h"
#include "simulator/recorded_granules_internal.h"

namespace catchment::simulator {
namespace {

using nlohmann::json;

const std::filesystem::path kFolder =
    std::filesystem::path(CATCHMENT_SOURCE_DIR) / "tests/data/hls";
constexpr const char* kL30Concept = "C2021957657-LPCLOUD";
constexpr const char* kS30Concept = "C2021957295-LPCLOUD";
const Time kLater = *ParseTime("2025-11-12T00:00:00Z");

std::unique_ptr<RecordedGranules> Recorded() {
  CmrWorld world;
  world.responses = kFolder / "cmr_granules_hls_responses.ndjson.zst";
  world.items = {kFolder / "hls_items_derived_from_cmr.ndjson.zst",
                 kFolder / "hls_item_verbatim.ndjson", kFolder / "hls_items_reconstructed.ndjson"};
  auto granules = RecordedGranules::Load(world);
  EXPECT_OK(granules);
  return std::move(*granules);
}

std::unique_ptr<GeneratedGranules> Generated(double scale = 0.01, CmrWorld world = {}) {
  world.generate.emplace();
  world.scale = scale;
  return std::make_unique<GeneratedGranules>(world, 7);
}

std::string Gunzip(const std::string& packed) {
  std::string text(64 << 20, '\0');
  z_stream stream{};
  inflateInit2(&stream, 31);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const int code = inflate(&stream, Z_FINISH);
  text.resize(text.size() - stream.avail_out);
  inflateEnd(&stream);
  return code == Z_STREAM_END ? text : "broken";
}

struct Page {
  int status = 0;
  std::map<std::string, std::string> headers;
  json entries;
  std::string body;
};

class CmrServiceTest : public testing::Test {
 protected:
  Page Ask(const GranuleCatalogue& granules, const std::string& query,
           const std::string& token = "", Time now = kLater, const std::vector<Fault>& faults = {},
           bool gzip = false) {
    CmrService service(granules);
    HttpRequest request{.method = "GET",
                        .target = "/search/granules.json?" + query,
                        .path = "/search/granules.json",
                        .query = query,
                        .headers = {},
                        .body = ""};
    if (!token.empty()) request.headers.emplace_back("cmr-search-after", token);
    if (gzip) request.headers.emplace_back("accept-encoding", "gzip");
    ActiveFaults active;
    for (const Fault& fault : faults) active.faults.push_back(&fault);
    HttpResponse response = service.Answer(request, active, now).response;
    Page page{response.status, {}, nullptr, std::move(response.body)};
    for (const auto& [name, value] : response.headers) page.headers[name] = value;
    const json document = json::parse(gzip ? Gunzip(page.body) : page.body, nullptr, false);
    if (document.is_object() && document.contains("feed")) page.entries = document["feed"]["entry"];
    return page;
  }

  // All entries, page by page; checks the rules of paging on the way.
  std::vector<json> All(const GranuleCatalogue& granules, const std::string& query,
                        Time now = kLater) {
    std::vector<json> entries;
    std::string token, hits;
    for (int page = 0; page < 1000; ++page) {
      const Page answer = Ask(granules, query, token, now);
      EXPECT_EQ(answer.status, 200) << answer.body;
      if (page > 0) {
        EXPECT_EQ(answer.headers.at("CMR-Hits"), hits);
      }
      hits = answer.headers.at("CMR-Hits");
      EXPECT_EQ(answer.headers.contains("CMR-Search-After"), !answer.entries.empty());
      if (answer.entries.empty()) break;
      entries.insert(entries.end(), answer.entries.begin(), answer.entries.end());
      token = answer.headers.at("CMR-Search-After");
    }
    EXPECT_EQ(std::to_string(entries.size()), hits);
    return entries;
  }
};

std::string Day(const char* concept_id, const std::string& from, const std::string& to) {
  return fmt::format("collection_concept_id[]={}&temporal[]={},{}&page_size=2000", concept_id, from,
                     to);
}

TEST_F(CmrServiceTest, RecordedSearchesAreAnsweredAsRecorded) {
  const auto granules = Recorded();
  const std::string query =
      "collection_concept_id[]=C2021957657-LPCLOUD&bounding_box=-93.0,46.0,-92.0,47.0&temporal[]="
      "2025-10-02T00:00:00Z,2025-10-02T23:59:59Z&page_size=2000";
  const Page page = Ask(*granules, query);
  EXPECT_EQ(page.headers.at("CMR-Hits"), "3");
  EXPECT_EQ(page.headers.at("CMR-Search-After"), R"(["lpcloud",1759424679336,3790086838])");
  ASSERT_EQ(page.entries.size(), 3u);
  EXPECT_EQ(page.entries[0]["id"], "G3789984495-LPCLOUD");
  EXPECT_EQ(page.entries[0]["links"].size(), 48u);
  const Page last = Ask(*granules, query, page.headers.at("CMR-Search-After"));
  EXPECT_EQ(last.headers.at("CMR-Hits"), "3");
  EXPECT_FALSE(last.headers.contains("CMR-Search-After"));
  EXPECT_TRUE(last.entries.empty());
  const std::string box = "&bounding_box=-93.0,46.0,-92.0,47.0";
  EXPECT_EQ(
      All(*granules, Day(kL30Concept, "2025-10-01T00:00:00Z", "2025-10-10T00:00:00Z") + box).size(),
      12u);
  EXPECT_EQ(
      All(*granules, Day(kS30Concept, "2025-10-01T00:00:00Z", "2025-10-10T00:00:00Z") + box).size(),
      22u);
}

TEST_F(CmrServiceTest, SingleItemsGetAnEntry) {
  const auto granules = Recorded();
  const auto entries =
      All(*granules, Day(kS30Concept, "2024-06-01T00:00:00Z", "2024-06-02T00:00:00Z"));
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0]["title"], "HLS.S30.T01WEV.2024153T000609.v2.0");
  EXPECT_EQ(entries[0]["links"].size(), 54u);
  EXPECT_EQ(entries[0]["time_start"], "2024-06-01T00:06:19.072Z");
}

TEST_F(CmrServiceTest, MadeUpEntriesHaveTheLinksOfRecordedOnes) {
  const auto recorded = Recorded();
  const auto generated = Generated();
  for (const char* concept_id : {kL30Concept, kS30Concept}) {
    const json real =
        All(*recorded, Day(concept_id, "2025-10-01T00:00:00Z", "2025-10-10T00:00:00Z"))[0];
    const json made =
        All(*generated, Day(concept_id, "2025-07-01T00:00:00Z", "2025-07-02T00:00:00Z"))[3];
    const auto shape = [](const json& entry) {
      std::multiset<std::string> links;
      for (const json& link : entry["links"]) {
        std::string text = link.dump();
        const std::string title = entry["title"];
        for (size_t at; (at = text.find(title)) != std::string::npos;) {
          text.replace(at, title.size(), "TITLE");
        }
        links.insert(text);
      }
      return links;
    };
    EXPECT_EQ(shape(real), shape(made));
    std::set<std::string> real_keys, made_keys;
    for (const auto& [key, value] : real.items()) real_keys.insert(key);
    for (const auto& [key, value] : made.items()) made_keys.insert(key);
    EXPECT_EQ(real_keys, made_keys);
  }
}

TEST_F(CmrServiceTest, PagesOfAnySizeGiveEachGranuleOnceInOrder) {
  const auto granules = Generated();
  const std::string day =
      "collection_concept_id[]=C2021957295-LPCLOUD&temporal[]=2025-07-04T00:00:"
      "00.000Z,2025-07-05T00:00:00.000Z&page_size=";
  const auto whole = All(*granules, day + "2000");
  EXPECT_GT(whole.size(), 85u);
  EXPECT_EQ(All(*granules, day + "7"), whole);
  std::set<std::string> ids;
  std::string before;
  for (const json& entry : whole) {
    EXPECT_TRUE(ids.insert(entry["id"]).second);
    EXPECT_LE(before, entry["time_start"].get<std::string>());
    before = entry["time_start"];
  }
}

TEST_F(CmrServiceTest, H01_last_second_BothEndsOfAWindowAreIncluded) {
  const auto granules = Generated();
  const auto day =
      All(*granules, Day(kL30Concept, "2025-07-05T00:00:00.000Z", "2025-07-06T00:00:00.000Z"));
  std::set<std::string> starts, of_day;
  for (const json& entry : day) {
    const std::string start = entry["time_start"];
    starts.insert(start.substr(0, 10));
    if (start.starts_with("2025-07-05T23:59:59.5") || start > "2025-07-05T23:59:59.5") {
      of_day.insert(start);
    }
    EXPECT_GE(entry["time_end"].get<std::string>(), "2025-07-05");
  }
  EXPECT_FALSE(of_day.empty());  // the last second
  // One that began the day before, and the one that begins at midnight after an odd day.
  EXPECT_TRUE(starts.contains("2025-07-04"));
  EXPECT_EQ(starts.size(), 3u - (starts.contains("2025-07-06") ? 0 : 1));
}

TEST_F(CmrServiceTest, GranulesAppearAreRevisedAndGo) {
  CmrWorld world;
  world.revised = 0.5;
  world.deleted = 0.2;
  world.late = 0;
  const auto granules = Generated(0.01, world);
  const std::string day = Day(kS30Concept, "2025-07-05T00:00:00.000Z", "2025-07-06T00:00:00.000Z");
  const auto at = [&](const char* now) { return All(*granules, day, *ParseTime(now)); };
  EXPECT_EQ(at("2025-07-06T00:00:00Z").size(), 0u);
  const size_t some = at("2025-07-07T12:00:00Z").size();
  const auto all = at("2025-07-08T23:00:00Z");
  EXPECT_GT(some, 5u);
  EXPECT_GT(all.size(), some);
  const auto later = at("2025-09-30T00:00:00Z");
  EXPECT_LT(later.size(), all.size());
  size_t revised = 0;
  for (const json& entry : later) revised += entry["updated"] > "2025-07-09" ? 1 : 0;
  EXPECT_GT(revised, later.size() / 3);
  EXPECT_EQ(All(*granules, day + "&updated_since=2025-07-09T00:00:00Z",
                *ParseTime("2025-09-30T00:00:00Z"))
                .size(),
            revised);
}

TEST_F(CmrServiceTest, H17_box_ignored_BoxesSelectByPolygonAlsoAcrossTheAntimeridian) {
  const auto granules = Generated(1);
  const std::string day = Day(kS30Concept, "2025-07-05T00:00:00.000Z", "2025-07-06T00:00:00.000Z");
  const auto in = [&](const std::string& box) {
    const std::string query = day.substr(0, day.rfind('=') + 1) + "0&bounding_box=" + box;
    return std::stoul(Ask(*granules, query).headers.at("CMR-Hits"));
  };
  const size_t all = in("-180,-90,180,90");
  EXPECT_GT(all, 9000u);
  const size_t crossing = in("170,50,-170,75");
  EXPECT_GT(crossing, 10u);
  EXPECT_LT(crossing, 300u);
  EXPECT_LE(crossing, in("170,50,180,75") + in("-180,50,-170,75"));
  EXPECT_LT(in("-124.7,32.5,-114.1,42.0"), all / 20);
  for (const json& entry : All(*granules, day + "&bounding_box=10,45,12,47")) {
    const std::string polygon = entry["polygons"][0][0];
    EXPECT_GT(std::stod(polygon), 43) << polygon;
    EXPECT_LT(std::stod(polygon), 49) << polygon;
  }
}

TEST_F(CmrServiceTest, TheLargestMonthIsAsLargeAsTheRealOne) {
  const auto granules = Generated(1);
  const auto day_of = [](const char* text) {
    return static_cast<int32_t>(
        std::chrono::floor<std::chrono::days>(*ParseTime(text)).time_since_epoch().count());
  };
  int64_t month = 0, largest = 0;
  for (int32_t day = day_of("2025-07-01"); day < day_of("2025-08-01"); ++day) {
    month += granules->CountOfDay(kS30, day);
    largest = std::max(largest, granules->CountOfDay(kS30, day));
  }
  EXPECT_EQ(month, 288'724);
  EXPECT_EQ(largest, 9'314);
  EXPECT_EQ(granules->CountOfDay(kL30, day_of("2013-04-10")), 0);
  EXPECT_GT(granules->CountOfDay(kL30, day_of("2013-04-11")), 0);
  EXPECT_EQ(granules->CountOfDay(kS30, day_of("2015-11-27")), 0);
}

TEST_F(CmrServiceTest, WrongParametersAre400WithTheirErrors) {
  const auto granules = Recorded();
  const auto errors = [&](const std::string& query, const std::string& token = "") {
    const Page page = Ask(*granules, query, token);
    EXPECT_EQ(page.status, 400) << query;
    return json::parse(page.body)["errors"].at(0).get<std::string>();
  };
  EXPECT_THAT(errors("page_size=2001"), testing::HasSubstr("between 0 and 2000"));
  EXPECT_THAT(errors("page_size=ten"), testing::HasSubstr("between 0 and 2000"));
  EXPECT_THAT(errors("temporal[]=2025-13-01T00:00:00Z,"),
              testing::HasSubstr("not a valid datetime"));
  EXPECT_THAT(errors("temporal[]=2025-02-01,2025-01-01"), testing::HasSubstr("must be before"));
  EXPECT_THAT(errors("bounding_box=1,2,3"), testing::HasSubstr("bounding_box"));
  EXPECT_THAT(errors("bounding_box=1,50,3,40"), testing::HasSubstr("less than the south"));
  EXPECT_THAT(errors("bounding_box=1,2,3,nan"), testing::HasSubstr("bounding_box"));
  EXPECT_THAT(errors("collection_concept_id[]=HLSL30"), testing::HasSubstr("not valid"));
  EXPECT_THAT(errors("colection=1"), testing::HasSubstr("not recognized"));
  EXPECT_THAT(errors("updated_since=x"), testing::HasSubstr("not a valid datetime"));
  EXPECT_THAT(errors("page_size=1", "[1]"), testing::HasSubstr("search_after"));
  EXPECT_EQ(Ask(*granules, "collection_concept_id[]=C1-OTHER").headers.at("CMR-Hits"), "0");
}

TEST_F(CmrServiceTest, PagesArePackedIfAskedFor) {
  const auto granules = Generated(1);
  const std::string day = Day(kS30Concept, "2025-07-05T00:00:00.000Z", "2025-07-06T00:00:00.000Z");
  const Page plain = Ask(*granules, day);
  const Page packed = Ask(*granules, day, "", kLater, {}, true);
  EXPECT_EQ(packed.headers.at("Content-Encoding"), "gzip");
  EXPECT_EQ(packed.entries, plain.entries);
  EXPECT_GT(plain.body.size(), 25u << 20);
  EXPECT_LT(packed.body.size(), 2u << 20);
}

TEST_F(CmrServiceTest, FaultsBreakOneRuleEach) {
  const auto granules = Generated();
  const std::string day = Day(kS30Concept, "2025-07-05T00:00:00.000Z", "2025-07-06T00:00:00.000Z");
  const Page good = Ask(*granules, day);
  const auto with = [&](Fault fault, const std::string& token = "") {
    return Ask(*granules, day, token, kLater, {std::move(fault)});
  };
  const Page late = with({.answer = "time_out"});
  EXPECT_EQ(late.headers.at("CMR-Time-Out"), "true");
  EXPECT_EQ(late.entries.size(), good.entries.size() / 2);
  EXPECT_EQ(late.headers.at("CMR-Hits"), good.headers.at("CMR-Hits"));
  EXPECT_EQ(with({.answer = "time_out", .field = "CMR-Timed-Out"}).headers.at("CMR-Timed-Out"),
            "true");
  EXPECT_EQ(std::stoul(with({.answer = "wrong_hits", .count = 3}).headers.at("CMR-Hits")),
            good.entries.size() + 3);
  EXPECT_FALSE(with({.answer = "no_hits"}).headers.contains("CMR-Hits"));
  EXPECT_FALSE(with({.answer = "no_token"}).headers.contains("CMR-Search-After"));
  const std::string token = R"(["lpcloud",1,1])";
  EXPECT_EQ(with({.answer = "repeat_token"}, token).headers.at("CMR-Search-After"), token);
  EXPECT_EQ(with({.answer = "repeat_entries", .count = 2}).entries.size(), good.entries.size() + 2);
  EXPECT_EQ(with({.answer = "omit_entries", .count = 2}).entries.size(), good.entries.size() - 2);
  EXPECT_TRUE(with({.answer = "bad_json"}).entries.is_null());
  EXPECT_THAT(with({.answer = "no_link"}).body, testing::Not(testing::HasSubstr("_stac.json")));
  EXPECT_THAT(with({.answer = "other_link"}).body,
              testing::HasSubstr("nasa.gov/v2/lp-prod-public/"));
  const Page broken = Ask(*granules, day, "", kLater, {{.answer = "broken_gzip"}}, true);
  EXPECT_EQ(Gunzip(broken.body), "broken");
}

}  // namespace
}  // namespace catchment::simulator
