#pragma once

#include <arrow/type_fwd.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "stac/item_schema.h"
#include "stac/quarantine.h"

namespace catchment::stac {

/// What is known of an item before it is read.
struct ItemSource {
  std::string_view expected_id;  ///< empty: any
  std::string_view collection;   ///< value of an added column `collection`
};

/// What sorting, the footer and the record need of an item. Valid until the next Append.
struct ItemFacts {
  std::string_view id;
  std::string_view collection;  ///< as in the column; empty: null
  std::optional<int64_t> datetime_us, updated_us;
  bool has_geometry = false;
  uint32_t geometry_type = 0;    ///< WKB code: 1…7, 3-D 1001…1007; 0: none
  std::array<double, 4> box{};   ///< xmin, ymin, xmax, ymax as in the column
  std::string_view body_sha256;  ///< 64 hex digits, if asked for
};

/// Members that no column has, and so are in `extra`: by JSON pointer with `*` for an index.
struct UnknownMember {
  int64_t count = 0;
  std::string first_id;
};

struct ItemColumnsOptions {
  int64_t batch_rows = 4096;       ///< full() from here on
  int64_t batch_bytes = 32 << 20;  ///< likewise, of column buffers
  size_t max_item_bytes = 16u << 20;
  int max_depth = 64;
  bool digest = false;                ///< SHA-256 of each body
  bool discard_extra = false;         ///< for probes: forget what no column holds
  size_t max_unknown_members = 1000;  ///< distinct ones that are remembered
};

/// Items as JSON to Arrow columns, in bounded batches.
///
///   ItemColumns columns(schema);
///   ItemFacts facts;
///   if (auto bad = columns.Append(body, {.collection = "HLSS30_2.0"}, facts)) …
///   if (columns.full()) std::shared_ptr<arrow::RecordBatch> batch = columns.Finish();
///
/// The schema has `id`, `geometry` and `bbox`, as every one that was loaded or inferred. An item
/// that is refused leaves no trace in the columns. Not thread-safe; objects of one schema may be
/// used by several threads, one each.
class ItemColumns {
 public:
  explicit ItemColumns(const ItemSchema& schema, const ItemColumnsOptions& options = {});
  ~ItemColumns();
  ItemColumns(ItemColumns&&) noexcept;
  ItemColumns& operator=(ItemColumns&&) noexcept;

  /// Append one item, or say why not. `body` needs no padding and may end with white space.
  std::optional<Quarantined> Append(std::string_view body, const ItemSource& source,
                                    ItemFacts& facts);

  int64_t rows() const;   ///< in the batch that is being filled
  int64_t bytes() const;  ///< about, of its buffers
  bool full() const;
  /// The rows since the last call, of ArrowSchema(schema); none: a batch without rows.
  std::shared_ptr<arrow::RecordBatch> Finish();

  /// Of all items appended so far.
  const std::map<std::string, UnknownMember>& unknown_members() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace catchment::stac
