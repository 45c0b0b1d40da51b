#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "stac/geometry.h"
#include "stac/item_file_reader.h"

namespace catchment::stac {

/// Where and when the items of some files are.
struct ItemExtent {
  Box box;                                ///< empty: no item has a geometry
  std::optional<int64_t> from_us, to_us;  ///< microseconds since 1970; nothing: no item has a time

  void Add(const ItemExtent& other);
};

/// What a file's footer says of its items: `bbox` of `geo`, and the smallest and largest of the
/// columns datetime, start_datetime and end_datetime. Reads no rows. A column without statistics in
/// some row group does not count.
Result<ItemExtent> ExtentOfFile(const ItemFileReader& reader);

/// What items and footers need of a Collection document.
struct CollectionText {
  std::string id;
  std::string document;  ///< JSON without indentation, members in their order
};
/// kInvalid: not a STAC Collection with an id.
Result<CollectionText> ReadCollectionText(std::string_view text);

/// A Collection document with these extents, and with the asset `items` of role `collection-mirror`
/// that leads to a folder of Parquet files (`href`; empty: no such asset). What `extent` does not
/// know stays as it is. Indented JSON with a line end; the same input gives the same text.
/// kInvalid: `document` is no Collection of STAC 1.0.0; names the member at fault.
Result<std::string> DescribeCollection(const std::string& document, const ItemExtent& extent,
                                       const std::string& href);

}  // namespace catchment::stac
