#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace catchment::stac {

/// One leaf of a Parquet schema and the way to it from a root column.
struct LeafPath {
  int root = 0;                 ///< the column of the batch
  std::vector<int> members;     ///< at each struct, which member; a list takes none
  std::vector<bool> nullables;  ///< of each node on the way, root and leaf included
  std::string dotted;           ///< the path in Parquet, e.g. `links.list.element.href`
};

/// All leaves in the order of Parquet's columns.
std::vector<LeafPath> LeafPathsOf(const arrow::Schema& schema);

/// What Parquet keeps of one leaf.
struct LeafLevels {
  std::vector<int16_t> definition;  ///< empty: nothing on the way may be null
  std::vector<int16_t> repetition;  ///< empty: no list on the way
  int64_t entries = 0;
  std::shared_ptr<arrow::Array> values;  ///< one for each entry that reaches the innermost list
  bool nullable = false;                 ///< the leaf itself
};

/// Shred one leaf of `column`, the root array of `path` (Dremel's levels). kInternal: an array of
/// another shape than the path says.
Result<LeafLevels> ShredLeaf(const std::shared_ptr<arrow::Array>& column, const LeafPath& path);

}  // namespace catchment::stac
