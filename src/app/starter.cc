#include "app/starter.h"

#include <array>
#include <string_view>

#include "base/file.h"

namespace catchment::app {
namespace {

struct StarterFile {
  std::string_view path;
  std::string_view text;
};

constexpr std::array<StarterFile, 4> kFiles = {{
    {"catchment.yaml",
     R"(# Where this project reads and writes. `catchment schema config` prints the JSON Schema.
environments:
  local: {lake: ./lake, exports: {default: ./exports}}
)"},
    {"pipelines/rivers/pipeline.yaml",
     R"(# `catchment schema pipeline` prints the JSON Schema of this file.
pipeline: rivers
description: Water levels of three gauges, every six hours
schedule: {cron: "0 */6 * * *", timezone: UTC, start: 2026-03-01, missed: last, overlap: skip}
timeout: 2m
tasks:
  gauges:  {source: file, with: {path: "data/levels.csv", format: csv,
            columns: {gauge: text, river: text, measured_at: ts, level_cm: float64}}}
  levels:  {sql: levels.sql, needs: [gauges]}
  changes: {transform: diff, needs: [levels], with: {key: [gauge], compare: [level_cm, flood], keep: [river]}}
contract:
  levels:
    key: [gauge]
    rows: {min: 1, drop_at_most: 50%}
    columns:
      level_cm: {not_null: true, range: [0, 2000]}
publish:
  levels:   {mode: replace}
  changes:  {mode: append, partition: [date]}
  coverage: {from: run.coverage, mode: append, partition: [date]}
exports:
  - {table: levels, as: json, path: "latest/levels.json"}
  - {table: levels, as: csv.gz, path: "raw/{slot:%Y/%m/%d/%H-%M-%S}.csv.gz"}
)"},
    {"pipelines/rivers/levels.sql",
     R"(-- One row a gauge; a level of five metres is a flood.
SELECT gauge, river, measured_at, level_cm, level_cm >= 500 AS flood
FROM gauges
)"},
    {"data/levels.csv",
     R"(gauge,river,measured_at,level_cm
konstanz,Rhein,2026-03-01T06:00:00Z,312
koeln,Rhein,2026-03-01T06:00:00Z,371.5
passau,Donau,2026-03-01T06:00:00Z,498
)"},
}};

}  // namespace

Result<std::vector<std::string>> WriteStarterProject(const std::filesystem::path& folder) {
  for (const StarterFile& file : kFiles) {
    std::error_code error;
    if (std::filesystem::exists(folder / file.path, error)) {
      return Invalid("{} is there already; choose another folder", (folder / file.path).string());
    }
  }
  std::vector<std::string> made;
  for (const StarterFile& file : kFiles) {
    RETURN_IF_ERROR(CreateFileExclusively(folder / file.path, file.text));
    made.emplace_back(file.path);
  }
  return made;
}

}  // namespace catchment::app
