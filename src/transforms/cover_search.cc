#include <algorithm>
#include <numeric>

#include "transforms/cover_search_internal.h"

namespace catchment::transforms {
namespace {

/// Rows looked at for each place of a group; more than any catalogue has, so that time stays
/// proportional to the rows of a hostile one.
constexpr size_t kCandidates = 2048;

size_t Count(std::span<const uint64_t> bits) {
  size_t count = 0;
  for (const uint64_t word : bits) count += static_cast<size_t>(std::popcount(word));
  return count;
}

size_t CountBoth(std::span<const uint64_t> a, std::span<const uint64_t> b) {
  size_t count = 0;
  for (size_t word = 0; word < a.size(); ++word) {
    count += static_cast<size_t>(std::popcount(a[word] | b[word]));
  }
  return count;
}

/// Groups rows of similar columns.
class Grouping {
 public:
  Grouping(const CellMatrix& cells, size_t row_limit, size_t column_limit)
      : cells_(cells), row_limit_(row_limit), column_limit_(column_limit) {
    for (size_t row = 0; row < cells.rows(); ++row) {
      counts_.push_back(Count(cells.Row(row)));
      if (counts_[row] > 0) unused_.push_back(row);
    }
    // Many columns first, equal rows side by side.
    std::stable_sort(unused_.begin(), unused_.end(), [&](size_t a, size_t b) {
      if (counts_[a] != counts_[b]) return counts_[a] > counts_[b];
      return std::ranges::lexicographical_compare(cells_.Row(a), cells_.Row(b));
    });
  }

  std::vector<Rectangle> Rectangles() {
    std::vector<Rectangle> rectangles;
    while (!unused_.empty()) Cut(TakeGroup(), &rectangles);
    return rectangles;
  }

 private:
  size_t Calls(size_t columns) const { return (columns + column_limit_ - 1) / column_limit_; }

  /// The longest unused row and those that need least more than it.
  std::vector<size_t> TakeGroup() {
    std::vector<size_t> group = {unused_.front()};
    const auto first = cells_.Row(unused_.front());
    union_.assign(first.begin(), first.end());
    unused_.erase(unused_.begin());
    while (group.size() < row_limit_ && !unused_.empty()) {
      const size_t chosen = Nearest();
      const size_t row = unused_[chosen];
      for (size_t word = 0; word < union_.size(); ++word) union_[word] |= cells_.Row(row)[word];
      group.push_back(row);
      unused_.erase(unused_.begin() + static_cast<ptrdiff_t>(chosen));
    }
    std::sort(group.begin(), group.end());
    return group;
  }

  /// The unused row that adds fewest calls; then uses most of those there are; then adds fewest
  /// columns.
  size_t Nearest() const {
    struct Score {
      size_t calls, saved, columns;
      auto operator<=>(const Score&) const = default;
    };
    Score best{SIZE_MAX, 0, 0};
    size_t chosen = 0;
    for (size_t at = 0; at < std::min(unused_.size(), kCandidates); ++at) {
      const size_t row = unused_[at];
      const size_t columns = CountBoth(union_, cells_.Row(row));
      const Score score{Calls(columns), SIZE_MAX - Calls(counts_[row]), columns};
      if (score < best) {
        best = score;
        chosen = at;
      }
    }
    return chosen;
  }

  void Cut(const std::vector<size_t>& group, std::vector<Rectangle>* rectangles) const {
    std::vector<size_t> columns;
    ForEachColumn(union_, [&](size_t column) { columns.push_back(column); });
    for (size_t from = 0; from < columns.size(); from += column_limit_) {
      const size_t to = std::min(from + column_limit_, columns.size());
      rectangles->push_back({group,
                             {columns.begin() + static_cast<ptrdiff_t>(from),
                              columns.begin() + static_cast<ptrdiff_t>(to)}});
    }
  }

  const CellMatrix& cells_;
  const size_t row_limit_, column_limit_;
  std::vector<size_t> counts_;  // columns of each row
  std::vector<size_t> unused_;
  std::vector<uint64_t> union_;
};

}  // namespace

CellMatrix CellMatrix::Transposed() const {
  CellMatrix turned(columns_, rows_);
  for (size_t row = 0; row < rows_; ++row) {
    ForEachColumn(Row(row), [&](size_t column) { turned.Set(column, row); });
  }
  return turned;
}

std::vector<Rectangle> CoverCells(const CellMatrix& cells, size_t row_limit, size_t column_limit) {
  return Grouping(cells, row_limit, column_limit).Rectangles();
}

}  // namespace catchment::transforms
