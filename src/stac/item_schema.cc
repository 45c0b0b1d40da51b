#include "stac/item_schema.h"

#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <array>

namespace catchment::stac {
namespace {

constexpr std::array<std::string_view, 10> kKindNames = {
    "bool", "int64", "double", "text", "json", "time", "geometry", "box", "struct", "list"};
constexpr std::array<std::string_view, 9> kTopLevel = {
    "id",       "type", "stac_version", "stac_extensions", "collection",
    "geometry", "bbox", "links",        "assets"};
constexpr std::array<std::string_view, 8> kTimes = {"datetime",  "start_datetime", "end_datetime",
                                                    "created",   "updated",        "expires",
                                                    "published", "unpublished"};

std::shared_ptr<arrow::Field> ArrowField(const ItemNode& node);

arrow::FieldVector ArrowFields(const std::vector<ItemNode>& nodes) {
  arrow::FieldVector fields;
  for (const ItemNode& node : nodes) fields.push_back(ArrowField(node));
  return fields;
}

std::shared_ptr<arrow::DataType> ArrowType(const ItemNode& node) {
  switch (node.kind) {
    case ColumnKind::kBool:
      return arrow::boolean();
    case ColumnKind::kInt64:
      return arrow::int64();
    case ColumnKind::kDouble:
      return arrow::float64();
    case ColumnKind::kText:
    case ColumnKind::kJson:
      return arrow::utf8();
    case ColumnKind::kTime:
      return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case ColumnKind::kGeometry:
      return arrow::binary();
    case ColumnKind::kBox:
    case ColumnKind::kStruct:
      return arrow::struct_(ArrowFields(node.children));
    case ColumnKind::kList:
      return arrow::list(ArrowField(node.children.front()));
  }
  return arrow::null();
}

std::shared_ptr<arrow::Field> ArrowField(const ItemNode& node) {
  return arrow::field(node.name, ArrowType(node), !node.required,
                      arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(node.id)}));
}

int64_t LeavesOf(const std::vector<ItemNode>& nodes) {
  int64_t leaves = 0;
  for (const ItemNode& node : nodes) leaves += node.children.empty() ? 1 : LeavesOf(node.children);
  return leaves;
}

}  // namespace

std::string_view ColumnKindName(ColumnKind kind) { return kKindNames[static_cast<size_t>(kind)]; }

const ItemNode* ItemSchema::Find(std::string_view column) const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const ItemNode& node) { return node.name == column; });
  return found == columns.end() ? nullptr : &*found;
}

bool ItemSchema::box_3d() const {
  const ItemNode* box = Find("bbox");
  return box != nullptr && box->children.size() == 6;
}

int64_t ItemSchema::leaves() const { return LeavesOf(columns); }

std::shared_ptr<arrow::Schema> ArrowSchema(const ItemSchema& schema) {
  return arrow::schema(ArrowFields(schema.columns));
}

bool IsTopLevel(std::string_view column) {
  return std::find(kTopLevel.begin(), kTopLevel.end(), column) != kTopLevel.end();
}

bool IsTimeName(std::string_view property) {
  return std::find(kTimes.begin(), kTimes.end(), property) != kTimes.end();
}

}  // namespace catchment::stac
