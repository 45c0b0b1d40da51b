#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "stac/conformance.h"
#include "stac/hilbert.h"
#include "stac/item_key.h"
#include "stac/leaf_storage_internal.h"

namespace catchment::stac {

using CheckJson = nlohmann::json;

/// Faults of one check; the first few are told.
class Faults {
 public:
  explicit Faults(std::string check) : check_(std::move(check)) {}
  template <typename... Args>
  void Add(fmt::format_string<Args...> text, Args&&... args) {
    if (count_++ < 3) {
      if (!first_.empty()) first_ += "; ";
      first_ += fmt::format(text, std::forward<Args>(args)...);
    }
  }
  bool any() const { return count_ > 0; }
  /// `counted` is told if there is no fault.
  Finding Done(std::string counted = {}) const {
    if (count_ == 0) return {.check = check_, .ok = true, .detail = std::move(counted)};
    std::string detail = first_;
    if (count_ > 3) detail += fmt::format("; and {} more", count_ - 3);
    return {.check = check_, .ok = false, .detail = std::move(detail)};
  }

 private:
  std::string check_;
  std::string first_;
  int64_t count_ = 0;
};

inline constexpr const char* kBoxSides[] = {"xmin", "ymin", "xmax", "ymax"};

/// A key of the footer; null if it is missing, discarded if it is no JSON.
CheckJson ParseKey(const ItemFileReader& reader, const char* key);

/// What is remembered of each row: 64 bytes and the id.
struct CheckedRow {
  double xmin = 0, ymin = 0, xmax = 0, ymax = 0;
  int64_t datetime = kNoDatetime;
  uint32_t place = kNowhere;
  bool has_box = false;
};

/// Look at the footer, without a row being read: keys, schema, encodings, what has statistics.
void CheckFooter(const ItemFileReader& reader, std::vector<Finding>& findings);

/// Statistics of a group that boxes and times are pruned by.
struct GroupRange {
  int64_t begin = 0, end = 0;  ///< rows
  std::optional<std::pair<double, double>> sides[4];
  std::optional<std::pair<int64_t, int64_t>> datetime;
};

/// Values of a page or a chunk in Parquet's plain encoding: least, greatest, and nulls.
struct Extremes {
  std::optional<std::string> min, max;
  int64_t nulls = 0;
};

/// Computes statistics anew and asks queries with and without them.
class StatisticsCheck {
 public:
  explicit StatisticsCheck(ItemFileReader& reader)
      : reader_(reader), leaves_(LeavesOf(reader.schema())) {}

  /// Compare what is stored of a row group, and of its pages, with all its rows.
  void Compare(int group, const arrow::RecordBatch& rows);
  Finding Compared() const;
  /// Ask boxes and time ranges over the groups that statistics leave, and over all `rows`.
  Finding Pruning(const std::vector<CheckedRow>& rows, const ConformanceOptions& options) const;

 private:
  void CompareOne(const std::string& where, ColumnKind kind, const Extremes& computed,
                  const std::optional<std::string>& min, const std::optional<std::string>& max,
                  int64_t nulls);

  ItemFileReader& reader_;
  const std::vector<ItemLeaf> leaves_;
  std::vector<GroupRange> ranges_;
  int64_t rows_ = 0;
  int64_t compared_ = 0;
  Faults faults_{"statistics: every minimum, maximum and null count computed anew"};
};

}  // namespace catchment::stac
