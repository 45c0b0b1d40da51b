#include <algorithm>
#include <set>
#include <utility>

#include "transforms/cover_search_internal.h"

namespace catchment::transforms {
namespace {

/// Rows looked at for each place of a group; more than catalogues have, so that time stays
/// proportional to the cells of a hostile one.
constexpr size_t kCandidates = 1024;

size_t Count(std::span<const uint64_t> bits) {
  size_t count = 0;
  for (const uint64_t word : bits) count += static_cast<size_t>(std::popcount(word));
  return count;
}

/// What decides where nothing else does. None is best for all catalogues.
struct Taste {
  size_t weight_of_more = 8;  ///< a column more for the whole group, against one asked in vain
  bool rare_columns_first = true;
};
constexpr Taste kTastes[] = {{8, true}, {2, true}, {32, true}, {1, true}, {8, false}};

/// Takes one rectangle after the other off the cells that are left: a group of rows with similar
/// columns, and as many columns as fit. What a group leaves over is grouped anew with the others,
/// so that the ends of different groups come to share rectangles.
class Peeling {
 public:
  Peeling(const CellMatrix& cells, size_t row_limit, size_t column_limit, const Taste& taste)
      : left_(cells),
        taste_(taste),
        row_limit_(row_limit),
        column_limit_(column_limit),
        counts_(cells.rows()),
        rows_of_column_(cells.columns()) {
    for (size_t row = 0; row < cells.rows(); ++row) {
      ForEachColumn(cells.Row(row), [&](size_t column) { ++rows_of_column_[column]; });
      counts_[row] = Count(cells.Row(row));
      if (counts_[row] > 0) longest_first_.emplace(SIZE_MAX - counts_[row], row);
    }
  }

  std::vector<Rectangle> Rectangles() && {
    std::vector<Rectangle> rectangles;
    while (!longest_first_.empty()) rectangles.push_back(Take(Group()));
    return rectangles;
  }

 private:
  size_t Calls(size_t columns) const { return (columns + column_limit_ - 1) / column_limit_; }

  /// The longest row and those most like the group so far; leaves their columns in `union_`.
  std::vector<size_t> Group() {
    union_.assign(left_.words(), 0);
    std::vector<size_t> group;
    for (size_t row = longest_first_.begin()->second;; row = Nearest(group)) {
      group.push_back(row);
      for (size_t word = 0; word < union_.size(); ++word) union_[word] |= left_.Row(row)[word];
      if (group.size() == std::min(row_limit_, longest_first_.size())) return group;
      if (group.size() == kCandidates) return group;
    }
  }

  /// The row that needs fewest calls more than the group; then the one of most equal columns.
  size_t Nearest(const std::vector<size_t>& group) const {
    const size_t columns = Count(union_), calls = Calls(columns);
    size_t nearest = 0, looked_at = 0;
    std::pair<size_t, size_t> least = {SIZE_MAX, SIZE_MAX};
    for (const auto& [negated_count, row] : longest_first_) {
      if (++looked_at > kCandidates) break;
      if (std::find(group.begin(), group.end(), row) != group.end()) continue;
      size_t more = 0;
      for (size_t word = 0; word < union_.size(); ++word) {
        more += static_cast<size_t>(std::popcount(left_.Row(row)[word] & ~union_[word]));
      }
      const size_t in_vain = columns - (counts_[row] - more);
      const std::pair<size_t, size_t> cost = {Calls(columns + more) - calls,
                                              more * taste_.weight_of_more + in_vain};
      if (cost < least) {
        least = cost;
        nearest = row;
      }
    }
    return nearest;
  }

  /// Cut a rectangle from the group: the columns that most of its rows need; among equals those
  /// that fewest rows of all have, so that what stays is what others need too (or the reverse).
  Rectangle Take(const std::vector<size_t>& group) {
    struct Candidate {
      size_t not_needed, popularity, column;
      auto operator<=>(const Candidate&) const = default;
    };
    std::vector<Candidate> candidates;
    ForEachColumn(union_, [&](size_t column) {
      size_t not_needed = 0;
      for (const size_t row : group) not_needed += !left_.Has(row, column);
      const size_t rows = rows_of_column_[column];
      candidates.push_back(
          {not_needed, taste_.rare_columns_first ? rows : SIZE_MAX - rows, column});
    });
    std::sort(candidates.begin(), candidates.end());
    candidates.resize(std::min(candidates.size(), column_limit_));
    Rectangle rectangle;
    for (const Candidate& candidate : candidates) rectangle.columns.push_back(candidate.column);
    std::sort(rectangle.columns.begin(), rectangle.columns.end());
    for (const size_t row : group) {
      const size_t before = counts_[row];
      for (const size_t column : rectangle.columns) {
        counts_[row] -= left_.Has(row, column);
        left_.Clear(row, column);
      }
      if (counts_[row] == before) continue;
      rectangle.rows.push_back(row);
      longest_first_.erase({SIZE_MAX - before, row});
      if (counts_[row] > 0) longest_first_.emplace(SIZE_MAX - counts_[row], row);
    }
    std::sort(rectangle.rows.begin(), rectangle.rows.end());
    return rectangle;
  }

  CellMatrix left_;
  const Taste taste_;
  const size_t row_limit_, column_limit_;
  std::vector<size_t> counts_;  // cells left of each row
  std::vector<size_t> rows_of_column_;
  std::set<std::pair<size_t, size_t>> longest_first_;  // (SIZE_MAX - cells left, row)
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

std::vector<Rectangle> CoverCells(const CellMatrix& cells, size_t row_limit, size_t column_limit,
                                  size_t enough) {
  std::vector<Rectangle> best = Peeling(cells, row_limit, column_limit, kTastes[0]).Rectangles();
  if (best.size() <= enough) return best;
  for (const Taste& taste : std::span(kTastes).subspan(1)) {
    std::vector<Rectangle> other = Peeling(cells, row_limit, column_limit, taste).Rectangles();
    if (other.size() < best.size()) best = std::move(other);
    if (best.size() <= enough) return best;
  }
  std::vector<Rectangle> turned =
      Peeling(cells.Transposed(), column_limit, row_limit, kTastes[0]).Rectangles();
  if (best.size() <= turned.size()) return best;
  for (Rectangle& rectangle : turned) std::swap(rectangle.rows, rectangle.columns);
  return turned;
}

}  // namespace catchment::transforms
