#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace catchment {

/// How much of the world a source got hold of in one run.
enum class SourceState { kLive, kCached, kPartial, kUnavailable };
std::string_view SourceStateName(SourceState state);

/// Units expected and observed in one part of a source. expected = answered + left_out + Σ missing.
struct CoverageRow {
  std::string source;                 ///< the task's name
  std::optional<std::string> region;  ///< null for a source without regions
  std::optional<int> desired_count;   ///< of placement calls
  std::string unit;                   ///< `page`, `row`, `pair`, `file`, `item`
  int64_t expected = 0;
  int64_t asked = 0;
  int64_t answered = 0;
  int64_t scored = 0;
  int64_t excluded_invalid = 0;
  int64_t left_out = 0;
  std::map<std::string, int64_t> missing;  ///< reason (`failed`, `budget`, `deadline`, …) → units
};

/// An expected unit that was not obtained, or an old copy used because the request failed.
struct Gap {
  std::string source;
  std::string reason;  ///< `failed`, `budget`, `deadline`, `rejected`, `credentials`, `no_answer`,
                       ///< `stale`, `late`
  int64_t units = 0;
  std::string detail;  ///< one line for people
};

/// What a collect task says of itself. Written to run records and manifests; the run's exit code
/// follows from it.
struct SourceReport {
  std::string source;  ///< the task's name
  SourceState state = SourceState::kLive;
  std::string reason;      ///< empty if live; else why not, one line
  std::string error_code;  ///< CodeName of the failure that made it unavailable, else empty
  std::vector<CoverageRow> coverage;
  std::vector<Gap> gaps;
  std::vector<std::string> notes;         ///< no gaps: rejected rows, learned exclusions, repeats
  std::map<std::string, int64_t> counts;  ///< e.g. `dropped.low_priority`, `repeats`, `pages`
  int64_t calls = 0;
  int64_t bytes = 0;
  std::optional<Time> oldest_fact, newest_fact;  ///< when the facts in the tables were received
  /// RFC 7396 merge patch on the dataset's state; applied at publish, in order of the tasks' names.
  nlohmann::json state_patch = nlohmann::json::object();
};

nlohmann::json ToJson(const SourceReport& report);
nlohmann::json ToJson(const CoverageRow& row);
nlohmann::json ToJson(const Gap& gap);
/// The inverse of ToJson; missing members take their defaults.
SourceReport SourceReportFromJson(const nlohmann::json& in);
CoverageRow CoverageRowFromJson(const nlohmann::json& in);
Gap GapFromJson(const nlohmann::json& in);

}  // namespace catchment
