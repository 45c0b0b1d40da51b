#pragma once

#include <arrow/type_fwd.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace catchment::transforms {

/// A column whose values can be compared row by row without going through Arrow. Integers,
/// booleans, dates and times are widened to 64 bits once; texts are read in place. Holds the array
/// that its pointers look into.
struct FlatColumn {
  enum class Kind : uint8_t { kText, kInt, kUnsigned, kDouble, kOther };
  Kind kind = Kind::kOther;
  std::shared_ptr<arrow::Array> array;
  const uint8_t* valid = nullptr;  // bitmap; null: no value is null
  int64_t offset = 0;              // of row 0 in the bitmap
  const int32_t* ends = nullptr;   // kText: row i is data[ends[i], ends[i + 1])
  const char* data = nullptr;
  const int64_t* ints = nullptr;
  const uint64_t* unsigneds = nullptr;
  const double* doubles = nullptr;

  bool IsNull(int64_t row) const {
    if (valid == nullptr) return false;
    const int64_t bit = offset + row;
    return (valid[bit >> 3] & (1 << (bit & 7))) == 0;
  }
  std::string_view Text(int64_t row) const {
    return {data + ends[row], static_cast<size_t>(ends[row + 1] - ends[row])};
  }
};

/// One array of all rows of a column. kInvalid: names a column that is not there.
Result<std::shared_ptr<arrow::Array>> WholeColumn(const arrow::Table& table,
                                                  const std::string& name);

/// Make a column comparable; kOther where only Arrow can compare (lists, structs, decimals).
Result<FlatColumn> Flatten(std::shared_ptr<arrow::Array> array, const std::string& name);

/// memcmp for the few bytes that key values have, eight at a time and without a call.
[[gnu::always_inline]] inline int CompareBytes(const char* a, const char* b, int32_t size) {
  const auto load = [](const char* from) {
    uint64_t bytes;
    std::memcpy(&bytes, from, sizeof bytes);
    return std::endian::native == std::endian::little ? __builtin_bswap64(bytes) : bytes;
  };
  if (size >= 8) {
    for (int32_t done = 0;; done = done + 16 <= size ? done + 8 : size - 8) {
      const uint64_t x = load(a + done), y = load(b + done);
      if (x != y) return x < y ? -1 : 1;
      if (done + 8 == size) return 0;
    }
  }
  for (int32_t at = 0; at < size; ++at) {
    const auto x = static_cast<unsigned char>(a[at]), y = static_cast<unsigned char>(b[at]);
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

/// -1, 0 or 1: nulls first and equal, texts bytewise, numbers by value, NaN last and equal. The
/// kinds must be the same.
[[gnu::always_inline]] inline int CompareValues(const FlatColumn& a, int64_t i, const FlatColumn& b,
                                                int64_t j) {
  if (a.valid != nullptr || b.valid != nullptr) {
    const bool a_null = a.IsNull(i), b_null = b.IsNull(j);
    if (a_null || b_null) return static_cast<int>(b_null) - static_cast<int>(a_null);
  }
  switch (a.kind) {
    case FlatColumn::Kind::kText: {
      const int32_t a_from = a.ends[i], b_from = b.ends[j];
      const int32_t a_size = a.ends[i + 1] - a_from, b_size = b.ends[j + 1] - b_from;
      const int order =
          CompareBytes(a.data + a_from, b.data + b_from, a_size < b_size ? a_size : b_size);
      if (order != 0) return order;
      return a_size < b_size ? -1 : a_size > b_size;
    }
    case FlatColumn::Kind::kInt:
      return a.ints[i] < b.ints[j] ? -1 : a.ints[i] > b.ints[j];
    case FlatColumn::Kind::kUnsigned:
      return a.unsigneds[i] < b.unsigneds[j] ? -1 : a.unsigneds[i] > b.unsigneds[j];
    case FlatColumn::Kind::kDouble: {
      const double x = a.doubles[i], y = b.doubles[j];
      if (x != x || y != y) return static_cast<int>(x != x) - static_cast<int>(y != y);
      return x < y ? -1 : x > y;
    }
    case FlatColumn::Kind::kOther:
      break;
  }
  return 0;
}

/// The same for several columns, the first of which decides first.
inline int CompareKeys(const std::vector<FlatColumn>& a, int64_t i,
                       const std::vector<FlatColumn>& b, int64_t j) {
  for (size_t column = 0; column < a.size(); ++column) {
    if (const int order = CompareValues(a[column], i, b[column], j); order != 0) return order;
  }
  return 0;
}

/// Whether `count` rows of `a` from `i` on have byte for byte the values of those of `b` from `j`
/// on, so that CompareKeys gives 0 for each. False says nothing. Far cheaper than `count`
/// comparisons.
bool SameBytes(const std::vector<FlatColumn>& a, int64_t i, const std::vector<FlatColumn>& b,
               int64_t j, int64_t count);

/// The key columns of a table and the order of its rows by them.
struct KeyedRows {
  std::vector<FlatColumn> keys;
  int64_t rows = 0;
  std::vector<int64_t> order;  ///< row numbers by rising key; empty: the table is in order already
  int64_t duplicate =
      -1;  ///< the first row in key order whose key the row before it has; -1: all differ

  int64_t At(int64_t place) const {
    return order.empty() ? place : order[static_cast<size_t>(place)];
  }
};

/// Bring rows in the order of their keys. kInvalid: a key column of a type without order.
Result<KeyedRows> OrderByKey(std::vector<FlatColumn> keys, int64_t rows,
                             const std::vector<std::string>& names);

/// `region_code=eastus, zone=null`
std::string RenderRow(const std::vector<FlatColumn>& columns, const std::vector<std::string>& names,
                      int64_t row);

}  // namespace catchment::transforms
