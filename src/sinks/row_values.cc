#include "sinks/row_values.h"

#include <arrow/api.h>

#include <cmath>

#include "base/text.h"
#include "columnar/arrow_status.h"
#include "columnar/schema.h"

namespace catchment::sinks {
namespace {

/// What a column is read as; null: no store takes it.
std::shared_ptr<arrow::DataType> ReadAs(const arrow::DataType& type) {
  const arrow::DataType* plain = &type;
  if (type.id() == arrow::Type::DICTIONARY) {
    plain = static_cast<const arrow::DictionaryType&>(type).value_type().get();
  }
  if (plain->id() == arrow::Type::BOOL) return arrow::boolean();
  if (arrow::is_integer(plain->id())) return arrow::int64();
  if (arrow::is_floating(plain->id())) return arrow::float64();
  const bool text = arrow::is_string(plain->id()) || arrow::is_temporal(plain->id()) ||
                    arrow::is_decimal(plain->id()) || plain->id() == arrow::Type::NA;
  return text ? arrow::utf8() : nullptr;
}

}  // namespace

Result<RowValues> RowValues::Make(const columnar::Table& rows,
                                  const std::vector<std::string>& columns) {
  ASSIGN_OR_RETURN(const auto table, columns.empty() ? rows.Load() : rows.Load(columns));
  RowValues values;
  arrow::FieldVector fields;
  for (const auto& field : table->schema()->fields()) {
    const auto type = ReadAs(*field->type());
    if (type == nullptr) {
      return Invalid("column \"{}\" holds {}; only text, numbers, booleans and times are taken",
                     field->name(), columnar::TypeName(*field->type()));
    }
    values.columns_.push_back(field->name());
    fields.push_back(arrow::field(field->name(), type));
  }
  ASSIGN_OR_RETURN(const auto cast,
                   columnar::CastToSchema(table, arrow::schema(std::move(fields))));
  ASSIGN_ARROW_OR_RETURN(values.rows_, cast->CombineChunksToBatch());
  return values;
}

int64_t RowValues::num_rows() const { return rows_->num_rows(); }

RowValue RowValues::at(int64_t row, size_t column) const {
  const arrow::Array& cells = *rows_->column(static_cast<int>(column));
  if (cells.IsNull(row)) return {};
  switch (cells.type_id()) {
    case arrow::Type::BOOL:
      return static_cast<const arrow::BooleanArray&>(cells).Value(row);
    case arrow::Type::INT64:
      return static_cast<const arrow::Int64Array&>(cells).Value(row);
    case arrow::Type::DOUBLE: {
      const double value = static_cast<const arrow::DoubleArray&>(cells).Value(row);
      return std::isfinite(value) ? RowValue(value) : RowValue();
    }
    default:
      return static_cast<const arrow::StringArray&>(cells).GetView(row);
  }
}

std::string RowValues::NameOf(int64_t row, size_t columns) const {
  std::string name;
  for (size_t column = 0; column < std::min(columns, columns_.size()); ++column) {
    name +=
        fmt::format("{}{}={}", name.empty() ? "" : ", ", columns_[column], TextOf(at(row, column)));
  }
  return name.substr(0, 200);
}

std::string TextOf(const RowValue& value) {
  struct Writer {
    std::string operator()(std::monostate) const { return {}; }
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return FormatDouble(number); }
    std::string operator()(std::string_view text) const { return std::string(text); }
  };
  return std::visit(Writer(), value);
}

}  // namespace catchment::sinks
