#include "sources/azure/retail_price.h"

#include <zstd.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "base/file.h"
#include "base/test.h"
#include "base/text.h"

namespace catchment::sources::azure {
namespace {

const std::filesystem::path kPriceSource = CATCHMENT_SOURCE_DIR;
const std::filesystem::path kPriceData = kPriceSource / "tests/data/azure";

MeterRules PipelineRules() {
  Result<std::string> text = ReadFile(kPriceSource / "pipelines/azure-spot/meter_rules.json");
  EXPECT_OK(text);
  Result<MeterRules> rules = ParseMeterRules(*text);
  EXPECT_OK(rules);
  return *rules;
}

Time At(std::string_view text) { return *ParseTime(text); }

std::vector<RetailPage> RecordedPages() {
  std::vector<RetailPage> pages;
  for (int number = 0; number < 6; ++number) {
    const auto file = kPriceData / fmt::format("retail_pages/page-{:03}.json", number);
    if (!std::filesystem::exists(file)) return {};
    pages.push_back(*ParseRetailPage(*ReadFile(file)));
  }
  return pages;
}

/// The union of recorded items, as one page.
std::vector<RetailPage> UnionOfItems() {
  const auto file = kPriceData / "azure_retail_items_union.ndjson.zst";
  if (!std::filesystem::exists(file)) return {};
  const std::string packed = *ReadFile(file);
  std::string text(16 << 20, '\0');
  const size_t size = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  EXPECT_FALSE(ZSTD_isError(size));
  text.resize(size);
  while (text.ends_with('\n')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ',');
  std::vector<RetailPage> pages;
  pages.push_back(*ParseRetailPage("{\"Items\":[" + text + "]}"));
  return pages;
}

PriceChoice Choose(const std::vector<RetailPage>& pages, std::string_view slot) {
  const PriceInput inputs[] = {{pages}};
  return ChoosePrices(inputs, PipelineRules(), At(slot));
}

int64_t Count(const PriceChoice& choice, OperatingSystem system, PriceKind kind) {
  return std::count_if(choice.prices.begin(), choice.prices.end(), [&](const ChosenPrice& price) {
    return price.operating_system == system && price.kind == kind;
  });
}

std::optional<double> PriceOf(const PriceChoice& choice, std::string_view region,
                              std::string_view sku, PriceKind kind,
                              OperatingSystem system = OperatingSystem::kLinux) {
  for (const ChosenPrice& price : choice.prices) {
    if (price.region == region && price.sku == ToLower(sku) && price.kind == kind &&
        price.operating_system == system) {
      return price.price;
    }
  }
  return std::nullopt;
}

struct ItemValues {
  std::string_view region = "eastus", sku = "Standard_D2s_v3",
                   product = "Virtual Machines Dsv3 Series", meter = "D2s v3 Spot", unit = "1 Hour",
                   type = "Consumption", service = "Virtual Machines", currency = "USD",
                   meter_id = "m", sku_id = "s", location = "US East",
                   starts = "2026-01-01T00:00:00Z", ends = "";
  double price = 0.5;
  bool primary = true;
};

std::string ItemText(const ItemValues& item) {
  return fmt::format(
      R"({{"armRegionName":"{}","armSkuName":"{}","productName":"{}","meterName":"{}","unitOfMeasure":"{}","type":"{}",)"
      R"("serviceName":"{}","currencyCode":"{}","meterId":"{}","skuId":"{}","location":"{}","effectiveStartDate":"{}",)"
      R"("effectiveEndDate":{},"retailPrice":{},"isPrimaryMeterRegion":{}}})",
      item.region, item.sku, item.product, item.meter, item.unit, item.type, item.service,
      item.currency, item.meter_id, item.sku_id, item.location, item.starts,
      item.ends.empty() ? "null" : fmt::format("\"{}\"", item.ends), item.price, item.primary);
}

std::vector<RetailPage> PageOf(const std::vector<ItemValues>& items) {
  std::vector<std::string> texts;
  for (const ItemValues& item : items) texts.push_back(ItemText(item));
  std::vector<RetailPage> pages;
  pages.push_back(*ParseRetailPage(fmt::format("{{\"Items\":[{}]}}", fmt::join(texts, ","))));
  return pages;
}

constexpr std::string_view kSlot = "2026-06-18T00:00:00Z";

TEST(RetailPriceTest, TheRecordedPagesGive345PricesInAugust) {
  const auto pages = RecordedPages();
  if (pages.empty()) GTEST_SKIP() << "recorded pages are absent";
  const PriceChoice choice = Choose(pages, "2026-08-02T00:00:00Z");
  EXPECT_EQ(choice.items, 501);
  EXPECT_EQ(choice.dropped,
            (std::map<std::string, int64_t>{
                {"low_priority", 123}, {"other_product", 17}, {"expired", 1}, {"ended", 7}}));
  EXPECT_EQ(choice.candidates, 353);
  EXPECT_EQ(choice.prices.size(), 345u);
  EXPECT_EQ(Count(choice, OperatingSystem::kLinux, PriceKind::kOnDemand), 93);
  EXPECT_EQ(Count(choice, OperatingSystem::kLinux, PriceKind::kSpot), 83);
  EXPECT_EQ(Count(choice, OperatingSystem::kWindows, PriceKind::kOnDemand), 82);
  EXPECT_EQ(Count(choice, OperatingSystem::kWindows, PriceKind::kSpot), 87);
}

TEST(RetailPriceTest, TheRecordedPagesGive322PricesInJune) {
  const auto pages = RecordedPages();
  if (pages.empty()) GTEST_SKIP() << "recorded pages are absent";
  const PriceChoice choice = Choose(pages, kSlot);
  EXPECT_EQ(choice.dropped.at("future"), 23);
  EXPECT_EQ(choice.prices.size(), 322u);
  EXPECT_EQ(Count(choice, OperatingSystem::kLinux, PriceKind::kOnDemand), 93);
  EXPECT_EQ(Count(choice, OperatingSystem::kLinux, PriceKind::kSpot), 71);
  EXPECT_EQ(Count(choice, OperatingSystem::kWindows, PriceKind::kOnDemand), 80);
  EXPECT_EQ(Count(choice, OperatingSystem::kWindows, PriceKind::kSpot), 78);
}

// A17: a stale price won by the order of arrival; primary and effective date were ignored.
TEST(RetailPriceTest, azure_A17_ThePeriodInForceWinsWhateverTheOrderOfTheItems) {
  const auto pages = UnionOfItems();
  if (pages.empty()) GTEST_SKIP() << "the union of recorded items is absent";
  std::vector<RetailPage> shuffled = pages;
  for (int seed = 0; seed < 4; ++seed) {
    const PriceChoice choice = Choose(shuffled, kSlot);
    EXPECT_EQ(PriceOf(choice, "northeurope", "Standard_E2s_v5", PriceKind::kSpot), 0.04732);
    EXPECT_EQ(PriceOf(choice, "norwaywest", "Standard_E32nds_v6", PriceKind::kOnDemand), 5.815);
    EXPECT_EQ(PriceOf(choice, "westindia", "Standard_DS4_v2", PriceKind::kSpot), 0.12474);
    std::shuffle(shuffled[0].items.begin(), shuffled[0].items.end(), std::mt19937(seed));
  }
}

TEST(RetailPriceTest, TwoKeysOfTheUnionAreDecidedByThePriceAlone) {
  auto pages = UnionOfItems();
  if (pages.empty()) GTEST_SKIP() << "the union of recorded items is absent";
  const PriceChoice forward = Choose(pages, kSlot);
  std::reverse(pages[0].items.begin(), pages[0].items.end());
  const PriceChoice backward = Choose(pages, kSlot);
  ASSERT_EQ(forward.prices.size(), backward.prices.size());
  int singled_out = 0;
  for (size_t at = 0; at < forward.prices.size(); ++at) {
    EXPECT_EQ(forward.prices[at].price, backward.prices[at].price) << forward.prices[at].sku;
    singled_out += forward.prices[at].sku.find("rtxpro6000") != std::string::npos &&
                   forward.prices[at].sku.find("nc320") != std::string::npos;
  }
  EXPECT_GE(singled_out, 2);
}

TEST(RetailPriceTest, AnOnDemandMeterWithoutPrimaryEntryHasAPrice) {
  const auto file = kPriceData / "retail_response.standard_d2s_v3_eastus.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is absent";
  std::vector<RetailPage> pages;
  pages.push_back(*ParseRetailPage(*ReadFile(file)));
  const PriceChoice choice = Choose(pages, "2026-08-02T00:00:00Z");
  const auto price = [&](PriceKind kind, OperatingSystem system) {
    return PriceOf(choice, "eastus", "Standard_D2s_v3", kind, system);
  };
  EXPECT_EQ(price(PriceKind::kSpot, OperatingSystem::kLinux), 0.018816);
  EXPECT_EQ(price(PriceKind::kOnDemand, OperatingSystem::kLinux), 0.096);
  EXPECT_EQ(price(PriceKind::kSpot, OperatingSystem::kWindows), 0.036848);
  EXPECT_EQ(price(PriceKind::kOnDemand, OperatingSystem::kWindows), 0.188);
}

TEST(RetailPriceTest, EveryDropIsCountedByTheFirstRuleThatMatches) {
  const PriceChoice choice =
      Choose(PageOf({{.unit = "1 GB", .service = "Storage"},
                     {.type = "Reservation"},
                     {.unit = "1 Month"},
                     {.currency = "EUR"},
                     {.product = "Dv3 Cloud Services", .meter = "D2 Low Priority"},
                     {.product = "Dsv3 DedicatedHost"},
                     {.meter = "D2 Low Priority"},
                     {.meter = "D2 Expired Spot"},
                     {.region = ""},
                     {.sku = "Dsv3_Type1"},
                     {.sku = "Standard_"},
                     {.sku = ""},
                     {.price = 0},
                     {.price = -1},
                     {.ends = "2026-06-17T23:59:59Z"},
                     {.starts = "2026-06-18T00:00:01Z"},
                     {.sku = "BASIC_A1"}}),
             kSlot);
  EXPECT_EQ(choice.dropped, (std::map<std::string, int64_t>{{"service", 1},
                                                            {"type", 1},
                                                            {"unit", 1},
                                                            {"currency", 1},
                                                            {"other_product", 2},
                                                            {"low_priority", 1},
                                                            {"expired", 1},
                                                            {"region", 1},
                                                            {"sku", 3},
                                                            {"price", 2},
                                                            {"ended", 1},
                                                            {"future", 1}}));
  EXPECT_EQ(choice.candidates, 1);
}

TEST(RetailPriceTest, TiesAreDecidedInTheDeclaredOrder) {
  const std::vector<std::pair<ItemValues, ItemValues>> winner_and_loser = {
      {{.starts = "2025-01-01T00:00:00Z", .price = 1},
       {.starts = "2026-01-01T00:00:00Z", .price = 2, .primary = false}},
      {{.starts = "2026-02-01T00:00:00Z", .ends = "2026-07-01T00:00:00Z", .price = 1},
       {.price = 2}},
      {{.price = 1}, {.ends = "2026-07-01T00:00:00Z", .price = 2}},
      {{.ends = "2026-08-01T00:00:00Z", .price = 1}, {.ends = "2026-07-01T00:00:00Z", .price = 2}},
      {{.meter_id = "a", .sku_id = "z", .price = 1}, {.meter_id = "b", .sku_id = "a", .price = 2}},
      {{.product = "z", .sku_id = "a", .price = 1}, {.product = "a", .sku_id = "b", .price = 2}},
      {{.product = "a", .price = 2}, {.product = "b", .price = 1}},
      {{.price = 1}, {.price = 2}},
  };
  for (const auto& [winner, loser] : winner_and_loser) {
    for (const auto& items : {std::vector{winner, loser}, std::vector{loser, winner}}) {
      const PriceChoice choice = Choose(PageOf(items), kSlot);
      ASSERT_EQ(choice.prices.size(), 1u);
      EXPECT_EQ(choice.prices[0].price, winner.price);
    }
  }
}

TEST(RetailPriceTest, APeriodHoldsAtItsFirstAndItsLastMoment) {
  EXPECT_EQ(Choose(PageOf({{.starts = kSlot}}), kSlot).candidates, 1);
  EXPECT_EQ(Choose(PageOf({{.ends = kSlot}}), kSlot).candidates, 1);
}

TEST(RetailPriceTest, SpellingsOfOnePairMeetAndTheSmallestIsShown) {
  const PriceChoice choice = Choose(PageOf({{.region = "eastus", .sku = "Standard_d2s_v3"},
                                            {.region = "EastUS",
                                             .sku = "Standard_D2s_v3",
                                             .meter = "D2s v3",
                                             .location = "East of the US",
                                             .starts = "2026-03-01T00:00:00Z"}}),
                                    kSlot);
  ASSERT_EQ(choice.pairs.size(), 1u);
  const PricedPair& pair = choice.pairs.begin()->second;
  EXPECT_EQ(pair.region_code, "EastUS");
  EXPECT_EQ(pair.sku, "Standard_D2s_v3");
  EXPECT_EQ(pair.region_name, "East of the US");
  EXPECT_EQ(choice.prices.size(), 2u);
}

TEST(RetailPriceTest, AnItemWithoutALocationTakesNoNameFromOneAsNew) {
  for (const bool nameless_first : {true, false}) {
    const PriceChoice choice = Choose(PageOf({{.location = nameless_first ? "" : "US East"},
                                              {.location = nameless_first ? "US East" : ""}}),
                                      kSlot);
    EXPECT_EQ(choice.pairs.begin()->second.region_name, "US East");
  }
}

TEST(RetailPriceTest, RulesThatCannotBeReadAreRefusedAndNamed) {
  EXPECT_ERROR(ParseMeterRules("no"), Code::kInvalid, "JSON");
  EXPECT_ERROR(ParseMeterRules("{}"), Code::kInvalid, "spot");
  EXPECT_ERROR(ParseMeterRules(R"({"dorp":[]})"), Code::kInvalid, "dorp");
  EXPECT_ERROR(ParseMeterRules(R"({"drop":[{"name":"x","field":"colour","equals":"a"}]})"),
               Code::kInvalid, "colour");
  EXPECT_ERROR(ParseMeterRules(R"({"drop":[{"field":"type"}]})"), Code::kInvalid, "test");
  EXPECT_ERROR(ParseMeterRules(R"({"drop":[{"field":"type","like":"a"}]})"), Code::kInvalid,
               "like");
  EXPECT_ERROR(ParseMeterRules(R"({"drop":[{"field":"type","equals":1}]})"), Code::kInvalid,
               "text");
}

}  // namespace
}  // namespace catchment::sources::azure
