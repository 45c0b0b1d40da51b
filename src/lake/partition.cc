#include "lake/partition_internal.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"
#include "columnar/arrow_status.h"
#include "columnar/initialize.h"
#include "columnar/schema.h"
#include "lake/publish.h"

namespace catchment::lake {
namespace {

constexpr size_t kMostPartitions = 100'000;

std::string PercentEncode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '.' || c == '_' || c == '-') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

/// A partition value as text: dates YYYY-MM-DD, times RFC 3339, numbers in decimal.
Result<std::string> ValueText(const arrow::Scalar& value, const std::string& column) {
  switch (value.type->id()) {
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::BOOL:
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
    case arrow::Type::UINT64:
    case arrow::Type::DATE32:
      return value.ToString();
    case arrow::Type::TIMESTAMP: {
      const auto micros = arrow::timestamp(arrow::TimeUnit::MICRO);
      ASSIGN_ARROW_OR_RETURN(const auto cast, value.CastTo(micros));
      const auto& moment = static_cast<const arrow::TimestampScalar&>(*cast);
      return FormatTime(Time(std::chrono::microseconds(moment.value)));
    }
    default:
      return Invalid(
          "partition column '{}' is {}; use text, a whole number, bool, a date or a time", column,
          columnar::TypeName(*value.type));
  }
}

/// One partition name of a table's rows: constant for all, or an index into `values` for each row.
struct Axis {
  std::vector<std::optional<std::string>> values;
  std::shared_ptr<arrow::Int32Array> indices;  // null: values[0] for all rows

  size_t At(int64_t row) const {
    if (!indices) return 0;
    return indices->IsNull(row) ? values.size() - 1 : static_cast<size_t>(indices->Value(row));
  }
};

Result<Axis> ColumnAxis(const std::shared_ptr<arrow::ChunkedArray>& column,
                        const std::string& name) {
  RETURN_IF_ERROR(columnar::Initialize());
  std::shared_ptr<arrow::Array> whole;
  if (column->num_chunks() == 1) {
    whole = column->chunk(0);
  } else {
    ASSIGN_ARROW_OR_RETURN(whole, arrow::Concatenate(column->chunks()), "partition column {}",
                           name);
  }
  if (whole->type_id() == arrow::Type::DICTIONARY) {
    const auto& type = static_cast<const arrow::DictionaryType&>(*whole->type());
    ASSIGN_ARROW_OR_RETURN(const arrow::Datum plain,
                           arrow::compute::Cast(whole, type.value_type()));
    whole = plain.make_array();
  }
  ASSIGN_ARROW_OR_RETURN(const arrow::Datum encoded, arrow::compute::DictionaryEncode(whole),
                         "partition column {}", name);
  const auto dictionary = std::static_pointer_cast<arrow::DictionaryArray>(encoded.make_array());
  Axis axis;
  ASSIGN_ARROW_OR_RETURN(const arrow::Datum indices,
                         arrow::compute::Cast(dictionary->indices(), arrow::int32()));
  axis.indices = std::static_pointer_cast<arrow::Int32Array>(indices.make_array());
  for (int64_t i = 0; i < dictionary->dictionary()->length(); ++i) {
    ASSIGN_ARROW_OR_RETURN(const auto value, dictionary->dictionary()->GetScalar(i));
    ASSIGN_OR_RETURN(std::string text, ValueText(*value, name));
    axis.values.emplace_back(std::move(text));
  }
  axis.values.emplace_back(std::nullopt);
  return axis;
}

Result<std::shared_ptr<arrow::Table>> TakeRows(const std::shared_ptr<arrow::Table>& rows,
                                               const std::vector<int64_t>& numbers) {
  // Rows that follow one another need no copy.
  if (numbers.back() - numbers.front() + 1 == static_cast<int64_t>(numbers.size())) {
    return rows->Slice(numbers.front(), static_cast<int64_t>(numbers.size()));
  }
  arrow::Int64Builder builder;
  ARROW_OR_RETURN(builder.AppendValues(numbers));
  ASSIGN_ARROW_OR_RETURN(const auto indices, builder.Finish());
  ASSIGN_ARROW_OR_RETURN(const arrow::Datum taken,
                         arrow::compute::Take(arrow::Datum(rows), arrow::Datum(indices)));
  return taken.table();
}

}  // namespace

std::optional<std::string> SlotPartition(std::string_view name, Time slot_time) {
  static constexpr std::pair<std::string_view, std::string_view> kParts[] = {
      {"year", "%Y"}, {"month", "%m"}, {"day", "%d"}, {"hour", "%H"}, {"date", "%Y-%m-%d"}};
  for (const auto& [known, pattern] : kParts) {
    if (known == name) return FormatTime(slot_time, pattern).value();
  }
  return std::nullopt;
}

std::string PartitionPath(const std::vector<std::string>& names, const PartitionValues& values) {
  std::string path;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) path += '/';
    path += PercentEncode(names[i]) + "=";
    path += values[i] ? PercentEncode(*values[i]) : "__HIVE_DEFAULT_PARTITION__";
  }
  return path;
}

Result<std::vector<Part>> SplitByPartition(const std::shared_ptr<arrow::Table>& rows,
                                           const std::vector<std::string>& names, Time slot_time) {
  std::vector<Part> parts;
  if (rows->num_rows() == 0) return parts;
  std::vector<Axis> axes;
  for (const std::string& name : names) {
    if (const auto column = rows->GetColumnByName(name)) {
      ASSIGN_OR_RETURN(Axis axis, ColumnAxis(column, name));
      axes.push_back(std::move(axis));
    } else {
      const auto value = SlotPartition(name, slot_time);
      if (!value) {
        return Invalid(
            "partition '{}' is no column; of the slot there are year, month, day, hour, date",
            name);
      }
      axes.push_back({{value}, nullptr});
    }
  }
  if (std::none_of(axes.begin(), axes.end(), [](const Axis& axis) { return axis.indices; })) {
    Part whole{{}, rows};
    for (const Axis& axis : axes) whole.values.push_back(axis.values.front());
    parts.push_back(std::move(whole));
    return parts;
  }
  std::map<std::vector<size_t>, std::vector<int64_t>> groups;
  std::vector<size_t> at(axes.size());
  std::vector<int64_t>* last = nullptr;
  std::vector<size_t> last_at;
  for (int64_t row = 0; row < rows->num_rows(); ++row) {
    for (size_t i = 0; i < axes.size(); ++i) at[i] = axes[i].At(row);
    if (last == nullptr || at != last_at) {
      last = &groups[at];
      last_at = at;
      if (groups.size() > kMostPartitions) {
        return Invalid("the rows fall into more than {} partitions; choose a coarser one",
                       kMostPartitions);
      }
    }
    last->push_back(row);
  }
  for (const auto& [indices, numbers] : groups) {
    Part part;
    for (size_t i = 0; i < axes.size(); ++i) part.values.push_back(axes[i].values[indices[i]]);
    ASSIGN_OR_RETURN(part.rows, TakeRows(rows, numbers));
    parts.push_back(std::move(part));
  }
  std::sort(parts.begin(), parts.end(),
            [](const Part& a, const Part& b) { return a.values < b.values; });
  return parts;
}

}  // namespace catchment::lake
