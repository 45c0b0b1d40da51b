#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/page_index.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>

#include "stac/conformance_internal.h"

namespace catchment::stac {
namespace {

template <typename Value>
std::string PlainBytes(const Value& value) {
  if constexpr (std::is_same_v<Value, std::string_view>) {
    return std::string(value);
  } else {
    return {reinterpret_cast<const char*>(&value), sizeof value};
  }
}

template <typename Value, typename Get>
Extremes ExtremesOf(int64_t begin, int64_t end, const std::function<bool(int64_t)>& is_null,
                    const Get& get) {
  Extremes found;
  std::optional<Value> least, greatest;
  for (int64_t row = begin; row < end; ++row) {
    if (is_null(row)) {
      ++found.nulls;
      continue;
    }
    const Value value = get(row);
    if constexpr (std::is_same_v<Value, double>) {
      if (value != value) continue;
    }
    if (!least || value < *least) least = value;
    if (!greatest || *greatest < value) greatest = value;
  }
  if (least) found.min = PlainBytes(*least);
  if (greatest) found.max = PlainBytes(*greatest);
  return found;
}

bool SameValue(const std::string& stored, const std::string& computed, ColumnKind kind) {
  if (kind != ColumnKind::kDouble) return stored == computed;
  if (stored.size() != sizeof(double) || computed.size() != sizeof(double)) return false;
  double a = 0;
  double b = 0;
  std::memcpy(&a, stored.data(), sizeof a);
  std::memcpy(&b, computed.data(), sizeof b);
  return a == b;  // zero has two forms
}

std::optional<Extremes> ExtremesOfLeaf(const ItemLeaf& leaf, std::shared_ptr<arrow::Array> array,
                                       int64_t begin, int64_t end) {
  std::vector<std::shared_ptr<arrow::Array>> way = {array};
  for (const int member : leaf.path) {
    if (array->type_id() != arrow::Type::STRUCT) return std::nullopt;
    array = static_cast<const arrow::StructArray&>(*array).field(member);
    way.push_back(array);
  }
  const std::function<bool(int64_t)> is_null = [&way](int64_t row) {
    return std::ranges::any_of(way, [&](const auto& one) { return one->IsNull(row); });
  };
  switch (array->type_id()) {
    case arrow::Type::DOUBLE:
      return ExtremesOf<double>(begin, end, is_null, [&](int64_t row) {
        return static_cast<const arrow::DoubleArray&>(*array).Value(row);
      });
    case arrow::Type::INT64:
      return ExtremesOf<int64_t>(begin, end, is_null, [&](int64_t row) {
        return static_cast<const arrow::Int64Array&>(*array).Value(row);
      });
    case arrow::Type::TIMESTAMP:
      return ExtremesOf<int64_t>(begin, end, is_null, [&](int64_t row) {
        return static_cast<const arrow::TimestampArray&>(*array).Value(row);
      });
    case arrow::Type::STRING:
      return ExtremesOf<std::string_view>(begin, end, is_null, [&](int64_t row) {
        return static_cast<const arrow::StringArray&>(*array).GetView(row);
      });
    default:
      return std::nullopt;
  }
}

void KeepRange(const std::string& path, const parquet::Statistics& statistics, GroupRange& range) {
  if (!statistics.HasMinMax()) return;
  for (size_t i = 0; i < 4; ++i) {
    if (path != std::string("bbox.") + kBoxSides[i]) continue;
    const auto& sides = static_cast<const parquet::DoubleStatistics&>(statistics);
    range.sides[i] = {sides.min(), sides.max()};
  }
  if (path == "datetime") {
    const auto& times = static_cast<const parquet::Int64Statistics&>(statistics);
    range.datetime = {times.min(), times.max()};
  }
}

bool Keeps(const GroupRange& group, double west, double south, double east, double north,
           bool timed, int64_t from, int64_t to) {
  const auto& sides = group.sides;
  if (!sides[0] || !sides[1] || !sides[2] || !sides[3]) return false;  // no row has a box
  const bool in_box = sides[0]->first <= east && sides[2]->second >= west &&
                      sides[1]->first <= north && sides[3]->second >= south;
  const bool in_time =
      !timed || (group.datetime && group.datetime->first <= to && group.datetime->second >= from);
  return in_box && in_time;
}

}  // namespace

void StatisticsCheck::Compare(int group, const arrow::RecordBatch& rows) {
  GroupRange range{.begin = rows_, .end = rows_ + rows.num_rows()};
  rows_ = range.end;
  const auto metadata = reader_.parquet().metadata()->RowGroup(group);
  const auto index = reader_.parquet().GetPageIndexReader();
  const auto group_index = index == nullptr ? nullptr : index->RowGroup(group);
  for (size_t leaf = 0; leaf < leaves_.size(); ++leaf) {
    const auto chunk = metadata->ColumnChunk(static_cast<int>(leaf));
    if (!chunk->is_stats_set()) continue;
    const auto statistics = chunk->statistics();
    const ItemLeaf& checked = leaves_[leaf];
    const auto column = rows.GetColumnByName(checked.root->name);
    const auto computed = ExtremesOfLeaf(checked, column, 0, rows.num_rows());
    if (!computed) continue;
    const std::string path = chunk->path_in_schema()->ToDotString();
    const std::string where = fmt::format("{} in group {}", path, group);
    CompareOne(where, checked.node->kind, *computed,
               statistics->HasMinMax() ? std::optional(statistics->EncodeMin()) : std::nullopt,
               statistics->HasMinMax() ? std::optional(statistics->EncodeMax()) : std::nullopt,
               statistics->null_count());
    KeepRange(path, *statistics, range);
    if (group_index == nullptr) continue;
    const auto column_index = group_index->GetColumnIndex(static_cast<int>(leaf));
    const auto offset_index = group_index->GetOffsetIndex(static_cast<int>(leaf));
    if (column_index == nullptr || offset_index == nullptr) continue;
    const auto& pages = offset_index->page_locations();
    for (size_t page = 0; page < pages.size(); ++page) {
      const int64_t end =
          page + 1 < pages.size() ? pages[page + 1].first_row_index : rows.num_rows();
      const auto of_page = ExtremesOfLeaf(checked, column, pages[page].first_row_index, end);
      const bool null_page = column_index->null_pages()[page];
      CompareOne(
          fmt::format("{} page {}", where, page), checked.node->kind, *of_page,
          null_page ? std::nullopt : std::optional(column_index->encoded_min_values()[page]),
          null_page ? std::nullopt : std::optional(column_index->encoded_max_values()[page]),
          column_index->has_null_counts() ? column_index->null_counts()[page] : of_page->nulls);
    }
  }
  ranges_.push_back(range);
}

void StatisticsCheck::CompareOne(const std::string& where, ColumnKind kind,
                                 const Extremes& computed, const std::optional<std::string>& min,
                                 const std::optional<std::string>& max, int64_t nulls) {
  ++compared_;
  if (min.has_value() != computed.min.has_value()) {
    return faults_.Add("{}: {}", where,
                       min.has_value() ? "a minimum of nulls alone" : "no minimum is stored");
  }
  if (min && !SameValue(*min, *computed.min, kind))
    faults_.Add("{}: another minimum is stored", where);
  if (max && computed.max && !SameValue(*max, *computed.max, kind))
    faults_.Add("{}: another maximum is stored", where);
  if (nulls != computed.nulls)
    faults_.Add("{}: {} nulls are stored, there are {}", where, nulls, computed.nulls);
}

Finding StatisticsCheck::Compared() const {
  return faults_.Done(fmt::format("{} compared", compared_));
}

Finding StatisticsCheck::Pruning(const std::vector<CheckedRow>& rows,
                                 const ConformanceOptions& options) const {
  Faults faults("queries: with statistics as without");
  std::mt19937_64 random(options.seed);
  std::uniform_real_distribution<double> unit(0, 1);
  int64_t read = 0;
  int64_t all = 0;
  for (int i = 0; i < options.queries && !rows.empty(); ++i) {
    // Around a row, so that most queries find something.
    const CheckedRow& near = rows[random() % rows.size()];
    const double size = i % 2 == 0 ? 1 : 5;
    const double west = near.xmin - size * unit(random);
    const double south = near.ymin - size * unit(random);
    const bool timed = i % 3 == 0 && near.datetime != kNoDatetime;
    const int64_t from = timed ? near.datetime - int64_t{43'200'000'000} : INT64_MIN;
    const int64_t to = timed ? near.datetime + int64_t{43'200'000'000} : INT64_MAX;
    int64_t pruned = 0;
    int64_t unpruned = 0;
    for (const GroupRange& group : ranges_) {
      const bool kept = Keeps(group, west, south, west + size, south + size, timed, from, to);
      int64_t found = 0;
      for (int64_t row = group.begin; row < group.end; ++row) {
        const CheckedRow& r = rows[static_cast<size_t>(row)];
        if (r.has_box && r.xmin <= west + size && r.xmax >= west && r.ymin <= south + size &&
            r.ymax >= south && (!timed || (r.datetime >= from && r.datetime <= to)))
          ++found;
      }
      unpruned += found;
      pruned += kept ? found : 0;
      read += kept ? group.end - group.begin : 0;
      all += group.end - group.begin;
    }
    if (pruned != unpruned)
      faults.Add("a box at {},{} finds {} rows, of {}", west, south, pruned, unpruned);
  }
  return faults.Done(
      all == 0 ? std::string("no rows")
               : fmt::format("{} queries read {:.1f} % of the rows", options.queries,
                             100.0 * static_cast<double>(read) / static_cast<double>(all)));
}

}  // namespace catchment::stac
