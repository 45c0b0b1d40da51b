#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "columnar/arrow_status.h"
#include "columnar/initialize.h"
#include "columnar/schema.h"
#include "transforms/key_columns_internal.h"

namespace catchment::transforms {
namespace {

/// The array in the one type that its kind is read in, or null if only Arrow can compare it.
arrow::Result<std::shared_ptr<arrow::Array>> Widen(std::shared_ptr<arrow::Array> array) {
  if (array->type_id() == arrow::Type::DICTIONARY) {
    ARROW_ASSIGN_OR_RAISE(
        array, arrow::compute::Cast(
                   *array, static_cast<const arrow::DictionaryType&>(*array->type()).value_type()));
  }
  const auto cast = [&](const std::shared_ptr<arrow::DataType>& type)
      -> arrow::Result<std::shared_ptr<arrow::Array>> {
    return arrow::compute::Cast(*array, type);
  };
  switch (array->type_id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
    case arrow::Type::INT64:
    case arrow::Type::UINT64:
    case arrow::Type::DOUBLE:
      return array;
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
      return cast(arrow::utf8());
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
    case arrow::Type::BOOL:
      return cast(arrow::int64());
    case arrow::Type::HALF_FLOAT:
    case arrow::Type::FLOAT:
      return cast(arrow::float64());
    case arrow::Type::DATE32:
    case arrow::Type::TIME32: {
      ARROW_ASSIGN_OR_RAISE(array, array->View(arrow::int32()));
      return cast(arrow::int64());
    }
    case arrow::Type::DATE64:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
    case arrow::Type::DURATION:
      return array->View(arrow::int64());
    default:
      return nullptr;
  }
}

std::string RenderValue(const FlatColumn& column, int64_t row) {
  if (column.IsNull(row)) return "null";
  if (column.kind == FlatColumn::Kind::kText) return std::string(column.Text(row).substr(0, 100));
  const auto scalar = column.array->GetScalar(row);
  return scalar.ok() ? (*scalar)->ToString() : "?";
}

bool SameColumnBytes(const FlatColumn& a, int64_t i, const FlatColumn& b, int64_t j,
                     int64_t count) {
  if (a.kind != b.kind) return false;
  if (a.valid != nullptr || b.valid != nullptr) {
    for (int64_t row = 0; row < count; ++row) {
      if (a.IsNull(i + row) != b.IsNull(j + row)) return false;
    }
  }
  const auto same = [count](const auto* x, const auto* y) {
    return std::memcmp(x, y, static_cast<size_t>(count) * sizeof *x) == 0;
  };
  switch (a.kind) {
    case FlatColumn::Kind::kText: {
      const int32_t a_from = a.ends[i], b_from = b.ends[j];
      int32_t differences = 0;  // without a branch, so that the loop runs several rows at once
      for (int64_t row = 1; row <= count; ++row)
        differences |= (a.ends[i + row] - a_from) ^ (b.ends[j + row] - b_from);
      return differences == 0 && std::memcmp(a.data + a_from, b.data + b_from,
                                             static_cast<size_t>(a.ends[i + count] - a_from)) == 0;
    }
    case FlatColumn::Kind::kInt:
      return same(a.ints + i, b.ints + j);
    case FlatColumn::Kind::kUnsigned:
      return same(a.unsigneds + i, b.unsigneds + j);
    case FlatColumn::Kind::kDouble:
      return same(a.doubles + i, b.doubles + j);
    case FlatColumn::Kind::kOther:
      break;
  }
  return false;
}

}  // namespace

bool SameBytes(const std::vector<FlatColumn>& a, int64_t i, const std::vector<FlatColumn>& b,
               int64_t j, int64_t count) {
  for (size_t column = 0; column < a.size(); ++column) {
    if (!SameColumnBytes(a[column], i, b[column], j, count)) return false;
  }
  return true;
}

Result<std::shared_ptr<arrow::Array>> WholeColumn(const arrow::Table& table,
                                                  const std::string& name) {
  const std::shared_ptr<arrow::ChunkedArray> column = table.GetColumnByName(name);
  if (column == nullptr) return Invalid("there is no column '{}'", name);
  if (column->num_chunks() == 1) return column->chunk(0);
  if (column->num_chunks() == 0) {
    ASSIGN_ARROW_OR_RETURN(auto empty, arrow::MakeEmptyArray(column->type()));
    return empty;
  }
  ASSIGN_ARROW_OR_RETURN(auto whole, arrow::Concatenate(column->chunks()), "column '{}'", name);
  return whole;
}

Result<FlatColumn> Flatten(std::shared_ptr<arrow::Array> array, const std::string& name) {
  RETURN_IF_ERROR(columnar::Initialize());
  FlatColumn column;
  column.array = array;
  ASSIGN_ARROW_OR_RETURN(std::shared_ptr<arrow::Array> wide, Widen(std::move(array)), "column '{}'",
                         name);
  if (wide == nullptr) return column;
  switch (wide->type_id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY: {
      const auto& text = static_cast<const arrow::BinaryArray&>(*wide);
      column.kind = FlatColumn::Kind::kText;
      column.ends = text.raw_value_offsets();
      column.data = reinterpret_cast<const char*>(text.raw_data());
      break;
    }
    case arrow::Type::INT64:
      column.kind = FlatColumn::Kind::kInt;
      column.ints = static_cast<const arrow::Int64Array&>(*wide).raw_values();
      break;
    case arrow::Type::UINT64:
      column.kind = FlatColumn::Kind::kUnsigned;
      column.unsigneds = static_cast<const arrow::UInt64Array&>(*wide).raw_values();
      break;
    default:
      column.kind = FlatColumn::Kind::kDouble;
      column.doubles = static_cast<const arrow::DoubleArray&>(*wide).raw_values();
  }
  column.valid = wide->null_count() > 0 ? wide->null_bitmap_data() : nullptr;
  column.offset = wide->offset();
  column.array = std::move(wide);
  return column;
}

Result<KeyedRows> OrderByKey(std::vector<FlatColumn> keys, int64_t rows,
                             const std::vector<std::string>& names) {
  for (size_t column = 0; column < keys.size(); ++column) {
    if (keys[column].kind != FlatColumn::Kind::kOther) continue;
    return Invalid("column '{}' of type {} cannot be a key", names[column],
                   columnar::TypeName(*keys[column].array->type()));
  }
  KeyedRows keyed{std::move(keys), rows, {}, -1};
  bool sorted = true;
  for (int64_t row = 1; row < rows && sorted; ++row) {
    const int order = CompareKeys(keyed.keys, row - 1, keyed.keys, row);
    if (order == 0 && keyed.duplicate < 0) keyed.duplicate = row;
    sorted = order <= 0;
  }
  if (sorted) return keyed;
  keyed.duplicate = -1;
  keyed.order.resize(static_cast<size_t>(rows));
  std::iota(keyed.order.begin(), keyed.order.end(), int64_t{0});
  std::sort(keyed.order.begin(), keyed.order.end(), [&](int64_t a, int64_t b) {
    const int order = CompareKeys(keyed.keys, a, keyed.keys, b);
    return order != 0 ? order < 0 : a < b;
  });
  for (int64_t place = 1; place < rows; ++place) {
    if (CompareKeys(keyed.keys, keyed.At(place - 1), keyed.keys, keyed.At(place)) != 0) continue;
    keyed.duplicate = keyed.At(place);
    break;
  }
  return keyed;
}

std::string RenderRow(const std::vector<FlatColumn>& columns, const std::vector<std::string>& names,
                      int64_t row) {
  std::vector<std::string> parts;
  for (size_t column = 0; column < columns.size(); ++column) {
    parts.push_back(fmt::format("{}={}", names[column], RenderValue(columns[column], row)));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace catchment::transforms
