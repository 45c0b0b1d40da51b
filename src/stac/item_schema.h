#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace catchment::stac {

/// What a column, or a part of one, holds.
enum class ColumnKind {
  kBool,      ///< bool
  kInt64,     ///< int64
  kDouble,    ///< double, however spelled (`18`, `18.0`)
  kText,      ///< utf8
  kJson,      ///< utf8 with compact JSON; Parquet logical type JSON
  kTime,      ///< timestamp[us, UTC]
  kGeometry,  ///< binary: WKB of a GeoJSON geometry
  kBox,       ///< struct{xmin, ymin, xmax, ymax: double not null}, 3-D: xmin, ymin, zmin, xmax, …
  kStruct,    ///< struct
  kList,      ///< list, its child is named `element`
};

/// The kind's name in schema files: bool int64 double text json time geometry box struct list.
std::string_view ColumnKindName(ColumnKind kind);

/// One node of a schema: a column, a member of a struct or the element of a list.
struct ItemNode {
  std::string name;
  ColumnKind kind = ColumnKind::kText;
  bool required = false;           ///< Arrow and Parquet: not null
  int32_t id = 0;                  ///< Parquet field id, unique in the file, never reused
  std::vector<ItemNode> children;  ///< kStruct: its members; kList: one; kBox: four or six doubles
};

/// Where the value of a column that no item has comes from. Export leaves such columns out.
enum class AddedFrom {
  kCollection,  ///< ItemSource::collection
  kUtmOfId,     ///< 32600 + the zone in the id of a granule
};

/// The columns of one file and where each stands in an item.
///
/// Of the columns, `type`, `stac_version`, `stac_extensions`, `id`, `collection`, `geometry`,
/// `bbox`, `links` and `assets` are members of the item itself; `extra` is a JSON Merge Patch (RFC
/// 7396) with all that no column holds; the others are members of `properties`.
struct ItemSchema {
  std::vector<ItemNode> columns;           ///< in file order
  std::map<std::string, AddedFrom> added;  ///< by column
  int32_t next_id = 1;                     ///< of a later column
  /// Collection documents by id, compact JSON: `collections` of the footer.
  std::map<std::string, std::string> collections;

  /// Null if there is none.
  const ItemNode* Find(std::string_view column) const;
  /// Whether `bbox` has six numbers.
  bool box_3d() const;
  /// Parquet leaves.
  int64_t leaves() const;
};

/// The Arrow schema, with field ids (`PARQUET:field_id`) on every node. JSON text is plain utf8.
std::shared_ptr<arrow::Schema> ArrowSchema(const ItemSchema& schema);

/// The inverse, for a file that was read: field ids are kept; utf8 of the extension `arrow.json` is
/// JSON text, and so is `extra`; binary is a geometry; `bbox` is a box. `added` is from the file's
/// footer. kInvalid: a column of a type no item has.
Result<ItemSchema> ItemSchemaFromArrow(const arrow::Schema& schema,
                                       const std::vector<std::string>& added);

/// Whether a column's name belongs to a member of the item itself, not of its `properties`.
bool IsTopLevel(std::string_view column);
/// Whether a member of `properties` is one of the eight times.
bool IsTimeName(std::string_view property);

struct LoadSchemaOptions {
  bool fix_epsg = false;  ///< keep columns that a schema marks `"only": "fixEpsg"`
};

/// Read a declared schema (docs/formats/stac_schema.md). kInvalid: names the column at fault.
Result<ItemSchema> LoadItemSchema(std::string_view json, const LoadSchemaOptions& options = {});
/// The same document, indented, for `stac schema` and for keeping.
std::string FormatItemSchema(const ItemSchema& schema);

/// One schema with the columns of all: for several collections in one file. int64 and
/// double are double; ids are given anew, depth-first; a column that one lacks is not required.
/// kInvalid: other kinds that differ, or a column added in one and of the items in another.
Result<ItemSchema> UniteSchemas(const std::vector<ItemSchema>& schemas);

}  // namespace catchment::stac
