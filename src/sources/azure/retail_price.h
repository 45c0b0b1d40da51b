#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "sources/azure/retail_parse.h"

namespace catchment::sources::azure {

/// How a rule looks at a text field.
enum class MeterTest { kEquals, kDiffers, kContains, kStartsWith, kEndsWith };

/// One meter rule: true if the field meets `test` for any of `values` (kDiffers: equals none of
/// them).
struct MeterRule {
  std::string name;  ///< the key of the drop's count
  RetailField field = RetailField::kService;
  MeterTest test = MeterTest::kEquals;
  std::vector<std::string> values;
  bool fold_case = false;     ///< compare in lower case
  bool ignore_space = false;  ///< the field without its spaces
};

/// What makes a price of an item. The pipeline's meter_rules.json.
struct MeterRules {
  std::vector<MeterRule> drop;     ///< in order; the first that matches drops the item
  std::vector<MeterRule> windows;  ///< any matches: operating system windows, else linux
  std::vector<MeterRule> spot;     ///< any matches: a spot price, else on-demand
};

/// Read rules from JSON text (comments allowed):
///   {"drop": [{"name": …, "field": "serviceName", "differs": "Virtual Machines"}, …], "windows":
///   […], "spot": […]}
/// A rule has one of `equals`, `differs`, `contains`, `starts_with`, `ends_with` (a text or a list
/// of texts) and may have `fold_case`, `ignore_space`. kInvalid: says which rule and what it may
/// hold.
Result<MeterRules> ParseMeterRules(std::string_view json);

enum class OperatingSystem : uint8_t { kLinux, kWindows };
enum class PriceKind : uint8_t { kSpot, kOnDemand };

/// The price of one (region, SKU) for an operating system and a kind.
struct ChosenPrice {
  std::string region, sku;  ///< in lower case: the key
  OperatingSystem operating_system = OperatingSystem::kLinux;
  PriceKind kind = PriceKind::kSpot;
  double price = 0;
  std::string meter_id;
};

/// What the chosen prices of one pair have in common.
struct PricedPair {
  std::string region_code;  ///< the price source's spelling; of several the bytewise smallest
  std::string sku;          ///< likewise
  std::optional<std::string>
      region_name;  ///< `location` of the region's newest candidate; null if empty
};

struct PriceChoice {
  std::vector<ChosenPrice> prices;  ///< sorted by region, sku, operating system, kind
  std::map<std::pair<std::string, std::string>, PricedPair> pairs;  ///< by lower-case (region, sku)
  std::map<std::string, int64_t>
      dropped;  ///< by rule; also `region`, `sku`, `price`, `ended`, `future`
  int64_t items = 0;
  int64_t candidates = 0;  ///< items that passed all rules and are current
};

/// Which kinds of a list of pages are wanted: spot and on-demand prices may come from two crawls.
struct PriceInput {
  std::span<const RetailPage> pages;
  bool spot = true, on_demand = true;
};

/// Choose the prices in force at `slot`.
///
/// An item is dropped by the first that applies: a rule of `rules.drop`; no region (`region`); an
/// SKU other than `Standard_…` or `Basic_…` in any case (`sku`); a price of 0 or less (`price`);
/// ended before the slot (`ended`); beginning after it (`future`). Among the rest, per (region,
/// SKU, operating system, kind), the first by: primary; later start; open end before closed, then
/// later end; smaller meterId, skuId, productName, price. No clock, no order of arrival: the result
/// depends on the items and the slot only. Source: docs/pipelines/azure-spot.md, choosing a price.
PriceChoice ChoosePrices(std::span<const PriceInput> inputs, const MeterRules& rules, Time slot);

}  // namespace catchment::sources::azure
