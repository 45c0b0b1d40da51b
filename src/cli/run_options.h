#pragma once

#include <string>
#include <vector>

#include "app/run_pipeline.h"
#include "cli/verb.h"

namespace catchment::cli {

/// What says which runs are meant: of `run` and `plan`.
struct RunOptions {
  app::RunRequest request;
  std::vector<std::string> parameters;  ///< NAME=VALUE
  std::vector<std::string> pairs;       ///< NAME, VALUE, NAME, VALUE, …
  std::string slot, refresh;
  bool revalidate = false;  ///< sets the parameter of this name; refresh auto unless said otherwise
  CLI::Option* slot_option = nullptr;
  CLI::Option* refresh_option = nullptr;

  /// The request with all that was said. kInvalid: a parameter without a value, a name given twice.
  Result<app::RunRequest> Request() const;
};

/// Declare pipeline, --slot, --param, --pairs, --refresh and --revalidate. `options` outlives
/// `app`.
void AddRunOptions(CLI::App& app, RunOptions& options);

}  // namespace catchment::cli
