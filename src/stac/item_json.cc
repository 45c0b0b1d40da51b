#include "stac/item_json.h"

#include <arrow/array.h>
#include <arrow/extension_type.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "stac/datetime_internal.h"
#include "stac/geometry.h"
#include "stac/json_tokens_internal.h"

namespace catchment::stac {
namespace {

/// A node of the schema with its array in the batch.
struct BoundColumn {
  const ItemNode* schema = nullptr;
  std::string key;  // quoted, with a colon
  std::shared_ptr<arrow::Array> array;
  std::vector<BoundColumn> children;

  template <typename T>
  const T& As() const {
    return static_cast<const T&>(*array);
  }
};

Result<BoundColumn> Bind(const ItemNode& node, std::shared_ptr<arrow::Array> array,
                         const std::string& where) {
  if (array->type_id() == arrow::Type::EXTENSION) {
    array = static_cast<const arrow::ExtensionArray&>(*array).storage();
  }
  BoundColumn bound;
  bound.schema = &node;
  AppendJsonText(node.name, bound.key);
  bound.key += ':';
  const auto unlike = [&] {
    return Invalid("{}: expected {}, found {}", where, ColumnKindName(node.kind),
                   array->type()->ToString());
  };
  switch (node.kind) {
    case ColumnKind::kBool:
      if (array->type_id() != arrow::Type::BOOL) return unlike();
      break;
    case ColumnKind::kInt64:
      if (array->type_id() != arrow::Type::INT64) return unlike();
      break;
    case ColumnKind::kDouble:
      if (array->type_id() != arrow::Type::DOUBLE) return unlike();
      break;
    case ColumnKind::kText:
    case ColumnKind::kJson:
      if (array->type_id() != arrow::Type::STRING) return unlike();
      break;
    case ColumnKind::kGeometry:
      if (array->type_id() != arrow::Type::BINARY) return unlike();
      break;
    case ColumnKind::kTime:
      if (array->type_id() != arrow::Type::TIMESTAMP ||
          static_cast<const arrow::TimestampType&>(*array->type()).unit() !=
              arrow::TimeUnit::MICRO) {
        return unlike();
      }
      break;
    case ColumnKind::kList: {
      if (array->type_id() != arrow::Type::LIST) return unlike();
      const auto& list = static_cast<const arrow::ListArray&>(*array);
      ASSIGN_OR_RETURN(BoundColumn child,
                       Bind(node.children.front(), list.values(), where + "/element"));
      bound.children.push_back(std::move(child));
      break;
    }
    case ColumnKind::kStruct:
    case ColumnKind::kBox: {
      if (array->type_id() != arrow::Type::STRUCT) return unlike();
      const auto& rows = static_cast<const arrow::StructArray&>(*array);
      for (const ItemNode& child : node.children) {
        auto values = rows.GetFieldByName(child.name);
        if (values == nullptr) continue;
        ASSIGN_OR_RETURN(BoundColumn member, Bind(child, values, where + "/" + child.name));
        bound.children.push_back(std::move(member));
      }
      break;
    }
  }
  bound.array = std::move(array);
  return bound;
}

Status WriteBound(const BoundColumn& column, int64_t row, std::string& out);

/// The members of a struct that are not null.
Status WriteMembers(const std::vector<BoundColumn>& members, int64_t row, std::string& out) {
  for (const BoundColumn& member : members) {
    if (member.array->IsNull(row)) continue;
    if (out.back() != '{') out += ',';
    out += member.key;
    RETURN_IF_ERROR(WriteBound(member, row, out));
  }
  return {};
}

Status WriteList(const BoundColumn& column, int64_t row, std::string& out) {
  const auto& list = column.As<arrow::ListArray>();
  const BoundColumn& element = column.children.front();
  out += '[';
  for (int64_t i = list.value_offset(row); i < list.value_offset(row + 1); ++i) {
    if (i > list.value_offset(row)) out += ',';
    if (element.array->IsNull(i)) {
      out += "null";
    } else {
      RETURN_IF_ERROR(WriteBound(element, i, out));
    }
  }
  out += ']';
  return {};
}

Status WriteBound(const BoundColumn& column, int64_t row, std::string& out) {
  switch (column.schema->kind) {
    case ColumnKind::kBool:
      out += column.As<arrow::BooleanArray>().Value(row) ? "true" : "false";
      return {};
    case ColumnKind::kInt64:
      AppendJsonInt(column.As<arrow::Int64Array>().Value(row), out);
      return {};
    case ColumnKind::kDouble:
      AppendJsonDouble(column.As<arrow::DoubleArray>().Value(row), out);
      return {};
    case ColumnKind::kText:
      AppendJsonText(column.As<arrow::StringArray>().GetView(row), out);
      return {};
    case ColumnKind::kJson:
      out += column.As<arrow::StringArray>().GetView(row);
      return {};
    case ColumnKind::kTime:
      out += '"';
      if (!AppendDatetime(column.As<arrow::TimestampArray>().Value(row), out)) {
        return Corrupt("{}: a time outside of the years 0000-9999", column.schema->name);
      }
      out += '"';
      return {};
    case ColumnKind::kGeometry:
      RETURN_IF_ERROR(WkbToGeoJson(column.As<arrow::BinaryArray>().GetView(row), out), "{}",
                      column.schema->name);
      return {};
    case ColumnKind::kBox:
      out += '[';
      for (const BoundColumn& number : column.children) {
        if (&number != &column.children.front()) out += ',';
        AppendJsonDouble(number.As<arrow::DoubleArray>().Value(row), out);
      }
      out += ']';
      return {};
    case ColumnKind::kStruct:
      out += '{';
      RETURN_IF_ERROR(WriteMembers(column.children, row, out));
      out += '}';
      return {};
    case ColumnKind::kList:
      return WriteList(column, row, out);
  }
  return {};
}

/// Apply an item's `extra`.
Status PatchItem(std::string_view patch, std::string& item) {
  using Json = nlohmann::ordered_json;
  const Json parsed = Json::parse(patch, nullptr, /*allow_exceptions=*/false);
  Json patched = Json::parse(item, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || patched.is_discarded()) {
    return Corrupt("extra: expected a JSON object");
  }
  patched.merge_patch(parsed);
  item = patched.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
  return {};
}

}  // namespace

struct ItemJson::State {
  ItemSchema schema;
  ItemJsonOptions options;
  std::shared_ptr<arrow::RecordBatch> batch;
  std::vector<BoundColumn> item, properties;
  std::shared_ptr<arrow::Array> geometry, datetime, extra;
  std::string text;
};

ItemJson::ItemJson(const ItemSchema& schema, const ItemJsonOptions& options)
    : state_(std::make_unique<State>()) {
  state_->schema = schema;
  state_->options = options;
}
ItemJson::~ItemJson() = default;
ItemJson::ItemJson(ItemJson&&) noexcept = default;
ItemJson& ItemJson::operator=(ItemJson&&) noexcept = default;

Status ItemJson::Open(std::shared_ptr<arrow::RecordBatch> batch) {
  State& state = *state_;
  state.item.clear();
  state.properties.clear();
  state.geometry = state.datetime = state.extra = nullptr;
  for (const ItemNode& node : state.schema.columns) {
    if (state.schema.added.contains(node.name) && !state.options.with_added) continue;
    const auto array = batch->GetColumnByName(node.name);
    if (array == nullptr) continue;
    ASSIGN_OR_RETURN(BoundColumn column, Bind(node, array, node.name));
    if (node.name == "geometry") state.geometry = column.array;
    if (node.name == "datetime") state.datetime = column.array;
    if (node.name == "extra") {
      state.extra = column.array;
    } else {
      (IsTopLevel(node.name) ? state.item : state.properties).push_back(std::move(column));
    }
  }
  state.batch = std::move(batch);
  return {};
}

Status ItemJson::Append(int64_t row, std::string& text) {
  const State& state = *state_;
  const auto is_null = [row](const std::shared_ptr<arrow::Array>& array) {
    return array == nullptr || array->IsNull(row);
  };
  std::string& item = state_->text;
  item = "{";
  RETURN_IF_ERROR(WriteMembers(state.item, row, item));
  if (is_null(state.geometry))
    item += item.back() == '{' ? "\"geometry\":null" : ",\"geometry\":null";
  item += ",\"properties\":{";
  RETURN_IF_ERROR(WriteMembers(state.properties, row, item));
  if (is_null(state.datetime))
    item += item.back() == '{' ? "\"datetime\":null" : ",\"datetime\":null";
  item += "}}";
  if (!is_null(state.extra)) {
    RETURN_IF_ERROR(
        PatchItem(static_cast<const arrow::StringArray&>(*state.extra).GetView(row), item));
  }
  text += item;
  return {};
}

}  // namespace catchment::stac
