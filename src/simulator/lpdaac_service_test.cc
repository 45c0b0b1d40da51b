#include "simulator/lpdaac_service_internal.h"

#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/test.h"
#include "base/text.h"
#include "simulator/generated_granules_internal.h"
#include "simulator/recorded_granules_internal.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;

const std::filesystem::path kFolder =
    std::filesystem::path(CATCHMENT_SOURCE_DIR) / "tests/data/hls";
const Time kLater = *ParseTime("2026-11-12T00:00:00Z");

std::unique_ptr<RecordedGranules> Recorded() {
  CmrWorld world;
  world.items = {kFolder / "hls_item_verbatim.ndjson", kFolder / "hls_items_reconstructed.ndjson"};
  auto granules = RecordedGranules::Load(world);
  EXPECT_OK(granules);
  return std::move(*granules);
}

std::unique_ptr<GeneratedGranules> Generated(double scale, CmrWorld world = {}) {
  world.generate.emplace();
  world.scale = scale;
  return std::make_unique<GeneratedGranules>(world, 7);
}

HttpResponse Get(const GranuleCatalogue& granules, const std::string& path,
                 std::vector<std::pair<std::string, std::string>> headers = {},
                 const std::vector<Fault>& faults = {}, Time now = kLater) {
  LpdaacService service({}, {}, granules);
  ActiveFaults active;
  for (const Fault& fault : faults) active.faults.push_back(&fault);
  const size_t mark = path.find('?');
  const HttpRequest request{.method = "GET",
                            .target = path,
                            .path = path.substr(0, mark),
                            .query = mark == std::string::npos ? "" : path.substr(mark + 1),
                            .headers = std::move(headers),
                            .body = ""};
  return service.Answer(request, active, now).response;
}

std::string PathOf(const std::string& title) {
  return fmt::format("/lp-prod-public/HLS{0}.020/{1}/{1}_stac.json", title.substr(4, 3), title);
}

const std::string kVerbatim = "HLS.S30.T01WEV.2024153T000609.v2.0";

std::string HeaderOf(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

// The items of a day that the search finds.
std::vector<ordered_json> ItemsOfDay(const GeneratedGranules& granules, size_t product,
                                     const char* day) {
  GranuleQuery query;
  query.products[product] = true;
  query.from = *ParseTime(day);
  query.to = *query.from + std::chrono::days(1);
  query.now = kLater;
  std::vector<GranuleHandle> found;
  granules.Find(query, std::nullopt, 100'000, found);
  std::vector<ordered_json> items;
  for (const GranuleHandle& granule : found) {
    std::string text;
    granules.AppendEntry(granule, kLater, {}, text);
    const std::string title = ordered_json::parse(text)["title"];
    const HttpResponse response = Get(granules, PathOf(title));
    EXPECT_EQ(response.status, 200) << title;
    if (response.status == 200) items.push_back(ordered_json::parse(response.body));
  }
  return items;
}

TEST(LpdaacServiceTest, RecordedItemsAreServedByteForByte) {
  const auto granules = Recorded();
  ASSERT_OK_AND_ASSIGN(const std::string file, ReadFile(kFolder / "hls_item_verbatim.ndjson"));
  const HttpResponse response = Get(*granules, PathOf(kVerbatim));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, Trim(file));
  EXPECT_EQ(response.content_type, "application/json");
}

TEST(LpdaacServiceTest, MadeUpItemsAreWrittenLikeTheRecordedOnes) {
  const auto recorded = Recorded();
  const auto granules = Generated(0.01);
  const std::map<size_t, std::string> models = {{kL30, "HLS.L30.T19LBJ.2020239T144556.v2.0"},
                                                {kS30, kVerbatim}};
  for (const auto& [product, model] : models) {
    const std::string real_text = Get(*recorded, PathOf(model)).body;
    ordered_json real = ordered_json::parse(real_text);
    const auto items = ItemsOfDay(*granules, product, "2025-07-05");
    ASSERT_GT(items.size(), 50u);
    ordered_json made = items[5];
    // Apart from what belongs to one granule, all is equal, the order of members included.
    for (const char* member : {"geometry", "bbox"}) real[member] = made[member] = nullptr;
    for (const char* member :
         {"start_datetime", "end_datetime", "datetime", "platform", "eo:cloud_cover",
          "proj:transform", "proj:epsg", "view:sun_azimuth", "view:azimuth"}) {
      EXPECT_EQ(real["properties"][member].is_number(), made["properties"][member].is_number());
      real["properties"][member] = made["properties"][member] = nullptr;
    }
    std::string made_text = made.dump();
    const std::string title = made["id"];
    for (size_t at; (at = made_text.find(title)) != std::string::npos;) {
      made_text.replace(at, title.size(), model);
    }
    EXPECT_EQ(made_text, real.dump());
  }
}

TEST(LpdaacServiceTest, EveryGranuleOfADayHasItsItem) {
  const auto granules = Generated(0.3);
  const auto items = ItemsOfDay(*granules, kS30, "2025-07-05");
  EXPECT_GE(items.size(), 2'700u);
  std::set<std::string> ids, tiles;
  size_t crossing = 0, south = 0, whole = 0;
  for (const ordered_json& item : items) {
    const std::string id = item["id"];
    ids.insert(id);
    tiles.insert(id.substr(9, 5));
    const auto& bbox = item["bbox"];
    if (item["geometry"]["coordinates"].size() == 2) {
      ++crossing;
      EXPECT_EQ(bbox[0], -180.0);
      EXPECT_EQ(bbox[2], 180.0);
    }
    south += bbox[3] < 0 ? 1 : 0;
    whole += item["properties"]["eo:cloud_cover"].is_number_integer() ? 1 : 0;
    for (const auto& polygon : item["geometry"]["coordinates"]) {
      double doubled = 0;  // negative: clockwise
      for (size_t i = 0; i + 1 < polygon[0].size(); ++i) {
        const auto &a = polygon[0][i], &b = polygon[0][i + 1];
        doubled +=
            a[0].get<double>() * b[1].get<double>() - b[0].get<double>() * a[1].get<double>();
        EXPECT_LE(std::abs(a[0].get<double>()), 180);
      }
      EXPECT_LT(doubled, 0) << id;
      EXPECT_EQ(polygon[0].front(), polygon[0].back());
    }
  }
  EXPECT_EQ(ids.size(), items.size());
  EXPECT_GT(tiles.size(), 2'000u);
  EXPECT_LT(tiles.size(), items.size());  // some tiles twice a day
  EXPECT_GT(crossing, 0u);
  EXPECT_GT(south, 300u);
  EXPECT_GT(whole, 150u);
  EXPECT_LT(whole, 450u);
}

TEST(LpdaacServiceTest, OldAndComingItemsDiffer) {
  const auto granules = Generated(0.05);
  size_t wrong = 0, southern = 0;
  for (const ordered_json& item : ItemsOfDay(*granules, kL30, "2021-03-05")) {
    EXPECT_FALSE(item["properties"].contains("proj:transform"));
    EXPECT_FALSE(item["properties"].contains("proj:shape"));
    southern += item["id"].get<std::string>()[11] < 'N' ? 1 : 0;
    wrong += item["properties"]["proj:epsg"] > 32700 ? 1 : 0;
  }
  EXPECT_GT(wrong, southern / 3);
  EXPECT_LT(wrong, southern);
  size_t software = 0, thumbnails = 0, all = 0;
  for (const ordered_json& item : ItemsOfDay(*granules, kS30, "2026-07-05")) {
    ++all;
    software += item["properties"].contains("processing:software") ? 1 : 0;
    thumbnails += item["assets"].contains("thumbnail") ? 1 : 0;
    EXPECT_LT(item["properties"]["proj:epsg"], 32700);
  }
  EXPECT_GT(software, all / 5);
  EXPECT_LT(software, all / 2);
  EXPECT_GT(thumbnails, all / 2);
  EXPECT_LT(thumbnails, all);
}

TEST(LpdaacServiceTest, AWorldMayHaveNewPropertiesAndAssets) {
  CmrWorld world;
  world.drift.new_property = world.drift.new_asset = 0.5;
  size_t properties = 0, assets = 0, all = 0;
  for (const ordered_json& item : ItemsOfDay(*Generated(0.02, world), kS30, "2025-07-05")) {
    ++all;
    properties += item["properties"].contains("hls:quality") ? 1 : 0;
    assets += item["assets"].contains("Shadow") ? 1 : 0;
  }
  for (const size_t count : {properties, assets}) {
    EXPECT_GT(count, all / 4);
    EXPECT_LT(count, all * 3 / 4);
  }
}

TEST(LpdaacServiceTest, PairsOfATileStandOnBothSidesOfMidnight) {
  const auto granules = Generated(0.05);
  const auto before = ItemsOfDay(*granules, kL30, "2025-07-04");
  // An even day since 1970 and the odd one after it, or the other way round.
  const auto last_of = [](const std::vector<ordered_json>& items, const char* day) {
    std::string tile;
    for (const ordered_json& item : items) {
      if (item["properties"]["datetime"].get<std::string>().starts_with(day)) {
        tile = item["id"].get<std::string>().substr(9, 5);
      }
    }
    return tile;
  };
  const auto first_of = [](const std::vector<ordered_json>& items, const char* day) {
    for (const ordered_json& item : items) {
      if (item["properties"]["datetime"].get<std::string>().starts_with(day)) {
        return item["id"].get<std::string>().substr(9, 5);
      }
    }
    return std::string();
  };
  const auto on = ItemsOfDay(*granules, kL30, "2025-07-05");
  const auto after = ItemsOfDay(*granules, kL30, "2025-07-06");
  const bool first_pair = last_of(before, "2025-07-04") == first_of(on, "2025-07-05");
  const bool second_pair = last_of(on, "2025-07-05") == first_of(after, "2025-07-06");
  EXPECT_TRUE(first_pair || second_pair);
}

TEST(LpdaacServiceTest, WhatIsNotThereIs404) {
  const auto granules = Generated(0.01);
  for (const char* path : {"/", "/lp-prod-public", "/lp-prod-public/", "/other/a",
                           "/lp-prod-public/HLSS30.020/x/x_stac.json",
                           "/lp-prod-public/HLSS30.020/HLS.S30.T15TWN.2025275T170141.v2.0/"
                           "HLS.S30.T15TWN.2025275T170141.v2.0_stac.json",
                           "/lp-prod-public/HLSS30.020/HLS.S30.T99ZZZ.9999999T999999.v2.0/"
                           "HLS.S30.T99ZZZ.9999999T999999.v2.0_stac.json"}) {
    EXPECT_EQ(Get(*granules, path).status, 404) << path;
  }
  EXPECT_EQ(
      Get(*Recorded(), "/lp-prod-public/HLSL30.020/" + kVerbatim + "/" + kVerbatim + "_stac.json")
          .status,
      404);
  EXPECT_EQ(Get(*granules, "/lp-prod-protected/HLSS30.020/a").status, 403);
}

TEST(LpdaacServiceTest, AnUnchangedItemIs304AndARevisionHasAnotherTag) {
  CmrWorld world;
  world.revised = 1;
  world.late = world.deleted = 0;
  const auto granules = Generated(0.01, world);
  const std::string id = ItemsOfDay(*granules, kS30, "2025-07-05")[4]["id"];
  const HttpResponse early = Get(*granules, PathOf(id), {}, {}, *ParseTime("2025-07-08T23:59:00Z"));
  const HttpResponse late = Get(*granules, PathOf(id));
  ASSERT_EQ(early.status, 200);
  EXPECT_NE(HeaderOf(early, "ETag"), HeaderOf(late, "ETag"));
  EXPECT_NE(early.body, late.body);
  EXPECT_EQ(Get(*granules, PathOf(id), {{"if-none-match", HeaderOf(late, "ETag")}}).status, 304);
  EXPECT_EQ(Get(*granules, PathOf(id), {{"if-none-match", HeaderOf(early, "ETag")}}).status, 200);
  EXPECT_EQ(Get(*granules, PathOf(id), {}, {}, *ParseTime("2025-07-05T23:59:00Z")).status, 404);
}

TEST(LpdaacServiceTest, CredentialsWantTheToken) {
  const auto granules = Recorded();
  EXPECT_EQ(Get(*granules, "/s3credentials").status, 401);
  EXPECT_EQ(Get(*granules, "/s3credentials", {{"authorization", "Bearer other"}}).status, 401);
  const HttpResponse response =
      Get(*granules, "/s3credentials", {{"authorization", "Bearer simulated-earthdata-token"}});
  ASSERT_EQ(response.status, 200);
  const auto issued = ordered_json::parse(response.body);
  EXPECT_EQ(issued["expiration"], "2026-11-12 01:00:00+00:00");
  for (const char* key : {"accessKeyId", "secretAccessKey", "sessionToken"}) {
    EXPECT_NE(issued[key], "") << key;
  }
}

TEST(LpdaacServiceTest, TheBucketWantsASignatureAndSpeaksXml) {
  const auto granules = Recorded();
  const std::string key = PathOf(kVerbatim).substr(std::string("/lp-prod-public").size());
  const HttpResponse refused =
      Get(*granules, key, {{"host", "lp-prod-public.s3.us-west-2.amazonaws.com"}});
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.content_type, "application/xml");
  EXPECT_THAT(refused.body, testing::HasSubstr("<Code>AccessDenied</Code>"));
  const HttpResponse ended = Get(*granules, key,
                                 {{"host", "lp-prod-public.s3.us-west-2.amazonaws.com"},
                                  {"x-amz-security-token", "simulated-session-1000"}});
  EXPECT_THAT(ended.body, testing::HasSubstr("<Code>ExpiredToken</Code>"));
  const HttpResponse slow = Get(*granules, PathOf(kVerbatim), {}, {{.answer = "slow_down"}});
  EXPECT_EQ(slow.status, 503);
}

// The signature was computed by another program, from Amazon's description.
TEST(LpdaacServiceTest, ASignedRequestWithIssuedCredentialsGetsTheItem) {
  const auto granules = Recorded();
  const std::string path = PathOf(kVerbatim).substr(std::string("/lp-prod-public").size());
  const auto get = [&](const std::string& signature, const std::string& key, const char* target) {
    return Get(*granules, target,
               {{"host", "lp-prod-public.s3.us-west-2.amazonaws.com"},
                {"x-amz-date", "20261112T000000Z"},
                {"x-amz-content-sha256",
                 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                {"x-amz-security-token", "simulated-session-1794445200"},
                {"authorization",
                 fmt::format("AWS4-HMAC-SHA256 Credential={}/20261112/us-west-2/s3/aws4_request, "
                             "SignedHeaders=host;x-amz-content-sha256;x-amz-date;"
                             "x-amz-security-token, Signature={}",
                             key, signature)}});
  };
  const std::string good = "27631a2236a11573058d24396d56b54db2d2b28b7d0f210aac07daee58e05cd9";
  const std::string key = "ASIASIMULATED1794445200";
  const HttpResponse response = get(good, key, path.c_str());
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.body, Get(*granules, PathOf(kVerbatim)).body);
  EXPECT_THAT(get(std::string(64, '0'), key, path.c_str()).body,
              testing::HasSubstr("<Code>SignatureDoesNotMatch</Code>"));
  EXPECT_THAT(get(good, "ASIAOTHER", path.c_str()).body,
              testing::HasSubstr("<Code>InvalidAccessKeyId</Code>"));
}

TEST(LpdaacServiceTest, FaultsChangeTheBody) {
  const auto granules = Recorded();
  const auto with = [&](Fault fault, const std::string& more = "") {
    return Get(*granules, PathOf(kVerbatim) + more, {}, {std::move(fault)});
  };
  const auto item = [&](const char* answer) {
    return ordered_json::parse(with({.answer = answer}).body, nullptr, false);
  };
  EXPECT_TRUE(item("wrong_type")["properties"]["eo:cloud_cover"].is_string());
  EXPECT_TRUE(item("null_geometry")["geometry"].is_null());
  EXPECT_NE(item("other_id")["id"], kVerbatim);
  EXPECT_TRUE(item("new_property")["properties"].contains("hls:quality"));
  EXPECT_TRUE(item("new_asset")["assets"].contains("Shadow"));
  EXPECT_TRUE(item("cut_json").is_discarded());
  EXPECT_EQ(with({.answer = "not_found"}).status, 404);
  EXPECT_EQ(with({.answer = "access_denied"}).status, 403);
  const HttpResponse first = with({.answer = "redirect", .count = 2});
  EXPECT_EQ(first.status, 302);
  EXPECT_THAT(HeaderOf(first, "Location"), testing::EndsWith("_stac.json?hop=1"));
  EXPECT_EQ(with({.answer = "redirect", .count = 2}, "?hop=1").status, 302);
  EXPECT_EQ(with({.answer = "redirect", .count = 2}, "?hop=2").status, 200);
  EXPECT_EQ(HeaderOf(with({.answer = "redirect", .body = "http://other/"}), "Location"),
            "http://other/");
}

}  // namespace
}  // namespace catchment::simulator
