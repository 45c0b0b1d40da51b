#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "stac/geometry.h"
#include "stac/item_schema.h"

namespace catchment::stac {

/// Extent and kinds of the geometries of a file's rows, gathered batch by batch.
class GeoSummary {
 public:
  explicit GeoSummary(const ItemSchema& schema);

  /// Take note of a batch of the schema. kCorrupt: WKB that is none.
  Status Add(const arrow::RecordBatch& batch);
  void Add(const GeoSummary& other);

  /// The footer's value of `geo`: GeoParquet 1.1.0, WKB in OGC:CRS84 with a covering box. The same
  /// rows give the same text. A box that crosses the antimeridian makes the file's span all
  /// longitudes.
  std::string ToJson() const;

 private:
  struct Column {
    std::set<uint32_t> types;  ///< WKB codes present
  };
  std::map<std::string, Column> columns_;  ///< by name: every root column with WKB
  bool box_3d_ = false;
  Box box_;
};

/// The footer's value of `stac-geoparquet`: {"version":"1.0.0","collections":{id: document}}.
/// `collections`: documents by id, compact JSON.
std::string StacGeoParquetJson(const std::map<std::string, std::string>& collections);
/// The inverse: documents by id. kCorrupt: not that JSON.
Result<std::map<std::string, std::string>> CollectionsOfJson(std::string_view json);

/// What the footer's key `catchment` says of a file of items.
struct ItemFileFacts {
  std::string writer;   ///< e.g. `catchment 1.0.0`
  std::string dataset;  ///< empty: written by hand
  std::string slot;     ///< empty: none
  std::string order;    ///< `hilbert14,datetime,id`, `datetime,id` or `input`
  int64_t rows = 0;
  std::string items_sha256;  ///< over lines `id TAB body_sha256 LF` in file order
  std::vector<std::string> added;
};
std::string ItemFileFactsJson(const ItemFileFacts& facts);
/// kCorrupt: not that JSON.
Result<ItemFileFacts> ParseItemFileFacts(std::string_view json);

}  // namespace catchment::stac
