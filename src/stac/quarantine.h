#pragma once

#include <string>
#include <string_view>

namespace catchment::stac {

/// Why an item is not in a file.
enum class QuarantineReason {
  kBadJson,
  kBadUtf8,
  kNotAnItem,     ///< no object, `type` is not "Feature", or no `properties`
  kTooLarge,      ///< over 16 MiB
  kTooDeep,       ///< over 64 levels
  kIdMissing,     ///< no text, or an empty one
  kIdMismatch,    ///< another id than was asked for
  kMisfit,        ///< a value of another type than its column
  kBadGeometry,   ///< no GeoJSON geometry, or one without any position
  kBadDatetime,   ///< no RFC 3339 time; also leap seconds
  kDuplicateKey,  ///< an object has a member twice
  kDuplicateId,   ///< another item has this id (found by whoever sorts)
};

/// The reason as it stands in tables: `bad_json`, `misfit`, ….
std::string_view QuarantineReasonName(QuarantineReason reason);

/// What is wrong with one item.
struct Quarantined {
  QuarantineReason reason = QuarantineReason::kBadJson;
  std::string pointer;  ///< JSON pointer to the value at fault, e.g. `/properties/eo:cloud_cover`
  std::string detail;   ///< e.g. `expected double, found text "abc"`
};

}  // namespace catchment::stac
