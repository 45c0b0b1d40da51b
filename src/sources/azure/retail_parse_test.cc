#include "sources/azure/retail_parse.h"

#include <filesystem>

#include "base/file.h"
#include "base/test.h"

namespace catchment::sources::azure {
namespace {

const std::filesystem::path kData =
    std::filesystem::path(CATCHMENT_SOURCE_DIR) / "tests/data/azure";

std::string Page(std::string_view items, std::string_view rest = R"("NextPageLink":null)") {
  return fmt::format(R"({{"BillingCurrency":"USD","Items":[{}],{}}})", items, rest);
}

constexpr std::string_view kItem =
    R"({"armRegionName":"eastus","armSkuName":"Standard_D2s_v3","currencyCode":"USD",)"
    R"("effectiveEndDate":"2026-08-31T23:59:00Z","effectiveStartDate":"2025-10-01T00:00:00Z","isPrimaryMeterRegion":true,)"
    R"("location":"US East","meterId":"m-1","meterName":"D2s v3 Spot","productName":"Virtual Machines Dsv3 Series",)"
    R"("retailPrice":0.018816,"serviceName":"Virtual Machines","skuId":"s-1","skuName":"D2s v3 Spot","type":"Consumption",)"
    R"("unitOfMeasure":"1 Hour"})";

TEST(RetailParseTest, ReadsEveryFieldOfAnItem) {
  ASSERT_OK_AND_ASSIGN(
      const RetailPage page,
      ParseRetailPage(Page(
          kItem,
          R"("NextPageLink":"https://prices.azure.com:443/api/retail/prices?$filter=a%20b&$skip=100","Count":1)")));
  ASSERT_EQ(page.items.size(), 1u);
  const RetailPage::Item& item = page.items[0];
  EXPECT_EQ(page.Text(item, RetailField::kRegion), "eastus");
  EXPECT_EQ(page.Text(item, RetailField::kLocation), "US East");
  EXPECT_EQ(page.Text(item, RetailField::kSku), "Standard_D2s_v3");
  EXPECT_EQ(page.Text(item, RetailField::kProduct), "Virtual Machines Dsv3 Series");
  EXPECT_EQ(page.Text(item, RetailField::kMeter), "D2s v3 Spot");
  EXPECT_EQ(page.Text(item, RetailField::kSkuName), "D2s v3 Spot");
  EXPECT_EQ(page.Text(item, RetailField::kUnit), "1 Hour");
  EXPECT_EQ(page.Text(item, RetailField::kType), "Consumption");
  EXPECT_EQ(page.Text(item, RetailField::kService), "Virtual Machines");
  EXPECT_EQ(page.Text(item, RetailField::kCurrency), "USD");
  EXPECT_EQ(page.Text(item, RetailField::kMeterId), "m-1");
  EXPECT_EQ(page.Text(item, RetailField::kSkuId), "s-1");
  EXPECT_EQ(item.price, 0.018816);
  EXPECT_TRUE(item.primary);
  EXPECT_EQ(FormatTime(item.starts), "2025-10-01T00:00:00Z");
  EXPECT_EQ(FormatTime(item.ends), "2026-08-31T23:59:00Z");
  EXPECT_EQ(page.next, 100);
}

TEST(RetailParseTest, ReadsTheRecordedPages) {
  size_t items = 0;
  for (int number = 0; number < 6; ++number) {
    const auto file = kData / fmt::format("retail_pages/page-{:03}.json", number);
    if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is absent";
    ASSERT_OK_AND_ASSIGN(const std::string body, ReadFile(file));
    ASSERT_OK_AND_ASSIGN(const RetailPage page, ParseRetailPage(body));
    EXPECT_EQ(page.next, number == 5 ? std::nullopt : std::optional<int64_t>(100 * (number + 1)));
    items += page.items.size();
  }
  EXPECT_EQ(items, 501u);
}

TEST(RetailParseTest, AnOpenEndIsAbsentOrNull) {
  for (const std::string_view end : {R"("effectiveEndDate":null,)", ""}) {
    ASSERT_OK_AND_ASSIGN(
        const RetailPage page,
        ParseRetailPage(Page(fmt::format(
            R"({{{}"effectiveStartDate":"2025-10-01T00:00:00Z","retailPrice":0}})", end))));
    EXPECT_EQ(page.items[0].ends, RetailPage::kOpen);
    EXPECT_EQ(page.items[0].price, 0);
    EXPECT_EQ(page.Text(page.items[0], RetailField::kRegion), "");
  }
}

// One item "without end" took the whole list with it, at every slot.
TEST(RetailParseTest, AnyYearIsATime) {
  const auto times = [](std::string_view start, std::string_view end) -> Result<RetailPage::Item> {
    ASSIGN_OR_RETURN(const RetailPage page,
                     ParseRetailPage(Page(fmt::format(
                         R"({{"effectiveStartDate":"{}","effectiveEndDate":"{}","retailPrice":1}})",
                         start, end))));
    return page.items[0];
  };
  for (const std::string_view start :
       {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.0000000Z", "1601-01-01T02:00:00+02:00"}) {
    for (const std::string_view end :
         {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999Z", "2262-01-01T00:00:00Z"}) {
      ASSERT_OK_AND_ASSIGN(const RetailPage::Item item, times(start, end));
      EXPECT_LT(item.starts, Time(std::chrono::sys_days(std::chrono::year(1678) / 1 / 1))) << start;
      EXPECT_GE(item.ends, Time(std::chrono::sys_days(std::chrono::year(2262) / 1 / 1))) << end;
      EXPECT_LT(item.ends, RetailPage::kOpen) << end;
    }
  }
  ASSERT_OK_AND_ASSIGN(const RetailPage::Item item,
                       times("1601-01-01T02:00:00+02:00", "9999-12-31T23:59:59.9999999Z"));
  EXPECT_EQ(item.starts, Time(std::chrono::sys_days(std::chrono::year(1601) / 1 / 1)));
  EXPECT_EQ(item.ends, Time(std::chrono::sys_days(std::chrono::year(10000) / 1 / 1)) -
                           std::chrono::microseconds(1));
  for (const std::string_view wrong : {"9999-13-01T00:00:00Z", "9999", "99999-01-01T00:00:00Z"}) {
    EXPECT_ERROR(times(wrong, ""), Code::kCorrupt, "effectiveStartDate");
  }
}

TEST(RetailParseTest, EscapesAreUndoneAndTheOrderOfFieldsDoesNotMatter) {
  ASSERT_OK_AND_ASSIGN(
      const RetailPage page,
      ParseRetailPage(
          Page(R"( { "retailPrice" : 1e-1 , "location":"S\u00e3o \"Paulo\"" , "new":{"a":[1,{}]},
                            "effectiveStartDate":"2025-10-01T00:00:00.5Z" } )")));
  EXPECT_EQ(page.Text(page.items[0], RetailField::kLocation), "São \"Paulo\"");
  EXPECT_EQ(page.items[0].price, 0.1);
  EXPECT_EQ(FormatTime(page.items[0].starts), "2025-10-01T00:00:00.500Z");
}

TEST(RetailParseTest, TheDigestIsOfTheWholeItem) {
  std::string other(kItem);
  other.insert(other.size() - 1, R"(,"reservationTerm":"1 Year")");
  ASSERT_OK_AND_ASSIGN(const RetailPage page,
                       ParseRetailPage(Page(fmt::format("{},{} ,\n{}", kItem, kItem, other))));
  ASSERT_EQ(page.items.size(), 3u);
  EXPECT_EQ(page.items[0].digest, page.items[1].digest);
  EXPECT_NE(page.items[0].digest, page.items[2].digest);
}

TEST(RetailParseTest, APageCutOffAnywhereIsCorrupt) {
  const std::string whole =
      Page(fmt::format("{},{}", kItem, kItem), R"("NextPageLink":null,"Count":2)");
  ASSERT_OK(ParseRetailPage(whole));
  for (size_t length = 0; length < whole.size(); ++length) {
    const Result<RetailPage> page = ParseRetailPage(std::string_view(whole).substr(0, length));
    ASSERT_FALSE(page.ok()) << length;
    EXPECT_EQ(page.error().code, Code::kCorrupt);
  }
}

TEST(RetailParseTest, AFieldOfAnotherTypeIsCorruptAndNamed) {
  const auto item = [](std::string_view member) {
    return Page(fmt::format(R"({{"retailPrice":1,"effectiveStartDate":"2025-10-01T00:00:00Z",{}}})",
                            member));
  };
  ASSERT_OK(ParseRetailPage(item(R"("location":null)")));
  for (const std::string_view member : {R"("armRegionName":1)",
                                        R"("location":true)",
                                        R"("armSkuName":["a"])",
                                        R"("productName":{})",
                                        R"("meterName":1.5)",
                                        R"("unitOfMeasure":[])",
                                        R"("type":0)",
                                        R"("serviceName":false)",
                                        R"("currencyCode":1)",
                                        R"("meterId":7)",
                                        R"("skuId":[1])",
                                        R"("skuName":{"a":1})",
                                        R"("retailPrice":"1")",
                                        R"("retailPrice":null)",
                                        R"("effectiveStartDate":"yesterday")",
                                        R"("effectiveStartDate":5)",
                                        R"("effectiveEndDate":true)",
                                        R"("effectiveEndDate":"2026-02-30T00:00:00Z")",
                                        R"("isPrimaryMeterRegion":"yes")",
                                        R"("isPrimaryMeterRegion":null)"}) {
    const Result<RetailPage> page = ParseRetailPage(item(member));
    const std::string name(member.substr(1, member.find('"', 1) - 1));
    EXPECT_ERROR(page, Code::kCorrupt, name);
  }
}

TEST(RetailParseTest, WhatIsNoPageIsCorrupt) {
  EXPECT_ERROR(ParseRetailPage("<html><body>Service unavailable</body></html>"), Code::kCorrupt,
               "not a JSON object");
  EXPECT_ERROR(ParseRetailPage(""), Code::kCorrupt, "");
  EXPECT_ERROR(ParseRetailPage("[]"), Code::kCorrupt, "not a JSON object");
  EXPECT_ERROR(ParseRetailPage("{}"), Code::kCorrupt, "no Items");
  EXPECT_ERROR(ParseRetailPage(R"({"Items":null})"), Code::kCorrupt, "Items");
  EXPECT_ERROR(ParseRetailPage(R"({"Items":[1]})"), Code::kCorrupt, "item 0");
  EXPECT_ERROR(ParseRetailPage(R"({"Items":[],"Count":3})"), Code::kCorrupt, "Count is 3");
  EXPECT_ERROR(ParseRetailPage(R"({"Items":[],"Count":"0"})"), Code::kCorrupt, "Count");
  EXPECT_ERROR(ParseRetailPage(R"({"Items":[]} x)"), Code::kCorrupt, "");
  EXPECT_ERROR(ParseRetailPage(R"({"Items":[],"NextPageLink":5})"), Code::kCorrupt, "NextPageLink");
  EXPECT_ERROR(ParseRetailPage(R"({"Items":[],"NextPageLink":"https://prices.azure.com/?a=1"})"),
               Code::kCorrupt, "$skip");
  EXPECT_ERROR(ParseRetailPage(Page(R"({"effectiveStartDate":"2025-10-01T00:00:00Z"})")),
               Code::kCorrupt, "retailPrice");
  EXPECT_ERROR(ParseRetailPage(Page(R"({"retailPrice":1})")), Code::kCorrupt, "effectiveStartDate");
  EXPECT_ERROR(ParseRetailPage(std::string(2000, '[')), Code::kCorrupt, "");
  EXPECT_ERROR(
      ParseRetailPage(Page(fmt::format(
          R"({{"retailPrice":1,"effectiveStartDate":"2025-10-01T00:00:00Z","location":"{}"}})",
          std::string(70000, 'x')))),
      Code::kCorrupt, "64 KiB");
  EXPECT_ERROR(ParseRetailPage("{\"Items\":[{\"location\":\"\xff\xfe\"}]}"), Code::kCorrupt, "");
}

TEST(RetailParseTest, TheLinksOffsetIsReadInEverySpelling) {
  EXPECT_EQ(*SkipOfLink("https://h/?a=1&$skip=4000"), 4000);
  EXPECT_EQ(*SkipOfLink("https://h/?%24skip=12&b=2"), 12);
  EXPECT_ERROR(SkipOfLink("https://h/?$skip=-1"), Code::kCorrupt, "$skip");
  EXPECT_ERROR(SkipOfLink("https://h/?$skip="), Code::kCorrupt, "$skip");
  EXPECT_ERROR(SkipOfLink("https://h/?$skip=1x"), Code::kCorrupt, "$skip");
  EXPECT_ERROR(SkipOfLink("https://h/$skip=1"), Code::kCorrupt, "$skip");
}

}  // namespace
}  // namespace catchment::sources::azure
