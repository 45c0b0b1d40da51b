#include "columnar/sort.h"

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/cast.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/decimal.h>
#include <arrow/util/thread_pool.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string_view>
#include <unordered_set>

#include "base/parallel_for.h"
#include "columnar/arrow_status.h"
#include "columnar/initialize.h"
#include "columnar/schema.h"
#include "columnar/value_text_internal.h"

namespace catchment::columnar {
namespace {

constexpr char kNull = 0;
constexpr char kValue = 1;

/// The keys of all rows as byte strings whose order (memcmp) is the order of the keys.
struct EncodedKeys {
  std::string bytes;
  std::vector<size_t> ends;

  std::string_view key(size_t row) const {
    const size_t begin = row == 0 ? 0 : ends[row - 1];
    return std::string_view(bytes).substr(begin, ends[row] - begin);
  }
};

template <typename Unsigned>
void AppendBigEndian(Unsigned value, std::string& out) {
  char bytes[sizeof value];
  for (size_t i = 0; i < sizeof value; ++i) {
    bytes[sizeof value - 1 - i] = static_cast<char>(value & 0xFF);
    value = static_cast<Unsigned>(value >> (sizeof value > 1 ? 8 : 0));
  }
  out.append(bytes, sizeof bytes);
}

/// Signed numbers sort as unsigned ones once the sign bit is turned.
template <typename Integer>
void AppendInteger(Integer value, std::string& out) {
  using Unsigned = std::make_unsigned_t<Integer>;
  auto bits = static_cast<Unsigned>(value);
  if constexpr (std::is_signed_v<Integer>)
    bits ^= static_cast<Unsigned>(Unsigned{1} << (8 * sizeof(Unsigned) - 1));
  AppendBigEndian(bits, out);
}

void AppendFloat(double value, std::string& out) {
  if (std::isnan(value)) return AppendBigEndian(std::numeric_limits<uint64_t>::max(), out);
  if (value == 0) value = 0;  // -0 and 0 are equal
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  bits = (bits >> 63) != 0 ? ~bits : bits | (uint64_t{1} << 63);
  AppendBigEndian(bits, out);
}

/// Zero bytes are escaped and a zero pair ends the text, so that "a" goes before "a\0" and before
/// "ab".
void AppendTextKey(std::string_view text, std::string& out) {
  size_t done = 0;
  while (true) {
    const size_t zero = text.find('\0', done);
    if (zero == std::string_view::npos) break;
    out.append(text, done, zero + 1 - done);
    out += '\xFF';
    done = zero + 1;
  }
  out.append(text, done);
  out.append(2, '\0');
}

template <typename Type>
Status AppendIntegers(const arrow::Array& array, int64_t row, std::string& out) {
  AppendInteger(static_cast<const arrow::NumericArray<Type>&>(array).Value(row), out);
  return {};
}

Status AppendKey(const arrow::Array& array, int64_t row, std::string& out) {
  if (array.IsNull(row)) {
    out += kNull;
    return {};
  }
  out += kValue;
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      out += static_cast<const arrow::BooleanArray&>(array).Value(row) ? '\1' : '\0';
      return {};
    case arrow::Type::INT8:
      return AppendIntegers<arrow::Int8Type>(array, row, out);
    case arrow::Type::INT16:
      return AppendIntegers<arrow::Int16Type>(array, row, out);
    case arrow::Type::INT32:
      return AppendIntegers<arrow::Int32Type>(array, row, out);
    case arrow::Type::INT64:
      return AppendIntegers<arrow::Int64Type>(array, row, out);
    case arrow::Type::UINT8:
      return AppendIntegers<arrow::UInt8Type>(array, row, out);
    case arrow::Type::UINT16:
      return AppendIntegers<arrow::UInt16Type>(array, row, out);
    case arrow::Type::UINT32:
      return AppendIntegers<arrow::UInt32Type>(array, row, out);
    case arrow::Type::UINT64:
      return AppendIntegers<arrow::UInt64Type>(array, row, out);
    case arrow::Type::DATE32:
      return AppendIntegers<arrow::Date32Type>(array, row, out);
    case arrow::Type::TIMESTAMP:
      return AppendIntegers<arrow::TimestampType>(array, row, out);
    case arrow::Type::TIME64:
      return AppendIntegers<arrow::Time64Type>(array, row, out);
    case arrow::Type::FLOAT:
      AppendFloat(static_cast<double>(static_cast<const arrow::FloatArray&>(array).Value(row)),
                  out);
      return {};
    case arrow::Type::DOUBLE:
      AppendFloat(static_cast<const arrow::DoubleArray&>(array).Value(row), out);
      return {};
    case arrow::Type::STRING:
      AppendTextKey(static_cast<const arrow::StringArray&>(array).GetView(row), out);
      return {};
    case arrow::Type::BINARY:
      AppendTextKey(static_cast<const arrow::BinaryArray&>(array).GetView(row), out);
      return {};
    case arrow::Type::LARGE_STRING:
      AppendTextKey(static_cast<const arrow::LargeStringArray&>(array).GetView(row), out);
      return {};
    case arrow::Type::DECIMAL128: {
      const arrow::Decimal128 value(
          static_cast<const arrow::Decimal128Array&>(array).GetValue(row));
      AppendInteger(value.high_bits(), out);
      AppendBigEndian(value.low_bits(), out);
      return {};
    }
    case arrow::Type::DICTIONARY: {
      out.pop_back();
      const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
      return AppendKey(*dictionary.dictionary(), dictionary.GetValueIndex(row), out);
    }
    case arrow::Type::NA:
      return {};
    default:
      return Invalid("type {} has no order", TypeName(*array.type()));
  }
}

/// One column of the key as arrays without chunks.
Result<std::vector<std::shared_ptr<arrow::Array>>> KeyColumns(
    const std::shared_ptr<arrow::Table>& rows, const std::vector<std::string>& keys) {
  if (keys.empty()) return Invalid("a key needs at least one column");
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (const std::string& key : keys) {
    const auto column = rows->GetColumnByName(key);
    if (column == nullptr) return Invalid("key column \"{}\" does not exist", key);
    if (column->num_chunks() == 1) {
      columns.push_back(column->chunk(0));
      continue;
    }
    ASSIGN_ARROW_OR_RETURN(auto joined, arrow::Concatenate(column->chunks()), "key column \"{}\"",
                           key);
    columns.push_back(std::move(joined));
  }
  return columns;
}

/// As many bytes as the keys of most tables have at most: a mark, and a text with its end or a
/// number.
size_t ExpectedBytes(const std::vector<std::shared_ptr<arrow::Array>>& columns) {
  int64_t bytes = 0;
  for (const auto& column : columns) {
    bytes += 9 * column->length();
    if (column->type_id() == arrow::Type::STRING)
      bytes += static_cast<const arrow::StringArray&>(*column).total_values_length();
  }
  return static_cast<size_t>(bytes);
}

Result<EncodedKeys> Encode(const std::vector<std::shared_ptr<arrow::Array>>& columns, int64_t rows,
                           const std::vector<std::string>& keys) {
  EncodedKeys encoded;
  encoded.ends.reserve(static_cast<size_t>(rows));
  encoded.bytes.reserve(ExpectedBytes(columns));
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t i = 0; i < columns.size(); ++i) {
      RETURN_IF_ERROR(AppendKey(*columns[i], row, encoded.bytes), "key column \"{}\"", keys[i]);
    }
    encoded.ends.push_back(encoded.bytes.size());
  }
  return encoded;
}

uint64_t Prefix(std::string_view key) {
  uint64_t prefix = 0;
  for (size_t i = 0; i < 8; ++i) {
    prefix = prefix << 8 | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0);
  }
  return prefix;
}

struct Place {
  uint64_t prefix;
  int64_t row;
};

/// Pieces at once, which are merged then. No two places are equal: how many pieces is not seen.
Status SortPlaces(const EncodedKeys& keys, std::vector<Place>& places) {
  const auto less = [&keys](const Place& a, const Place& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    const int compared =
        keys.key(static_cast<size_t>(a.row)).compare(keys.key(static_cast<size_t>(b.row)));
    return compared != 0 ? compared < 0 : a.row < b.row;
  };
  constexpr size_t kSmallPiece = 10'000;
  const auto threads = static_cast<size_t>(arrow::GetCpuThreadPoolCapacity());
  const size_t pieces = std::bit_floor(std::clamp<size_t>(places.size() / kSmallPiece, 1, threads));
  const auto begin_of = [&](size_t piece) {
    return places.begin() + static_cast<ptrdiff_t>(places.size() * piece / pieces);
  };
  RETURN_IF_ERROR(ParallelFor(pieces, threads, [&](size_t piece) -> Status {
    std::sort(begin_of(piece), begin_of(piece + 1), less);
    return {};
  }));
  for (size_t width = 1; width < pieces; width *= 2) {
    RETURN_IF_ERROR(ParallelFor(pieces / (2 * width), threads, [&](size_t pair) -> Status {
      const size_t first = pair * 2 * width;
      std::inplace_merge(begin_of(first), begin_of(first + width), begin_of(first + 2 * width),
                         less);
      return {};
    }));
  }
  return {};
}

Result<std::vector<int64_t>> Order(const EncodedKeys& keys) {
  std::vector<Place> places(keys.ends.size());
  // Rows often share the first bytes (tier, region), which would make the prefix useless.
  size_t shared = keys.key(0).size();
  for (size_t row = 1; row < places.size() && shared > 0; ++row) {
    const std::string_view one = keys.key(0), other = keys.key(row);
    const size_t most = std::min(shared, other.size());
    shared = static_cast<size_t>(
        std::mismatch(one.begin(), one.begin() + static_cast<ptrdiff_t>(most), other.begin())
            .first -
        one.begin());
  }
  for (size_t row = 0; row < places.size(); ++row) {
    places[row] = {Prefix(keys.key(row).substr(shared)), static_cast<int64_t>(row)};
  }
  RETURN_IF_ERROR(SortPlaces(keys, places));
  std::vector<int64_t> order(places.size());
  std::ranges::transform(places, order.begin(), &Place::row);
  return order;
}

bool IsSorted(const EncodedKeys& keys) {
  for (size_t row = 1; row < keys.ends.size(); ++row) {
    if (keys.key(row) < keys.key(row - 1)) return false;
  }
  return true;
}

/// -1, 0 or 1 as the rows' texts or whole numbers are in order, nulls first.
template <typename Array>
int CompareNeighbours(const arrow::Array& column, int64_t row) {
  const bool one_null = column.IsNull(row - 1), other_null = column.IsNull(row);
  if (one_null || other_null) return static_cast<int>(other_null) - static_cast<int>(one_null);
  const auto& values = static_cast<const Array&>(column);
  const auto one = values.GetView(row - 1), other = values.GetView(row);
  return one < other ? -1 : other < one;
}

using Comparison = int (*)(const arrow::Array&, int64_t);

/// Null for types whose order only their encoding knows.
Comparison ComparisonOf(arrow::Type::type type) {
  switch (type) {
    case arrow::Type::STRING:
      return CompareNeighbours<arrow::StringArray>;
    case arrow::Type::INT32:
      return CompareNeighbours<arrow::Int32Array>;
    case arrow::Type::INT64:
      return CompareNeighbours<arrow::Int64Array>;
    case arrow::Type::DATE32:
      return CompareNeighbours<arrow::Date32Array>;
    case arrow::Type::TIMESTAMP:
      return CompareNeighbours<arrow::TimestampArray>;
    default:
      return nullptr;
  }
}

/// Whether rows are seen to be in order without encoding their keys; false: find out by encoding.
bool SeenInOrder(const std::vector<std::shared_ptr<arrow::Array>>& columns, int64_t rows) {
  std::vector<Comparison> comparisons;
  for (const auto& column : columns) {
    comparisons.push_back(ComparisonOf(column->type_id()));
    if (comparisons.back() == nullptr) return false;
  }
  for (int64_t row = 1; row < rows; ++row) {
    int order = 0;
    for (size_t i = 0; i < columns.size() && order == 0; ++i)
      order = comparisons[i](*columns[i], row);
    if (order > 0) return false;
  }
  return true;
}

/// The rows in this order. Several columns at once, each joined to one piece before (taking from
/// many is several times slower) and let go after: few are held twice.
Result<std::shared_ptr<arrow::Table>> TakeRows(const arrow::Table& rows,
                                               const std::vector<int64_t>& order) {
  RETURN_IF_ERROR(Initialize());
  const arrow::Datum indices(
      std::make_shared<arrow::Int64Array>(rows.num_rows(), arrow::Buffer::Wrap(order)));
  std::vector<std::shared_ptr<arrow::ChunkedArray>> taken(static_cast<size_t>(rows.num_columns()));
  const auto threads = static_cast<size_t>(arrow::GetCpuThreadPoolCapacity());
  RETURN_IF_ERROR(ParallelFor(taken.size(), threads, [&](size_t number) -> Status {
    ASSIGN_ARROW_OR_RETURN(const auto column, rows.SelectColumns({static_cast<int>(number)}));
    ASSIGN_ARROW_OR_RETURN(const auto joined, column->CombineChunks());
    ASSIGN_ARROW_OR_RETURN(
        const arrow::Datum values,
        arrow::compute::Take(joined, indices, arrow::compute::TakeOptions::NoBoundsCheck()));
    taken[number] = values.table()->column(0);
    return {};
  }));
  return arrow::Table::Make(rows.schema(), std::move(taken), rows.num_rows());
}

}  // namespace

Result<std::shared_ptr<arrow::Table>> SortRows(const std::shared_ptr<arrow::Table>& rows,
                                               const std::vector<std::string>& keys) {
  if (rows->num_rows() == 0) {
    for (const std::string& key : keys) {
      if (rows->schema()->GetFieldIndex(key) < 0)
        return Invalid("key column \"{}\" does not exist", key);
    }
    return rows;
  }
  ASSIGN_OR_RETURN(const auto columns, KeyColumns(rows, keys));
  if (SeenInOrder(columns, rows->num_rows())) return rows;
  ASSIGN_OR_RETURN(const EncodedKeys encoded, Encode(columns, rows->num_rows(), keys));
  if (IsSorted(encoded)) return rows;
  ASSIGN_OR_RETURN(const std::vector<int64_t> order, Order(encoded));
  return TakeRows(*rows, order);
}

Result<std::optional<std::string>> FirstDuplicate(const std::shared_ptr<arrow::Table>& rows,
                                                  const std::vector<std::string>& keys) {
  if (rows->num_rows() == 0) return std::optional<std::string>();
  ASSIGN_OR_RETURN(const auto columns, KeyColumns(rows, keys));
  ASSIGN_OR_RETURN(const EncodedKeys encoded, Encode(columns, rows->num_rows(), keys));
  std::unordered_set<std::string_view> seen;
  seen.reserve(encoded.ends.size());
  for (size_t row = 0; row < encoded.ends.size(); ++row) {
    if (seen.insert(encoded.key(row)).second) continue;
    std::string text;
    for (size_t i = 0; i < keys.size(); ++i) {
      text += fmt::format("{}{}={}", i == 0 ? "" : ", ", keys[i],
                          RenderValue(*columns[i], static_cast<int64_t>(row)));
    }
    return std::optional<std::string>(std::move(text));
  }
  return std::optional<std::string>();
}

}  // namespace catchment::columnar
