#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "app/settings.h"
#include "base/result.h"

namespace catchment::app {

struct StacExportRequest {
  std::string from;   ///< a file (its name has `.parquet` or is there), a dataset or a pipeline
  std::string slot;   ///< of a dataset: only this slot's partition
  std::string where;  ///< SQL over the columns; empty: all rows
  bool with_added = false;
  bool collection = false;  ///< one ItemCollection; else NDJSON
  std::string output;       ///< empty: standard output
  std::stop_token stop;
};

/// Turn rows back into STAC items. Returns how many. kInvalid: the SQL, with its place. kNotFound:
/// no such file, dataset or table.
Result<int64_t> StacExport(const SettingsRequest& settings, const StacExportRequest& request);

}  // namespace catchment::app
