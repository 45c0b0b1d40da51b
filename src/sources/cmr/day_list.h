#pragma once

#include <arrow/type_fwd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "columnar/table.h"
#include "sources/cmr/cmr_parse.h"

namespace catchment::sources::cmr {

using Day = std::chrono::sys_days;

/// `settled`: its counts agreed and it was asked long enough after its end. `young`: asked too soon
/// for that. `hits_mismatch`: entries and `CMR-Hits` differed each time. `failed`: no list could be
/// had in this run. `not_due`: the day is not over.
enum class DayState { kSettled, kYoung, kHitsMismatch, kFailed, kNotDue };
std::string_view DayStateName(DayState state);
std::optional<DayState> DayStateOf(std::string_view name);

/// One row of the table `days`.
struct DayRow {
  Day day{};
  DayState state = DayState::kNotDue;
  /// Null while there is no list of the day.
  std::optional<int64_t> hits, touching, links;
  std::optional<Time> asked_at;
  int32_t tries = 0;  ///< listings made by the run that made this row
  std::string error;
};

/// One granule of a day: a row of the table `granules`.
struct Granule {
  std::string id;  ///< of its item: the title
  std::string concept_id;
  Day day{};
  Time time_start{};
  std::optional<Time> time_end;
  Time updated{};
  std::string href;     ///< empty: no link, and no title to derive one from
  bool listed = false;  ///< whether `href` was listed, else derived
};

/// The granules that belong to `day`, whose `time_start` lies in [day, day + 1), of the entries
/// that touch it: distinct by id (the later `updated` stays), sorted by id. Counts links that are
/// not where the archive's rule says.
struct DayGranules {
  std::vector<Granule> granules;
  int64_t neighbours = 0;   ///< entries of another day
  int64_t same_title = 0;   ///< entries whose title another one has
  int64_t moved_links = 0;  ///< listed links that differ from the derived one
  int64_t derived_links = 0;
  int64_t without_link = 0;
};
DayGranules GranulesOfDay(std::vector<CmrEntry> entries, Day day, ItemScheme scheme);

/// Whether a day asked at `asked_at` may be trusted from then on.
bool IsSettled(Day day, Time asked_at, std::chrono::milliseconds settle);

/// Tables, and back. Times are timestamp[us, UTC], days date32.
std::shared_ptr<arrow::Schema> DaysSchema();
Result<columnar::Table> MakeDaysTable(const std::vector<DayRow>& rows);
/// kInvalid: a column is missing or of another type; names it.
Result<std::map<Day, DayRow>> ReadDaysTable(const columnar::Table& table);

std::shared_ptr<arrow::Schema> GranulesSchema();
Result<std::shared_ptr<arrow::Table>> MakeGranules(const std::vector<Granule>& rows);
/// Rows with the columns of GranulesSchema, of a table that may have more. kInvalid: a column is
/// missing or of another type; names it.
Result<std::vector<Granule>> GranulesOf(const arrow::RecordBatch& batch);
/// The same of a whole table, one after another, in its order.
Status ReadGranules(const columnar::Table& table,
                    const std::function<Status(Granule granule)>& visit);

}  // namespace catchment::sources::cmr
