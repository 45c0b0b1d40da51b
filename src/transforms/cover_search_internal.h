#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace catchment::transforms {

/// Wanted cells as one bit each, row by row.
class CellMatrix {
 public:
  CellMatrix(size_t rows, size_t columns)
      : rows_(rows), columns_(columns), words_((columns + 63) / 64), bits_(rows * words_) {}

  size_t rows() const { return rows_; }
  size_t columns() const { return columns_; }
  size_t words() const { return words_; }  ///< 64 columns each
  std::span<uint64_t> Row(size_t row) { return {bits_.data() + row * words_, words_}; }
  std::span<const uint64_t> Row(size_t row) const { return {bits_.data() + row * words_, words_}; }
  void Set(size_t row, size_t column) { Row(row)[column / 64] |= uint64_t{1} << (column % 64); }
  void Clear(size_t row, size_t column) {
    Row(row)[column / 64] &= ~(uint64_t{1} << (column % 64));
  }
  bool Has(size_t row, size_t column) const {
    return (Row(row)[column / 64] >> (column % 64) & 1) != 0;
  }
  CellMatrix Transposed() const;

 private:
  size_t rows_, columns_, words_;
  std::vector<uint64_t> bits_;
};

/// Call `visit(column)` for each set bit, rising.
template <typename Visit>
void ForEachColumn(std::span<const uint64_t> bits, const Visit& visit) {
  for (size_t word = 0; word < bits.size(); ++word) {
    for (uint64_t left = bits[word]; left != 0; left &= left - 1) {
      visit(word * 64 + static_cast<size_t>(std::countr_zero(left)));
    }
  }
}

/// The cells of every listed row with every listed column; both rising.
struct Rectangle {
  std::vector<size_t> rows, columns;
};

/// Cover all set cells with few rectangles of at most `row_limit` rows and `column_limit` columns
/// (both at least 1). Tries several ways, at most six, until one needs `enough` or fewer. Works in
/// counted steps; the same matrix gives the same rectangles.
std::vector<Rectangle> CoverCells(const CellMatrix& cells, size_t row_limit, size_t column_limit,
                                  size_t enough);

}  // namespace catchment::transforms
