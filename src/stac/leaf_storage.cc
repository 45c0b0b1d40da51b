#include "stac/leaf_storage_internal.h"

namespace catchment::stac {
namespace {

void AddLeaves(const ItemNode& root, const ItemNode& node, const std::vector<int>& path,
               std::vector<ItemLeaf>& leaves) {
  if (node.children.empty()) {
    leaves.push_back({&root, &node, path});
    return;
  }
  for (size_t i = 0; i < node.children.size(); ++i) {
    std::vector<int> child = path;
    child.push_back(static_cast<int>(i));
    AddLeaves(root, node.children[i], child, leaves);
  }
}

bool IsNumberOrTime(ColumnKind kind) {
  return kind == ColumnKind::kInt64 || kind == ColumnKind::kDouble || kind == ColumnKind::kTime;
}

}  // namespace

std::vector<ItemLeaf> LeavesOf(const ItemSchema& schema) {
  std::vector<ItemLeaf> leaves;
  for (const ItemNode& column : schema.columns) AddLeaves(column, column, {}, leaves);
  return leaves;
}

LeafStorage StorageOfLeaf(const ItemLeaf& leaf) {
  using parquet::Encoding;
  const ItemNode& root = *leaf.root;
  const ItemNode& node = *leaf.node;
  LeafStorage storage;
  const bool is_root = &root == &node;
  if (node.kind == ColumnKind::kBool) storage.encoding = Encoding::PLAIN;
  if (node.kind == ColumnKind::kTime) storage.encoding = Encoding::DELTA_BINARY_PACKED;
  if (node.kind == ColumnKind::kText && (node.name == "href" || (is_root && node.name == "id"))) {
    storage.encoding = Encoding::DELTA_BYTE_ARRAY;
  }
  if (is_root && node.kind == ColumnKind::kDouble &&
      (node.name == "view:azimuth" || node.name == "view:sun_azimuth")) {
    storage.encoding = Encoding::BYTE_STREAM_SPLIT;
  }
  storage.statistics = root.kind == ColumnKind::kBox ||
                       (is_root && (IsNumberOrTime(node.kind) || node.name == "id" ||
                                    node.name == "collection" || node.name == "platform"));
  storage.bloom_filter = is_root && node.name == "id";
  return storage;
}

}  // namespace catchment::stac
