#include "simulator/retail_service_internal.h"
#include "simulator/test.h"

#include <gmock/gmock.h>

#include <set>

#include "base/file.h"
#include "base/test.h"
#include "simulator/retail_catalogue_internal.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;
using std::filesystem::path;

const path kData = path(CATCHMENT_SOURCE_DIR) / "tests/data/azure";
constexpr std::string_view kAll =
    "$filter=serviceName%20eq%20%27Virtual%20Machines%27%20and%20priceType%20eq%20%27Consumption%"
    "27";
const std::string kSpot = std::string(kAll) + "%20and%20contains(meterName,%20%27Spot%27)";

HttpRequest Ask(std::string_view query) {
  return {.method = "GET",
          .target = fmt::format("/api/retail/prices?{}", query),
          .path = "/api/retail/prices",
          .query = std::string(query),
          .headers = {},
          .body = ""};
}

std::unique_ptr<RetailService> Recorded(PricesWorld world = {}) {
  world.pages = kData / "retail_pages";
  auto service = RetailService::Load(world, 1);
  EXPECT_OK(service);
  return std::move(*service);
}

std::string Body(RetailService& service, std::string_view filter, int64_t skip,
                 const std::vector<const Fault*>& faults = {}, Time now = kNow) {
  const auto answer = service.Answer(Ask(fmt::format("{}&$skip={}", filter, skip)), {faults}, now);
  return answer.response.body;
}

ordered_json Page(RetailService& service, std::string_view filter, int64_t skip,
                  const std::vector<const Fault*>& faults = {}, Time now = kNow) {
  return ordered_json::parse(Body(service, filter, skip, faults, now));
}

int Status(RetailService& service, std::string_view query,
           const std::vector<const Fault*>& faults = {}) {
  return service.Answer(Ask(query), {faults}, kNow).response.status;
}

// All items from first to last link.
std::vector<ordered_json> Crawl(RetailService& service, std::string_view filter, Time now = kNow) {
  std::vector<ordered_json> items;
  for (int64_t skip = 0; skip >= 0;) {
    const ordered_json page = Page(service, filter, skip, {}, now);
    EXPECT_EQ(page["Count"], page["Items"].size());
    items.insert(items.end(), page["Items"].begin(), page["Items"].end());
    if (page["NextPageLink"].is_null()) return items;
    const std::string link = page["NextPageLink"];
    skip = std::stoll(link.substr(link.rfind('=') + 1));
    EXPECT_EQ(static_cast<size_t>(skip), items.size());
  }
  return items;
}

TEST(RetailServiceTest, RecordedPagesComeBackByteForByte) {
  const auto service = Recorded();
  for (int page = 0; page < 6; ++page) {
    ASSERT_OK_AND_ASSIGN(const std::string recorded,
                         ReadFile(kData / "retail_pages" / fmt::format("page-00{}.json", page)));
    EXPECT_EQ(Body(*service, kAll, page * 100), recorded.substr(0, recorded.rfind('}') + 1));
  }
}

TEST(RetailServiceTest, AnyOffsetIsServedAndOverlapsAgree) {
  const auto service = Recorded();
  const ordered_json first = Page(*service, kAll, 0), second = Page(*service, kAll, 99);
  EXPECT_EQ(first["Items"].back(), second["Items"].front());
  EXPECT_EQ(second["Items"].size(), 100u);
  EXPECT_THAT(second["NextPageLink"].get<std::string>(),
              testing::AllOf(testing::StartsWith("https://prices.azure.com:443/api/retail/prices?"),
                             testing::EndsWith("&$skip=199")));
}

TEST(RetailServiceTest, TheSpotFilterIsCaseSensitiveAndPartOfAll) {
  const auto service = Recorded();
  EXPECT_EQ(Crawl(*service, kAll).size(), 501u);
  EXPECT_EQ(Crawl(*service, kSpot).size(), 182u);
  for (const ordered_json& item : Crawl(*service, kSpot)) {
    EXPECT_THAT(item["meterName"].get<std::string>(), testing::HasSubstr("Spot"));
  }
  EXPECT_THAT(Crawl(*service, "$filter=contains(meterName,'spot')"), testing::IsEmpty());
}

TEST(RetailServiceTest, PastTheEndIs400OrAnEmptyPage) {
  const auto refusing = Recorded();
  EXPECT_EQ(Status(*refusing, fmt::format("{}&$skip=500", kAll)), 200);
  EXPECT_EQ(Status(*refusing, fmt::format("{}&$skip=501", kAll)), 400);
  PricesWorld world;
  world.past_end_is_400 = false;
  const auto empty = Recorded(world);
  const ordered_json page = Page(*empty, kAll, 501);
  EXPECT_EQ(page["Count"], 0);
  EXPECT_TRUE(page["NextPageLink"].is_null());
}

TEST(RetailServiceTest, AnEmptyResultIsOneEmptyPage) {
  const auto service = Recorded();
  const ordered_json page = Page(*service, "$filter=armSkuName eq 'Standard_None'", 0);
  EXPECT_TRUE(page["Items"].empty());
  EXPECT_TRUE(page["NextPageLink"].is_null());
}

TEST(RetailServiceTest, WrongRequestsAreRefused) {
  const auto service = Recorded();
  EXPECT_EQ(Status(*service, "$filter=bogus eq 'x'"), 400);
  EXPECT_EQ(Status(*service, "$filter=meterName ne 'x'"), 400);
  EXPECT_EQ(Status(*service, "$filter=meterName eq x"), 400);
  EXPECT_EQ(Status(*service, "$skip=-1"), 400);
  EXPECT_EQ(Status(*service, "$skip=1e3"), 400);
  EXPECT_EQ(Status(*service, "currencyCode='EUR'"), 400);
  EXPECT_EQ(Status(*service, "currencyCode='USD'"), 200);
}

TEST(RetailServiceTest, MeterRegionPrimaryLosesItems) {
  const auto service = Recorded();
  EXPECT_LT(Crawl(*service, std::string(kAll) + "&meterRegion='primary'").size(), 501u);
}

TEST(RetailServiceTest, ALastPageThatIsFullHasNoLink) {
  PricesWorld world;
  world.page_size = 167;  // 3 × 167 = 501
  const auto service = Recorded(world);
  const ordered_json page = Page(*service, kAll, 334);
  EXPECT_EQ(page["Items"].size(), 167u);
  EXPECT_TRUE(page["NextPageLink"].is_null());
}

TEST(RetailServiceTest, ItemsOfACompressedFileAreFilteredAndRepaged) {
  PricesWorld world;
  world.items = kData / "azure_retail_items_union.ndjson.zst";
  world.page_size = 300;
  ASSERT_OK_AND_ASSIGN(const auto service, RetailService::Load(world, 1));
  EXPECT_EQ(Crawl(*service, "").size(), 3791u);
  const std::vector<ordered_json> machines = Crawl(*service, kAll);
  EXPECT_EQ(machines.size(), 1923u);
  for (const ordered_json& item : machines) EXPECT_EQ(item["type"], "Consumption");
}

TEST(RetailServiceTest, ChangesComeIntoForceAtTheirTime) {
  PricesWorld world;
  Change set;
  set.at = kNow + std::chrono::hours(6);
  set.match = {
      {"armRegionName", "westeurope"}, {"armSkuName", "Standard_D4ds_v5"}, {"meterName", "* Spot"}};
  set.set = {{"retailPrice", 1.5}};
  Change removed;
  removed.at = set.at;
  removed.match = {{"armRegionName", "sgxsingapore1"}, {"meterName", "* Spot"}};
  removed.remove = true;
  Change added;
  added.at = set.at;
  added.match = set.match;
  added.add = {{"armRegionName", "mars"}, {"effectiveEndDate", nullptr}};
  world.changes = {set, removed, added};
  const auto service = Recorded(world);
  const auto before = Crawl(*service, kSpot), after = Crawl(*service, kSpot, *set.at);
  EXPECT_EQ(before.size(), after.size());  // one gone, one new
  const auto count = [](const std::vector<ordered_json>& items, const char* field,
                        const ordered_json& value) {
    return std::count_if(items.begin(), items.end(),
                         [&](const ordered_json& item) { return item[field] == value; });
  };
  EXPECT_EQ(count(before, "retailPrice", 1.5), 0);
  EXPECT_EQ(count(after, "retailPrice", 1.5), 2);
  EXPECT_EQ(count(before, "armRegionName", "sgxsingapore1"), 1);
  EXPECT_EQ(count(after, "armRegionName", "sgxsingapore1"), 0);
  EXPECT_EQ(count(after, "armRegionName", "mars"), 1);
}

TEST(RetailServiceTest, TheRecordedWorldChangesOnceAtSixOClock) {
  const std::vector<path> folders = {path(CATCHMENT_SOURCE_DIR) / "worlds"};
  ASSERT_OK_AND_ASSIGN(const World world, LoadWorld("azure-recorded", folders));
  ASSERT_OK_AND_ASSIGN(const auto service, RetailService::Load(*world.prices, world.seed));
  const auto at = [&](const char* time) {
    std::set<std::string> texts;
    for (const ordered_json& item : Crawl(*service, kSpot, *ParseTime(time))) {
      texts.insert(item.dump());
    }
    return texts;
  };
  const auto before = at("2026-08-02T05:59:59Z"), after = at("2026-08-02T06:00:00Z");
  std::vector<std::string> gone, come;
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::back_inserter(gone));
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::back_inserter(come));
  EXPECT_EQ(before.size(), 182u);
  EXPECT_THAT(gone, testing::SizeIs(6));  // 4 moved, 1 closed, 1 removed
  EXPECT_THAT(come, testing::SizeIs(8));  // their new forms, a new period, 2 new regions
}

TEST(RetailServiceTest, ALinkOfBytesThatAreNoTextIsStillJson) {
  const auto service = Recorded();
  EXPECT_FALSE(Page(*service, "x=\xff\xfe&$filter=", 0)["NextPageLink"].is_null());
}

TEST(RetailServiceTest, AChangeThatMatchesNothingIsAnError) {
  PricesWorld world;
  world.pages = kData / "retail_pages";
  Change change;
  change.match = {{"armRegionName", "mars"}};
  change.remove = true;
  world.changes = {change};
  EXPECT_ERROR(RetailService::Load(world, 1), Code::kInvalid, "changes.0: matches no record");
}

TEST(RetailServiceFaultTest, LinkNullOnAFullPage) {
  const auto service = Recorded();
  const Fault fault = FaultOf("link_null");
  const ordered_json page = Page(*service, kAll, 100, {&fault});
  EXPECT_EQ(page["Count"], 100);
  EXPECT_TRUE(page["NextPageLink"].is_null());
}

TEST(RetailServiceFaultTest, PageSizeChangesMidway) {
  const auto service = Recorded();
  Fault fault = FaultOf("page_size");
  fault.size = 30;
  const ordered_json page = Page(*service, kAll, 100, {&fault});
  EXPECT_EQ(page["Count"], 30);
  EXPECT_THAT(page["NextPageLink"].get<std::string>(), testing::EndsWith("$skip=130"));
}

TEST(RetailServiceFaultTest, InsertedItemsMoveTheListForGood) {
  const auto service = Recorded();
  Fault fault = FaultOf("insert_items");
  fault.at = 5;
  fault.count = 2;
  const ordered_json before = Page(*service, kAll, 0);
  const ordered_json after = Page(*service, kAll, 0, {&fault});
  EXPECT_EQ(after["Items"][7], before["Items"][5]);
  EXPECT_NE(after["Items"][5]["meterId"], before["Items"][5]["meterId"]);
  EXPECT_EQ(after["Items"][5]["meterName"], before["Items"][5]["meterName"]);
  EXPECT_EQ(Crawl(*service, kAll).size(), 503u);
  EXPECT_EQ(Page(*service, kAll, 0, {&fault}), after);  // once, though hit again
}

TEST(RetailServiceFaultTest, RemovedItemsMoveTheListForGood) {
  const auto service = Recorded();
  Fault fault = FaultOf("remove_items");
  fault.at = 0;
  fault.count = 3;
  const ordered_json before = Page(*service, kAll, 3);
  EXPECT_EQ(Page(*service, kAll, 0, {&fault})["Items"], before["Items"]);
  EXPECT_EQ(Crawl(*service, kAll).size(), 498u);
}

TEST(RetailServiceFaultTest, TrueRepeatsStandOnTwoPages) {
  const auto service = Recorded();
  Fault fault = FaultOf("repeat_items");
  fault.at = 10;
  const ordered_json first = Page(*service, kAll, 0, {&fault}), second = Page(*service, kAll, 100);
  EXPECT_EQ(second["Items"][10], first["Items"][10]);
  EXPECT_EQ(Crawl(*service, kAll).size(), 502u);
}

TEST(RetailServiceFaultTest, AnEmptyPageInTheMiddle) {
  const auto service = Recorded();
  const Fault fault = FaultOf("empty_page");
  const ordered_json page = Page(*service, kAll, 200, {&fault});
  EXPECT_TRUE(page["Items"].empty());
  EXPECT_EQ(page["Count"], 0);
  EXPECT_TRUE(page["NextPageLink"].is_null());
}

TEST(RetailServiceFaultTest, AFieldOfAnotherType) {
  const auto service = Recorded();
  Fault fault = FaultOf("field_type");
  fault.at = 2;
  const ordered_json page = Page(*service, kAll, 0, {&fault});
  EXPECT_TRUE(page["Items"][2]["retailPrice"].is_string());
  EXPECT_TRUE(page["Items"][1]["retailPrice"].is_number());
  fault.field = "meterName";
  EXPECT_TRUE(Page(*service, kAll, 0, {&fault})["Items"][2]["meterName"].is_number());
}

TEST(RetailServiceFaultTest, ACountThatDoesNotAgree) {
  const auto service = Recorded();
  const Fault fault = FaultOf("wrong_count");
  EXPECT_EQ(Page(*service, kAll, 0, {&fault})["Count"], 101);
}

TEST(RetailServiceFaultTest, ContainsIsRefusedButTheOtherFilterIsNot) {
  const auto service = Recorded();
  const Fault fault = FaultOf("refuse_contains");
  EXPECT_EQ(Status(*service, kSpot, {&fault}), 400);
  EXPECT_EQ(Status(*service, kAll, {&fault}), 200);
}

TEST(RetailServiceFaultTest, SkipIsRoundedDownToPages) {
  const auto service = Recorded();
  const Fault fault = FaultOf("round_skip");
  const ordered_json page = Page(*service, kAll, 199, {&fault});
  EXPECT_EQ(page["Items"], Page(*service, kAll, 100)["Items"]);
  EXPECT_THAT(page["NextPageLink"].get<std::string>(), testing::EndsWith("$skip=200"));
}

TEST(RetailFilterTest, ReadsTheFormsOfAConjunctionTolerantly) {
  ASSERT_OK_AND_ASSIGN(const RetailFilter spot,
                       ParseRetailFilter("serviceName EQ 'Virtual Machines'  AND priceType eq "
                                         "'Consumption' and Contains( meterName ,'Spot' )"));
  EXPECT_EQ(spot.Crawl(), "spot");
  ASSERT_OK_AND_ASSIGN(const RetailFilter quoted, ParseRetailFilter("skuName eq 'it''s'"));
  EXPECT_EQ(quoted.conditions[0].value, "it's");
  EXPECT_EQ(quoted.Crawl(), "");
  EXPECT_OK(ParseRetailFilter(""));
}

TEST(RetailFilterTest, RefusesWhatItDoesNotUnderstand) {
  EXPECT_ERROR(ParseRetailFilter("skuName eq 'a' or skuName eq 'b'"), Code::kInvalid, "'and'");
  EXPECT_ERROR(ParseRetailFilter("skuName eq 'a"), Code::kInvalid, "quoted value");
  EXPECT_ERROR(ParseRetailFilter("contains(skuName 'a')"), Code::kInvalid, "','");
  EXPECT_ERROR(ParseRetailFilter("contains(skuName,'a'"), Code::kInvalid, "')'");
  EXPECT_ERROR(ParseRetailFilter("skuname eq 'a'"), Code::kInvalid, "no property 'skuname'");
}

class GeneratedPricesTest : public testing::Test {
 protected:
  std::unique_ptr<RetailService> Load(GeneratedPrices wanted, int64_t page_size,
                                      uint64_t seed = 1) {
    PricesWorld world;
    wanted.at = *ParseTime("2026-01-01");
    world.generate = wanted;
    world.page_size = page_size;
    auto service = RetailService::Load(world, seed);
    EXPECT_OK(service);
    return std::move(*service);
  }
};

TEST_F(GeneratedPricesTest, FillsExactlyThePagesAskedFor) {
  const auto service =
      Load({.pages = 10, .regions = 3, .skus = 40, .coverage = 0.9, .at = {}}, 100);
  EXPECT_EQ(Crawl(*service, kAll).size(), 1000u);
}

TEST_F(GeneratedPricesTest, TheSameSeedGivesTheSameBytesAnotherSeedOthers) {
  const GeneratedPrices wanted{.pages = 2, .regions = 3, .skus = 40, .coverage = 0.9, .at = {}};
  const std::string first = Body(*Load(wanted, 100), kAll, 0);
  EXPECT_EQ(Body(*Load(wanted, 100), kAll, 0), first);
  EXPECT_NE(Body(*Load(wanted, 100, 2), kAll, 0), first);
}

TEST_F(GeneratedPricesTest, HasTheOdditiesOfTheRealCatalogue) {
  const auto service =
      Load({.pages = 40, .regions = 20, .skus = 100, .coverage = 0.6, .at = {}}, 300);
  int open = 0, ended = 0, to_come = 0, placeholders = 0, cloud_services = 0, windows = 0;
  int low_priority = 0, expired = 0, not_primary = 0;
  std::set<std::string> texts;
  for (const ordered_json& item : Crawl(*service, kAll)) {
    EXPECT_TRUE(texts.insert(item.dump()).second) << item;
    const std::string start = item["effectiveStartDate"];
    const std::string end = item.value("effectiveEndDate", "");
    const std::string product = item["productName"], meter = item["meterName"];
    open += end.empty() && start < "2026-01-01";
    ended += !end.empty() && end < "2026-01-01" && end > start;
    to_come += start > "2026-12-01";
    placeholders += item["retailPrice"] <= 0.01 && !end.empty() && end < start;
    cloud_services += product.find("Cloud Services") != std::string::npos;
    windows += product.find("Windows") != std::string::npos;
    low_priority += meter.find("Low Priority") != std::string::npos;
    expired += meter.find("Expired") != std::string::npos;
    not_primary += item["isPrimaryMeterRegion"] == false;
  }
  for (const int count : {open, ended, to_come, placeholders, cloud_services, windows, low_priority,
                          expired, not_primary}) {
    EXPECT_GT(count, 0);
  }
  EXPECT_GT(Crawl(*service, "").size(), Crawl(*service, kAll).size());  // other types exist
}

TEST_F(GeneratedPricesTest, EveryPairHasACurrentLinuxSpotPrice) {
  const auto service =
      Load({.pages = 10, .regions = 3, .skus = 40, .coverage = 0.9, .at = {}}, 100);
  std::set<std::pair<std::string, std::string>> current;
  for (const ordered_json& item : Crawl(*service, kSpot)) {
    const bool linux_now =
        item["productName"].get<std::string>().find("Windows") == std::string::npos &&
        item["effectiveStartDate"] < "2026-01-01" && item["retailPrice"] > 0 &&
        item.value("effectiveEndDate", "9") > "2026-08-02";
    if (linux_now) {
      std::string sku = item["armSkuName"];
      std::transform(sku.begin(), sku.end(), sku.begin(), ::tolower);
      current.emplace(item["armRegionName"], sku);
    }
  }
  const auto pairs = service->SpotPairs();
  EXPECT_GT(pairs.size(), 80u);
  EXPECT_EQ(pairs.size(), current.size());
}

}  // namespace
}  // namespace catchment::simulator
