#include <algorithm>
#include <array>
#include <cmath>

#include "base/file.h"
#include "base/text.h"
#include "simulator/faults_internal.h"
#include "simulator/retail_catalogue_internal.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

struct Region {
  const char* code;
  const char* location;
};

// Code and display name as the service gives them, the largest regions first.
constexpr std::array<Region, 51> kRegions = {{
    {"westeurope", "EU West"},
    {"eastus", "US East"},
    {"northeurope", "EU North"},
    {"eastus2", "US East 2"},
    {"japaneast", "JA East"},
    {"southeastasia", "AP Southeast"},
    {"westus2", "US West 2"},
    {"westus", "US West"},
    {"germanywestcentral", "DE West Central"},
    {"southcentralus", "US South Central"},
    {"centralindia", "IN Central"},
    {"canadacentral", "CA Central"},
    {"australiaeast", "AU East"},
    {"centralus", "US Central"},
    {"eastasia", "AP East"},
    {"uksouth", "UK South"},
    {"switzerlandnorth", "CH North"},
    {"swedencentral", "SE Central"},
    {"uaenorth", "AE North"},
    {"northcentralus", "US North Central"},
    {"westus3", "US West 3"},
    {"francecentral", "FR Central"},
    {"italynorth", "IT North"},
    {"brazilsouth", "BR South"},
    {"southindia", "IN South"},
    {"canadaeast", "CA East"},
    {"australiasoutheast", "AU Southeast"},
    {"japanwest", "JA West"},
    {"koreacentral", "KR Central"},
    {"ukwest", "UK West"},
    {"westcentralus", "US West Central"},
    {"polandcentral", "PL Central"},
    {"koreasouth", "KR South"},
    {"uaecentral", "AE Central"},
    {"germanynorth", "DE North"},
    {"southafricanorth", "ZA North"},
    {"australiacentral", "AU Central"},
    {"norwayeast", "NO East"},
    {"brazilsoutheast", "BR Southeast"},
    {"switzerlandwest", "CH West"},
    {"spaincentral", "ES Central"},
    {"mexicocentral", "MX Central"},
    {"jioindiawest", "IN West Jio"},
    {"southafricawest", "ZA West"},
    {"jioindiacentral", "IN Central Jio"},
    {"israelcentral", "IL Central"},
    {"australiacentral2", "AU Central 2"},
    {"francesouth", "FR South"},
    {"norwaywest", "NO West"},
    {"qatarcentral", "QA Central"},
    {"westindia", "IN West"},
}};

struct Sku {
  std::string series;  // "Dads v5"
  std::string name;    // "D8ads_v5"
  int vcpus;
  int family;  // all SKUs of a family are offered in the same regions, but for holes
};

std::vector<Sku> MakeSkus(int64_t count) {
  constexpr std::array kLetters = {"D", "E", "F", "B", "L", "M", "DC", "EC", "NC", "NV"};
  constexpr std::array kSuffixes = {"s", "as", "ds", "ads", "ls", "lds", "ps", "pds", "bs", "bds"};
  constexpr std::array kVersions = {5, 4, 6, 3, 7};
  constexpr std::array kSizes = {2, 4, 8, 16, 32, 48, 64, 96};
  std::vector<Sku> skus;
  for (size_t series = 0; static_cast<int64_t>(skus.size()) < count; ++series) {
    const char* letter = kLetters[series % kLetters.size()];
    const char* suffix = kSuffixes[series / kLetters.size() % kSuffixes.size()];
    const int version = kVersions[series / (kLetters.size() * kSuffixes.size()) % kVersions.size()];
    const size_t sizes = 3 + series % 6;
    for (size_t i = 0; i < sizes && static_cast<int64_t>(skus.size()) < count; ++i) {
      skus.push_back({fmt::format("{}{} v{}", letter, suffix, version),
                      fmt::format("{}{}{}_v{}", letter, kSizes[i], suffix, version), kSizes[i],
                      static_cast<int>(series % 62)});
    }
  }
  return skus;
}

enum class Kind {
  kLinuxSpot,
  kLinuxOnDemand,
  kWindowsSpot,
  kWindowsOnDemand,
  kLinuxLowPriority,
  kWindowsLowPriority,
  kCloudServices,
  kExpired,
  kPlaceholder,
  kSpotToCome,
  kSpotGoneBy,
  kDevTest,
};

struct Entry {
  uint32_t region;
  uint32_t sku;
  Kind kind;
  int32_t period;  // kSpotGoneBy: months back
  uint64_t meter;  // of the order
};

uint64_t PairHash(uint64_t seed, uint32_t region, uint32_t sku, std::string_view what) {
  return SeededHash(seed, fmt::format("{}/{}/{}", region, sku, what));
}

double PairShare(uint64_t seed, uint32_t region, uint32_t sku, std::string_view what) {
  return static_cast<double>(PairHash(seed, region, sku, what) >> 11) * 0x1.0p-53;
}

// The kinds of one meter share its id, so that its periods stand together.
std::string_view MeterOf(Kind kind) {
  switch (kind) {
    case Kind::kLinuxSpot:
    case Kind::kSpotToCome:
    case Kind::kSpotGoneBy:
      return "spot";
    case Kind::kLinuxOnDemand:
    case Kind::kDevTest:
      return "on demand";
    case Kind::kWindowsSpot:
      return "windows spot";
    case Kind::kWindowsOnDemand:
      return "windows on demand";
    case Kind::kLinuxLowPriority:
      return "low priority";
    case Kind::kWindowsLowPriority:
      return "windows low priority";
    case Kind::kCloudServices:
      return "cloud services";
    case Kind::kExpired:
      return "expired";
    case Kind::kPlaceholder:
      return "placeholder";
  }
  return "";
}

// Apart from the shares above: which meters exist must not show in their order.
uint64_t MeterHash(uint64_t seed, uint32_t region, uint32_t sku, Kind kind) {
  return SeededHash(seed, fmt::format("meter {}/{}/{}", region, sku, MeterOf(kind)));
}

// Larger regions have more; a family lives in a prefix of the list whose length is its tier, with
// holes of 2%.
std::vector<std::pair<uint32_t, uint32_t>> MakePairs(const GeneratedPrices& wanted,
                                                     const std::vector<Sku>& skus, uint64_t seed) {
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  for (uint32_t sku = 0; sku < skus.size(); ++sku) {
    const double tier = SeededShare(seed, fmt::format("family {}", skus[sku].family));
    // A mean of `coverage`: families spread evenly over [2c − 1, 1] or [0, 2c].
    const double low = std::max(0.0, 2 * wanted.coverage - 1);
    const double high = std::min(1.0, 2 * wanted.coverage);
    const double reach = low + (high - low) * tier;
    const auto regions = static_cast<uint32_t>(
        std::max(1.0, std::round(reach * static_cast<double>(wanted.regions))));
    for (uint32_t region = 0; region < regions; ++region) {
      const bool hole = region > 0 && PairShare(seed, region, sku, "hole") < 0.02;
      if (!hole) pairs.emplace_back(region, sku);
    }
  }
  return pairs;
}

std::vector<Entry> MakeEntries(const GeneratedPrices& wanted, const std::vector<Sku>& skus,
                               size_t target, uint64_t seed) {
  const auto pairs = MakePairs(wanted, skus, seed);
  std::vector<Entry> entries;
  entries.reserve(target + target / 50);
  const auto add = [&](Kind kind, std::string_view share_name, double share, int32_t period = 0) {
    for (const auto& [region, sku] : pairs) {
      if (entries.size() >= target) return;
      if (PairShare(seed, region, sku, share_name) < share) {
        entries.push_back({region, sku, kind, period, MeterHash(seed, region, sku, kind)});
      }
    }
  };
  add(Kind::kLinuxSpot, "", 1.0);
  add(Kind::kLinuxOnDemand, "on demand", 0.97);
  add(Kind::kCloudServices, "cloud services", 0.03);
  add(Kind::kPlaceholder, "placeholder", 0.02);
  add(Kind::kExpired, "expired", 0.01);
  add(Kind::kSpotToCome, "to come", 0.04);
  add(Kind::kSpotGoneBy, "gone by", 0.08, 1);
  add(Kind::kWindowsOnDemand, "windows", 0.75);
  add(Kind::kWindowsSpot, "windows", 0.75);
  add(Kind::kLinuxLowPriority, "low priority", 0.5);
  add(Kind::kWindowsLowPriority, "low priority", 0.4);
  for (int32_t month = 2; month <= 24 && entries.size() < target; ++month) {
    add(Kind::kSpotGoneBy, "", 1.0, month);
  }
  for (const auto& [region, sku] : pairs) {
    if (entries.size() >= target + target / 50) break;
    entries.push_back(
        {region, sku, Kind::kDevTest, 0, MeterHash(seed, region, sku, Kind::kDevTest)});
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.meter < b.meter; });
  return entries;
}

struct Period {
  std::string start;
  std::string end;  // empty: open
};

std::string MonthStart(Time at, int months) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(at));
  const auto month = std::chrono::year_month(day.year(), day.month()) + std::chrono::months(months);
  return FormatTime(Time(std::chrono::sys_days(month / 1)));
}

std::string MonthEnd(Time at, int months) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(at));
  const auto month = std::chrono::year_month(day.year(), day.month()) + std::chrono::months(months);
  return FormatTime(Time(std::chrono::sys_days(month / std::chrono::last)) +
                    std::chrono::hours(23) + std::chrono::minutes(59));
}

Period PeriodOf(const Entry& entry, Time at, uint64_t seed) {
  const double share = PairShare(seed, entry.region, entry.sku, "period");
  const int age = -1 - static_cast<int>(share * 24);
  switch (entry.kind) {
    case Kind::kSpotGoneBy:
      return {MonthStart(at, -24 - entry.period), MonthEnd(at, -24 - entry.period)};
    case Kind::kSpotToCome:
      return {MonthStart(at, 12), ""};
    case Kind::kPlaceholder:
      return {MonthStart(at, -2), MonthEnd(at, -3)};
    case Kind::kLinuxSpot:  // some of the current ones have an end announced
      return {MonthStart(at, age), share < 0.07 ? MonthEnd(at, 11) : ""};
    default:
      return {MonthStart(at, age), ""};
  }
}

double PriceOf(const Entry& entry, const Sku& sku, uint64_t seed) {
  const double base = 0.048 * sku.vcpus * (0.8 + 0.5 * PairShare(seed, entry.region, 0, "region")) *
                      (0.7 + 0.6 * PairShare(seed, 0, static_cast<uint32_t>(sku.family), "family"));
  const double spot = 0.1 + 0.5 * PairShare(seed, entry.region, entry.sku, "spot");
  const double moved = 1 + 0.01 * entry.period;
  double price = base;
  switch (entry.kind) {
    case Kind::kLinuxSpot:
      price = base * spot;
      break;
    case Kind::kSpotGoneBy:
      price = base * spot * moved;
      break;
    case Kind::kSpotToCome:
      price = base * spot * 1.1;
      break;
    case Kind::kWindowsSpot:
      price = base * 1.9 * spot;
      break;
    case Kind::kWindowsOnDemand:
      price = base * 1.9;
      break;
    case Kind::kLinuxLowPriority:
      price = base * 0.2;
      break;
    case Kind::kWindowsLowPriority:
      price = base * 0.4;
      break;
    case Kind::kDevTest:
      price = base * 0.9;
      break;
    case Kind::kPlaceholder:
      return entry.meter % 2 == 0 ? 0.0 : 0.01;
    default:
      break;
  }
  return std::round(price * 1e6) / 1e6;
}

std::string MeterId(uint64_t meter) {
  return fmt::format("{:08x}-{:04x}-5{:03x}-9{:03x}-{:012x}", meter >> 32, (meter >> 16) & 0xffff,
                     (meter >> 4) & 0xfff, meter & 0xfff, meter & 0xffffffffffff);
}

std::string Render(const Entry& entry, const Sku& sku, Time at, uint64_t seed) {
  const Period period = PeriodOf(entry, at, seed);
  const bool windows = entry.kind == Kind::kWindowsSpot || entry.kind == Kind::kWindowsOnDemand ||
                       entry.kind == Kind::kWindowsLowPriority;
  std::string size = sku.name;
  std::replace(size.begin(), size.end(), '_', ' ');
  std::string meter = size;
  const std::string_view of = MeterOf(entry.kind);
  if (of == "spot" || of == "windows spot" || entry.kind == Kind::kPlaceholder) meter += " Spot";
  if (of.ends_with("low priority")) meter += " Low Priority";
  if (entry.kind == Kind::kExpired) meter += " Expired";
  std::string product = fmt::format("Virtual Machines {} Series", sku.series);
  product.erase(std::remove(product.begin() + 17, product.end() - 7, ' '), product.end() - 7);
  if (windows) product += " Windows";
  if (entry.kind == Kind::kCloudServices)
    product = fmt::format("{} Series Cloud Services", sku.series);
  const bool primary = entry.kind != Kind::kLinuxOnDemand ||
                       PairShare(seed, entry.region, entry.sku, "primary") >= 0.1;
  const std::string price = FormatDouble(PriceOf(entry, sku, seed));
  const std::string product_id = fmt::format("DZH318Z{:05X}", SeededHash(7, product) & 0xfffff);
  const std::string end =
      period.end.empty() ? "" : fmt::format("\"effectiveEndDate\":\"{}\",", period.end);
  return fmt::format(
      "{{\"armRegionName\":\"{}\",\"armSkuName\":\"Standard_{}\",\"currencyCode\":\"USD\",{}"
      "\"effectiveStartDate\":\"{}\",\"isPrimaryMeterRegion\":{},\"location\":\"{}\","
      "\"meterId\":\"{}\",\"meterName\":\"{}\",\"productId\":\"{}\",\"productName\":\"{}\","
      "\"retailPrice\":{},\"serviceFamily\":\"Compute\",\"serviceId\":\"DZH313Z7MMC8\","
      "\"serviceName\":\"Virtual Machines\",\"skuId\":\"{}/{:04X}\",\"skuName\":\"{}\","
      "\"tierMinimumUnits\":0.0,\"type\":\"{}\",\"unitOfMeasure\":\"1 Hour\",\"unitPrice\":{}}}",
      kRegions[entry.region].code, sku.name, end, period.start, primary,
      kRegions[entry.region].location, MeterId(entry.meter), meter, product_id, product, price,
      product_id, entry.meter & 0xffff, meter,
      entry.kind == Kind::kDevTest ? "DevTestConsumption" : "Consumption", price);
}

Status AddItem(RecordList& list, const ordered_json& item) {
  if (!item.is_object()) return Corrupt("an item is no JSON object");
  for (const auto& [key, value] : item.items()) {
    if (value.is_structured()) return Corrupt("field {}: expected a plain value", key);
  }
  list.Add(RenderRecord(item));
  return {};
}

}  // namespace

Result<RecordList> ReadRecordedPages(const fs::path& folder, int64_t& page_size) {
  std::vector<fs::path> pages;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".json") pages.push_back(entry.path());
  }
  if (error) return FileError(error.value(), "read the recorded pages", folder);
  if (pages.empty()) return NotFound("{}: no recorded page (*.json)", folder.string());
  std::sort(pages.begin(), pages.end());
  RecordList list;
  for (const fs::path& page : pages) {
    ASSIGN_OR_RETURN(const std::string text, ReadDataFile(page));
    const ordered_json document = ordered_json::parse(text, nullptr, false);
    if (!document.is_object() || !document.contains("Items") || !document["Items"].is_array()) {
      return Corrupt("{}: expected a page of retail prices with a list 'Items'", page.string());
    }
    if (page == pages.front()) page_size = static_cast<int64_t>(document["Items"].size());
    for (const ordered_json& item : document["Items"]) {
      RETURN_IF_ERROR(AddItem(list, item), "{}", page.string());
    }
  }
  return list;
}

Result<RecordList> ReadItems(const fs::path& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadDataFile(file));
  RecordList list;
  RETURN_IF_ERROR(ForEachLine(file, text, [&](std::string_view line) {
    return AddItem(list, ordered_json::parse(line, nullptr, false));
  }));
  return list;
}

RecordList GeneratePrices(const GeneratedPrices& wanted, int64_t page_size, uint64_t seed) {
  const std::vector<Sku> skus = MakeSkus(wanted.skus);
  const auto target = static_cast<size_t>(wanted.pages * page_size);
  RecordList list;
  for (const Entry& entry : MakeEntries(wanted, skus, target, seed)) {
    list.Add(Render(entry, skus[entry.sku], wanted.at, seed));
  }
  return list;
}

}  // namespace catchment::simulator
