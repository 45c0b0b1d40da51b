#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "app/settings.h"
#include "base/result.h"

namespace catchment::app {

struct PipelineSummary {
  std::string file;
  size_t tasks = 0;
};

/// Check everything about a pipeline that can be checked without running it: its file, its SQL (one
/// SELECT each, no volatile function, tables that the task needs or the head has), its parameters,
/// paths and programs, and what its tables' columns tell (bind_tasks.h). kInvalid: one problem a
/// line, with file, line and column.
Result<PipelineSummary> ValidatePipeline(const Settings& settings, const std::string& name_or_path);

/// The JSON Schema of `pipeline` files, `config` (catchment.yaml) or `world` files. kInvalid:
/// another kind.
Result<nlohmann::json> SchemaOf(const std::string& kind);

}  // namespace catchment::app
