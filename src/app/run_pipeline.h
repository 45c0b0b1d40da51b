#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "app/settings.h"
#include "core/run.h"

namespace catchment::app {

/// `catchment run`.
struct RunRequest {
  std::string pipeline;  ///< name or path
  /// Null: not said; the parameter that is another name of it, else `due`.
  std::optional<std::string> slot;
  nlohmann::json parameters = nlohmann::json::object();  ///< by name or alias, texts or values
  std::string dataset;  ///< only this one of the `for_each` values'; empty: all
  core::Refresh refresh = core::Refresh::kUnset;
  bool late = false;
  bool allow_shrink = false;  ///< publish fewer rows than the slot had
  bool takeover = false;      ///< exports replace files of other datasets
  int workers = 0;            ///< 0: as many as the machine has cores, at least 2
};

/// How the caller watches and ends a run.
struct RunControl {
  std::function<void(const core::RunEvent&)> on_event;
  std::stop_token stop;
  std::function<int()> stop_signal;
};

/// Fill one slot of a pipeline (of each `for_each` value in turn). Errors of the request come as
/// Status before anything is asked of the world; what happens afterwards stands in the results, one
/// for each dataset.
Result<std::vector<core::RunResult>> RunPipeline(const Settings& settings,
                                                 const RunRequest& request,
                                                 const RunControl& control);

/// The exit code of several results: the most severe.
int ExitCodeOf(const std::vector<core::RunResult>& results);

/// A run as it would be started, without starting it: for `plan`, `export`, `replay`.
struct RunPlan {
  core::RunSpec spec;
  bool outside_window = false;
  bool open = false;  ///< a publish does not close the slot yet: it is collected again
};
/// The runs of one request, and where they read and write: roots hold no placeholders any more.
struct ResolvedRuns {
  Settings settings;
  std::vector<RunPlan> plans;
};
Result<ResolvedRuns> ResolveRuns(const Settings& settings, const RunRequest& request);

/// The placeholders of a run of which nothing is said but the pipeline: defaults and environment
/// variables, the first of the `for_each` values, no slot. kInvalid: a value that does not fit.
Result<core::PlaceholderValues> DefaultPlaceholders(const Settings& settings,
                                                    const core::Pipeline& pipeline);

/// A pipeline by name or path. kInvalid: every problem of the file, one a line.
Result<std::shared_ptr<const core::Pipeline>> LoadPipelineByName(const Settings& settings,
                                                                 const std::string& name_or_path);

}  // namespace catchment::app
