#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace catchment::sources::azure {

/// The text fields of an item that are used, in the order they stand in RetailPage.
enum class RetailField : uint8_t {
  kRegion,    ///< armRegionName
  kLocation,  ///< location, the display name
  kSku,       ///< armSkuName
  kProduct,   ///< productName
  kMeter,     ///< meterName
  kSkuName,   ///< skuName
  kUnit,      ///< unitOfMeasure
  kType,      ///< type
  kService,   ///< serviceName
  kCurrency,  ///< currencyCode
  kMeterId,   ///< meterId
  kSkuId,     ///< skuId
};
inline constexpr size_t kRetailFields = 12;

/// The field's name in the answer, e.g. `armRegionName`.
std::string_view RetailFieldName(RetailField field);
/// The inverse; null if no used text field has this name.
std::optional<RetailField> RetailFieldOf(std::string_view name);

/// One page of the price list: an item takes 64 bytes and its texts.
struct RetailPage {
  struct Item {
    uint64_t digest = 0;  ///< of the whole item as it was sent, unknown fields included
    double price = 0;     ///< USD per unit; 0 is a price
    Time starts{};
    Time ends = kOpen;
    uint32_t text = 0;                            ///< where its texts begin
    std::array<uint16_t, kRetailFields> ends_at;  ///< where each ends, counted from `text`
    bool primary = false;
  };
  /// An end that was not announced.
  static constexpr Time kOpen = Time::max();

  std::vector<Item> items;      ///< in the order of the page
  std::string texts;            ///< of all items
  std::optional<int64_t> next;  ///< offset that the link names; null: no link

  std::string_view Text(const Item& item, RetailField field) const {
    const auto number = static_cast<size_t>(field);
    const size_t from = item.text + (number == 0 ? 0 : item.ends_at[number - 1]);
    return std::string_view(texts).substr(from, item.text + item.ends_at[number] - from);
  }
};

/// Parses pages of retail prices, one after the other, with the same buffers. Not thread-safe.
class RetailParser {
 public:
  RetailParser();
  ~RetailParser();

  /// Parse one page.
  ///
  /// A text field that is absent or null is empty. `effectiveEndDate` absent or null:
  /// RetailPage::kOpen. `isPrimaryMeterRegion` absent: false. Other fields are ignored. kCorrupt:
  /// not JSON, no `Items`, a field of another type or without value, Count differs from the number
  /// of items, a link without `$skip`, an item with more than 64 KiB of text. Says which item and
  /// field. Source: docs/pipelines/azure-spot.md, prices. Sample:
  /// tests/data/azure/retail_pages/page-000.json.
  Result<RetailPage> Parse(std::string_view body);

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

/// The same for a single page.
Result<RetailPage> ParseRetailPage(std::string_view body);

/// The `$skip` of a page's link. kCorrupt: it has none, or no whole number.
Result<int64_t> SkipOfLink(std::string_view link);

}  // namespace catchment::sources::azure
