#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "app/answers.h"
#include "app/settings.h"
#include "base/result.h"

namespace catchment::app {

/// Which publish of a dataset is meant; at most one is set, none means the newest.
struct PublishChoice {
  std::optional<int64_t> number;
  std::string as_of_slot;       ///< a time: as it was when the slot of that time was the newest
  std::string as_of_published;  ///< a time: the newest published until then
};

struct QueryRequest {
  std::string dataset;  ///< a dataset's or pipeline's name
  std::string sql;      ///< one SELECT over the published tables
  PublishChoice publish;
  int64_t limit = 1000;  ///< rows shown
  std::string output;  ///< write all rows to this file instead: .csv[.gz], .json, .ndjson, .parquet
};

/// Ask published tables. Those that are partitioned by `year` are read where they lie
/// (docs/adr/0157).
///
/// Of a pipeline with several datasets: each one's table `items` under its own name
/// (`"HLSL30_2.0"`), all of its tables with that name before them (`"HLSL30_2.0".days`), and under
/// each table's name the rows of all datasets but those of a region (`.box-…`), `items` without
/// `assets`; all with the slot's `year` and `month`. kInvalid: names line and column of the SQL.
/// kNotFound: no such dataset or publish.
Result<RowsAnswer> Query(const Settings& settings, const QueryRequest& request,
                         std::stop_token stop);

/// Which publish was in force, with what its manifest says.
struct PublishAnswer {
  int64_t number = 0;
  std::string slot, kind, run, published;
  std::vector<std::vector<std::string>> tables;  ///< name, mode, rows, files
  nlohmann::json json;
};
Result<PublishAnswer> DescribePublish(const Settings& settings, const std::string& dataset,
                                      const PublishChoice& choice);

/// Rows of one table of a publish; `columns` empty: all.
Result<RowsAnswer> ReadPublished(const Settings& settings, const std::string& dataset,
                                 const PublishChoice& choice, const std::string& table,
                                 const std::vector<std::string>& columns, int64_t limit);

/// How a table differs between two publishes: kind, key columns, and one column `change` that lists
/// the differences. `key` empty: that of the published table.
Result<RowsAnswer> DiffPublishes(const Settings& settings, const std::string& dataset,
                                 int64_t before, int64_t after, const std::string& table,
                                 std::vector<std::string> key, int64_t limit);

}  // namespace catchment::app
