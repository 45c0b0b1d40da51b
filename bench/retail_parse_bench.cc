// Pages of retail prices to rows, against simdjson's bare walk over the same bytes: every value of
// every object is visited, no text is unescaped, nothing is kept.

#include <fmt/format.h>
#include <simdjson.h>

#include <cstdint>
#include <random>

#include "bare_walk.h"
#include "figures.h"
#include "sources/azure/retail_parse.h"

namespace {

using namespace catchment;
using namespace catchment::bench;

constexpr int kPages = 40;
constexpr int kItems = 1000;

/// One page in the shape the service has, with every field that it sends.
std::string Page(int number, std::mt19937& random) {
  std::string page =
      R"({"BillingCurrency":"USD","CustomerEntityId":"Default","CustomerEntityType":"Retail","Items":[)";
  for (int i = 0; i < kItems; ++i) {
    const unsigned code = random();
    const unsigned cores = 1u << code % 7;
    page += fmt::format(
        R"({}{{"currencyCode":"USD","tierMinimumUnits":0.0,"retailPrice":{:.6f},"unitPrice":{:.6f},)"
        R"("armRegionName":"region{}","location":"Region {}","effectiveStartDate":"2026-0{}-01T00:00:00Z",)"
        R"("meterId":"{:08x}-{:04x}-4a61-9d0c-{:012x}","meterName":"D{}s v5 Spot","productId":"DZH318Z0{:04X}",)"
        R"("skuId":"DZH318Z0{:04X}/{:04X}","productName":"Virtual Machines Dsv5 Series","skuName":"Standard_D{}s_v5 Spot",)"
        R"("serviceName":"Virtual Machines","serviceId":"DZH313Z7MMC8","serviceFamily":"Compute","unitOfMeasure":"1 Hour",)"
        R"("type":"Consumption","isPrimaryMeterRegion":{},"armSkuName":"Standard_D{}s_v5"}})",
        i == 0 ? "" : ",", code % 100000 / 1e4, code % 100000 / 1e4, code % 51, code % 51,
        1 + code % 9, code, code >> 16, uint64_t{code} * 65537, cores, code >> 16, code >> 16,
        code & 0xFFFF, cores, code % 3 == 0 ? "true" : "false", cores);
  }
  return page +
         fmt::format(
             R"(],"NextPageLink":"https://prices.azure.com:443/api/retail/prices?$skip={}","Count":{}}})",
             (number + 1) * kItems, kItems);
}

}  // namespace

int main() {
  std::mt19937 random(20260128);
  std::vector<std::string> pages;
  std::vector<simdjson::padded_string> padded;
  double bytes = 0;
  for (int number = 0; number < kPages; ++number) {
    pages.push_back(Page(number, random));
    padded.emplace_back(pages.back());
    bytes += static_cast<double>(pages.back().size());
  }
  sources::azure::RetailParser retail;
  simdjson::ondemand::parser bare;
  std::vector<double> ours, walks;
  const int rounds = Rounds(9);
  size_t items = 0;
  int64_t values = 0;
  for (int round = 0; round <= rounds; ++round) {  // the first warms up
    const double parse = Milliseconds([&] {
      for (const std::string& page : pages) {
        const auto parsed = retail.Parse(page);
        if (!parsed.ok()) {
          std::fprintf(stderr, "%s\n", parsed.error().message.c_str());
          std::exit(1);
        }
        items += parsed->items.size();
      }
    });
    const double walk = Milliseconds([&] {
      for (const auto& page : padded) values += Walk(bare, page);
    });
    if (round == 0) continue;
    ours.push_back(parse);
    walks.push_back(walk);
  }
  const auto speed = [&](double milliseconds) { return bytes / 1e3 / milliseconds; };
  const double parsed = speed(Median(ours)), walked = speed(Median(walks));
  std::printf(
      "retail pages: %d pages of %.0f kB, %zu items and %lld values a round; median of %d rounds\n"
      "  rows %.0f MB/s, bare walk %.0f MB/s (%s), share %.0f %%; peak %.1f MiB\n",
      kPages, bytes / kPages / 1e3, items / static_cast<size_t>(rounds + 1),
      static_cast<long long>(values / (rounds + 1)), rounds, parsed, walked,
      simdjson::get_active_implementation()->name().c_str(), 100 * parsed / walked, PeakMib());
  Figure("retail_pages", parsed, "MB/s", ">=400_or_40%_of_bare_walk",
         std::min(400 / parsed, 0.4 * walked / parsed));
}
