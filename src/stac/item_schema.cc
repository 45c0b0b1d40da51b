#include "stac/item_schema.h"

#include <arrow/extension_type.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

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

Result<ItemNode> NodeOf(const arrow::Field& field, bool is_root, const std::string& where);

/// The kind of a type that has no children.
std::optional<ColumnKind> LeafKind(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return ColumnKind::kBool;
    case arrow::Type::INT64:
      return ColumnKind::kInt64;
    case arrow::Type::DOUBLE:
      return ColumnKind::kDouble;
    case arrow::Type::STRING:
      return ColumnKind::kText;
    case arrow::Type::BINARY:
      return ColumnKind::kGeometry;
    case arrow::Type::TIMESTAMP: {
      const auto& time = static_cast<const arrow::TimestampType&>(type);
      if (time.unit() != arrow::TimeUnit::MICRO) return std::nullopt;
      return ColumnKind::kTime;
    }
    default:
      return std::nullopt;
  }
}

Status AddChildrenOf(const arrow::DataType& type, const std::string& where, ItemNode& node) {
  for (const auto& child : type.fields()) {
    ASSIGN_OR_RETURN(ItemNode part, NodeOf(*child, false, where + "/" + child->name()));
    node.children.push_back(std::move(part));
  }
  return {};
}

Result<ItemNode> NodeOf(const arrow::Field& field, bool is_root, const std::string& where) {
  ItemNode node;
  node.name = field.name();
  node.required = !field.nullable();
  if (field.metadata() != nullptr) {
    const auto id = field.metadata()->Get("PARQUET:field_id");
    if (id.ok()) std::from_chars(id->data(), id->data() + id->size(), node.id);
  }
  const arrow::DataType& type = *field.type();
  if (type.id() == arrow::Type::EXTENSION &&
      static_cast<const arrow::ExtensionType&>(type).extension_name() == "arrow.json") {
    node.kind = ColumnKind::kJson;
    return node;
  }
  if (type.id() == arrow::Type::LIST || type.id() == arrow::Type::STRUCT) {
    node.kind = type.id() == arrow::Type::LIST   ? ColumnKind::kList
                : is_root && node.name == "bbox" ? ColumnKind::kBox
                                                 : ColumnKind::kStruct;
    RETURN_IF_ERROR(AddChildrenOf(type, where, node));
    return node;
  }
  const auto kind = LeafKind(type);
  if (!kind) return Invalid("column {}: no item has a {}", where, type.ToString());
  node.kind = is_root && node.name == "extra" ? ColumnKind::kJson : *kind;
  return node;
}

void GiveNewIds(std::vector<ItemNode>& nodes, int32_t& next_id) {
  for (ItemNode& node : nodes) {
    node.id = next_id++;
    GiveNewIds(node.children, next_id);
  }
}

Status UniteNodes(ItemNode& into, const ItemNode& from, const std::string& where);

/// Members of `from` that `into` lacks come behind its own, but before `extra`.
Status UniteMembers(std::vector<ItemNode>& into, const std::vector<ItemNode>& from,
                    const std::string& where) {
  for (ItemNode& node : into) {
    const bool in_both = std::any_of(from.begin(), from.end(),
                                     [&](const ItemNode& one) { return one.name == node.name; });
    node.required &= in_both;
  }
  for (const ItemNode& node : from) {
    const auto same = std::find_if(into.begin(), into.end(),
                                   [&](const ItemNode& one) { return one.name == node.name; });
    if (same != into.end()) {
      RETURN_IF_ERROR(UniteNodes(*same, node, where + "/" + node.name));
      continue;
    }
    const bool before_extra = where.empty() && !into.empty() && into.back().name == "extra";
    into.insert(into.end() - (before_extra ? 1 : 0), node);
    (into.end() - (before_extra ? 2 : 1))->required = false;
  }
  return {};
}

Status UniteNodes(ItemNode& into, const ItemNode& from, const std::string& where) {
  const auto is_number = [](ColumnKind kind) {
    return kind == ColumnKind::kInt64 || kind == ColumnKind::kDouble;
  };
  const bool boxes_differ =
      into.kind == ColumnKind::kBox && into.children.size() != from.children.size();
  if (into.kind != from.kind && is_number(into.kind) && is_number(from.kind)) {
    into.kind = ColumnKind::kDouble;
  } else if (into.kind != from.kind || boxes_differ) {
    return Invalid("column {}: {} in one schema, {} in another", where, ColumnKindName(into.kind),
                   ColumnKindName(from.kind));
  }
  into.required &= from.required;
  return UniteMembers(into.children, from.children, where);
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

Result<ItemSchema> ItemSchemaFromArrow(const arrow::Schema& schema,
                                       const std::vector<std::string>& added) {
  ItemSchema items;
  for (const auto& field : schema.fields()) {
    ASSIGN_OR_RETURN(ItemNode node, NodeOf(*field, true, field->name()));
    items.columns.push_back(std::move(node));
  }
  for (const std::string& name : added) {
    items.added[name] = name == "collection" ? AddedFrom::kCollection : AddedFrom::kUtmOfId;
  }
  return items;
}

Result<ItemSchema> UniteSchemas(const std::vector<ItemSchema>& schemas) {
  if (schemas.empty()) return Invalid("no schema to unite");
  ItemSchema united = schemas.front();
  for (const ItemSchema& schema : schemas) {
    RETURN_IF_ERROR(UniteMembers(united.columns, schema.columns, ""));
    united.collections.insert(schema.collections.begin(), schema.collections.end());
    for (const auto& [name, from] : schema.added) {
      const auto other = std::find_if(schemas.begin(), schemas.end(), [&](const ItemSchema& one) {
        return one.Find(name) != nullptr && !one.added.contains(name);
      });
      if (other != schemas.end()) {
        return Invalid("column {}: added in one schema, of the items in another", name);
      }
      united.added.emplace(name, from);
    }
  }
  united.next_id = 1;
  GiveNewIds(united.columns, united.next_id);
  return united;
}

bool IsTopLevel(std::string_view column) {
  return std::find(kTopLevel.begin(), kTopLevel.end(), column) != kTopLevel.end();
}

bool IsTimeName(std::string_view property) {
  return std::find(kTimes.begin(), kTimes.end(), property) != kTimes.end();
}

}  // namespace catchment::stac
