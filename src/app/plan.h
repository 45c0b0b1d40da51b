#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/run_pipeline.h"

namespace catchment::app {

struct PlannedTask {
  std::string name, kind, needs;
  std::string
      what;  ///< one line: asks the world, or uses which stored answer; which file or transform
  /// Of a source within budgets: count, pairs, calls, bound, gap_percent, allowance, left_out. Else
  /// null.
  nlohmann::json figures = nlohmann::json();
};

/// What a run would do.
struct PlanAnswer {
  std::string dataset, slot, environment;
  std::string standing;  ///< new, late, revision, published already, outside its window
  std::vector<PlannedTask> tasks;
  std::vector<std::string> writes;  ///< tables, exports, sinks
  std::vector<std::string> notes;   ///< what to know before running it
};

/// What `catchment run` with the same request would ask, read and write, with calls and budgets.
/// Asks no source and writes nothing. kInvalid: what BindTasks finds (bind_tasks.h).
Result<std::vector<PlanAnswer>> PlanRuns(const Settings& unresolved, const RunRequest& request);

}  // namespace catchment::app
