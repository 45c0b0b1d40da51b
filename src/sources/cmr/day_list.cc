#include "sources/cmr/day_list.h"

#include <arrow/api.h>

#include <algorithm>
#include <array>

#include "columnar/arrow_status.h"
#include "sources/cmr/columns_internal.h"

namespace catchment::sources::cmr {
namespace {

constexpr std::array<std::string_view, 5> kStateNames = {"settled", "young", "hits_mismatch",
                                                         "failed", "not_due"};

arrow::Result<std::shared_ptr<arrow::Table>> BuildDays(const std::vector<DayRow>& rows) {
  ARROW_ASSIGN_OR_RAISE(auto builder,
                        arrow::RecordBatchBuilder::Make(DaysSchema(), arrow::default_memory_pool(),
                                                        static_cast<int64_t>(rows.size())));
  const auto count = [&](int column, const std::optional<int64_t>& value) {
    auto* numbers = builder->GetFieldAs<arrow::Int64Builder>(column);
    return value ? numbers->Append(*value) : numbers->AppendNull();
  };
  for (const DayRow& row : rows) {
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::Date32Builder>(0)->Append(
        static_cast<int32_t>(row.day.time_since_epoch().count())));
    ARROW_RETURN_NOT_OK(count(1, row.hits));
    ARROW_RETURN_NOT_OK(count(2, row.touching));
    ARROW_RETURN_NOT_OK(count(3, row.links));
    auto* asked = builder->GetFieldAs<arrow::TimestampBuilder>(4);
    ARROW_RETURN_NOT_OK(row.asked_at ? asked->Append(row.asked_at->time_since_epoch().count())
                                     : asked->AppendNull());
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::Int32Builder>(5)->Append(row.tries));
    ARROW_RETURN_NOT_OK(
        builder->GetFieldAs<arrow::StringBuilder>(6)->Append(DayStateName(row.state)));
    auto* error = builder->GetFieldAs<arrow::StringBuilder>(7);
    ARROW_RETURN_NOT_OK(row.error.empty() ? error->AppendNull() : error->Append(row.error));
  }
  ARROW_ASSIGN_OR_RAISE(auto batch, builder->Flush());
  return arrow::Table::FromRecordBatches({batch});
}

arrow::Result<std::shared_ptr<arrow::Table>> BuildGranules(const std::vector<Granule>& rows) {
  ARROW_ASSIGN_OR_RAISE(
      auto builder, arrow::RecordBatchBuilder::Make(GranulesSchema(), arrow::default_memory_pool(),
                                                    static_cast<int64_t>(rows.size())));
  for (const Granule& row : rows) {
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::StringBuilder>(0)->Append(row.id));
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::StringBuilder>(1)->Append(row.concept_id));
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::Date32Builder>(2)->Append(
        static_cast<int32_t>(row.day.time_since_epoch().count())));
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::TimestampBuilder>(3)->Append(
        row.time_start.time_since_epoch().count()));
    auto* end = builder->GetFieldAs<arrow::TimestampBuilder>(4);
    ARROW_RETURN_NOT_OK(row.time_end ? end->Append(row.time_end->time_since_epoch().count())
                                     : end->AppendNull());
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::TimestampBuilder>(5)->Append(
        row.updated.time_since_epoch().count()));
    auto* href = builder->GetFieldAs<arrow::StringBuilder>(6);
    auto* source = builder->GetFieldAs<arrow::StringBuilder>(7);
    if (row.href.empty()) {
      ARROW_RETURN_NOT_OK(href->AppendNull());
      ARROW_RETURN_NOT_OK(source->AppendNull());
    } else {
      ARROW_RETURN_NOT_OK(href->Append(row.href));
      ARROW_RETURN_NOT_OK(source->Append(row.listed ? "listed" : "derived"));
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto batch, builder->Flush());
  return arrow::Table::FromRecordBatches({batch});
}

}  // namespace

std::string_view DayStateName(DayState state) { return kStateNames[static_cast<size_t>(state)]; }

std::optional<DayState> DayStateOf(std::string_view name) {
  for (size_t state = 0; state < kStateNames.size(); ++state) {
    if (kStateNames[state] == name) return static_cast<DayState>(state);
  }
  return std::nullopt;
}

DayGranules GranulesOfDay(std::vector<CmrEntry> entries, Day day, ItemScheme scheme) {
  DayGranules made;
  for (CmrEntry& entry : entries) {
    if (std::chrono::floor<std::chrono::days>(entry.time_start) != day) {
      ++made.neighbours;
      continue;
    }
    Granule granule;
    granule.id = entry.title.empty() ? entry.concept_id : std::move(entry.title);
    granule.concept_id = std::move(entry.concept_id);
    granule.day = day;
    granule.time_start = entry.time_start;
    granule.time_end = entry.time_end;
    granule.updated = entry.updated;
    granule.href = std::move(scheme == ItemScheme::kS3 ? entry.s3_link : entry.https_link);
    granule.listed = !granule.href.empty();
    std::string derived = DerivedItemLink(granule.id, scheme);
    if (granule.listed) {
      made.moved_links += static_cast<int64_t>(granule.href != derived);
    } else {
      granule.href = std::move(derived);
      ++(granule.href.empty() ? made.without_link : made.derived_links);
    }
    made.granules.push_back(std::move(granule));
  }
  std::sort(made.granules.begin(), made.granules.end(), [](const Granule& a, const Granule& b) {
    if (a.id != b.id) return a.id < b.id;
    if (a.updated != b.updated) return a.updated > b.updated;
    return a.concept_id < b.concept_id;
  });
  const auto twice = std::unique(made.granules.begin(), made.granules.end(),
                                 [](const Granule& a, const Granule& b) { return a.id == b.id; });
  made.same_title = made.granules.end() - twice;
  made.granules.erase(twice, made.granules.end());
  return made;
}

bool IsSettled(Day day, Time asked_at, std::chrono::milliseconds settle) {
  return asked_at >= Time(day + std::chrono::days(1)) + settle;
}

std::shared_ptr<arrow::Schema> DaysSchema() {
  return arrow::schema(
      {arrow::field("day", arrow::date32(), false), arrow::field("hits", arrow::int64()),
       arrow::field("touching", arrow::int64()), arrow::field("links", arrow::int64()),
       arrow::field("asked_at", UtcTime()), arrow::field("tries", arrow::int32(), false),
       arrow::field("state", arrow::utf8(), false), arrow::field("error", arrow::utf8())});
}

Result<columnar::Table> MakeDaysTable(const std::vector<DayRow>& rows) {
  ASSIGN_ARROW_OR_RETURN(auto table, BuildDays(rows), "days");
  return columnar::Table::FromArrow(std::move(table));
}

Result<std::map<Day, DayRow>> ReadDaysTable(const columnar::Table& table) {
  std::map<Day, DayRow> rows;
  ASSIGN_OR_RETURN(const auto reader, table.Read());
  while (true) {
    ASSIGN_OR_RETURN(const auto batch, reader->Next());
    if (batch == nullptr) return rows;
    const Columns columns(*batch);
    ASSIGN_OR_RETURN(const auto* day, columns.Get<arrow::Date32Array>("day"));
    ASSIGN_OR_RETURN(const auto* hits, columns.Get<arrow::Int64Array>("hits"));
    ASSIGN_OR_RETURN(const auto* touching, columns.Get<arrow::Int64Array>("touching"));
    ASSIGN_OR_RETURN(const auto* links, columns.Get<arrow::Int64Array>("links"));
    ASSIGN_OR_RETURN(const auto* asked, columns.Get<arrow::TimestampArray>("asked_at"));
    ASSIGN_OR_RETURN(const auto* tries, columns.Get<arrow::Int32Array>("tries"));
    ASSIGN_OR_RETURN(const auto* state, columns.Get<arrow::StringArray>("state"));
    ASSIGN_OR_RETURN(const auto* error, columns.Get<arrow::StringArray>("error"));
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      if (day->IsNull(i)) continue;
      DayRow row;
      row.day = Day(std::chrono::days(day->Value(i)));
      row.hits = OptionalOf(*hits, i);
      row.touching = OptionalOf(*touching, i);
      row.links = OptionalOf(*links, i);
      if (!asked->IsNull(i)) row.asked_at = Time(std::chrono::microseconds(asked->Value(i)));
      row.tries = tries->IsNull(i) ? 0 : tries->Value(i);
      const std::optional<DayState> known = DayStateOf(state->GetView(i));
      if (!known) return Invalid("days: '{}' is no state of a day", state->GetView(i));
      row.state = *known;
      row.error = error->IsNull(i) ? "" : error->GetString(i);
      rows[row.day] = std::move(row);
    }
  }
}

std::shared_ptr<arrow::Schema> GranulesSchema() {
  return arrow::schema(
      {arrow::field("id", arrow::utf8(), false), arrow::field("concept_id", arrow::utf8(), false),
       arrow::field("day", arrow::date32(), false), arrow::field("time_start", UtcTime(), false),
       arrow::field("time_end", UtcTime()), arrow::field("updated", UtcTime(), false),
       arrow::field("href", arrow::utf8()), arrow::field("href_source", arrow::utf8())});
}

Result<std::shared_ptr<arrow::Table>> MakeGranules(const std::vector<Granule>& rows) {
  ASSIGN_ARROW_OR_RETURN(auto table, BuildGranules(rows), "granules");
  return table;
}

Result<std::vector<Granule>> GranulesOf(const arrow::RecordBatch& batch) {
  const Columns columns(batch);
  ASSIGN_OR_RETURN(const auto* id, columns.Get<arrow::StringArray>("id"));
  ASSIGN_OR_RETURN(const auto* concept_id, columns.Get<arrow::StringArray>("concept_id"));
  ASSIGN_OR_RETURN(const auto* day, columns.Get<arrow::Date32Array>("day"));
  ASSIGN_OR_RETURN(const auto* start, columns.Get<arrow::TimestampArray>("time_start"));
  ASSIGN_OR_RETURN(const auto* end, columns.Get<arrow::TimestampArray>("time_end"));
  ASSIGN_OR_RETURN(const auto* updated, columns.Get<arrow::TimestampArray>("updated"));
  ASSIGN_OR_RETURN(const auto* href, columns.Get<arrow::StringArray>("href"));
  ASSIGN_OR_RETURN(const auto* source, columns.Get<arrow::StringArray>("href_source"));
  std::vector<Granule> granules(static_cast<size_t>(batch.num_rows()));
  for (int64_t i = 0; i < batch.num_rows(); ++i) {
    Granule& granule = granules[static_cast<size_t>(i)];
    granule.id = id->GetString(i);
    granule.concept_id = concept_id->GetString(i);
    granule.day = Day(std::chrono::days(day->Value(i)));
    granule.time_start = Time(std::chrono::microseconds(start->Value(i)));
    if (!end->IsNull(i)) granule.time_end = Time(std::chrono::microseconds(end->Value(i)));
    granule.updated = Time(std::chrono::microseconds(updated->Value(i)));
    granule.href = href->IsNull(i) ? "" : href->GetString(i);
    granule.listed = !source->IsNull(i) && source->GetView(i) == "listed";
  }
  return granules;
}

Status ReadGranules(const columnar::Table& table,
                    const std::function<Status(Granule granule)>& visit) {
  ASSIGN_OR_RETURN(const auto reader, table.Read());
  while (true) {
    ASSIGN_OR_RETURN(const auto batch, reader->Next());
    if (batch == nullptr) return {};
    ASSIGN_OR_RETURN(std::vector<Granule> granules, GranulesOf(*batch));
    for (Granule& granule : granules) {
      RETURN_IF_ERROR(visit(std::move(granule)));
    }
  }
}

}  // namespace catchment::sources::cmr
