#pragma once

#include <parquet/types.h>

#include <vector>

#include "stac/item_schema.h"

namespace catchment::stac {

/// A leaf of an item file with its place in the items' schema.
struct ItemLeaf {
  const ItemNode* root = nullptr;  ///< its column
  const ItemNode* node = nullptr;
  std::vector<int> path;  ///< at each node from the column on, which child; a list has one
};
/// All leaves in the order of Parquet's columns. They point into `schema`.
std::vector<ItemLeaf> LeavesOf(const ItemSchema& schema);

/// How a leaf is stored (docs/formats/stac_geoparquet.md).
struct LeafStorage {
  parquet::Encoding::type encoding = parquet::Encoding::RLE_DICTIONARY;  ///< of its data pages
  bool statistics = false;                                               ///< and a page index
  bool bloom_filter = false;
};
LeafStorage StorageOfLeaf(const ItemLeaf& leaf);

}  // namespace catchment::stac
