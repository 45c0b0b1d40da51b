#pragma once

#include <string>
#include <vector>

#include "app/run_pipeline.h"

namespace catchment::app {

/// `catchment retry`: which slots are run again.
struct RetryRequest {
  std::string pipeline;
  std::string slot;  ///< empty: all that failed, were held back, deferred, or published with gaps
  size_t limit = 100;
  bool late = false;
  bool dry_run = false;
};

struct RetryAnswer {
  /// Chosen, oldest first; with the dataset in front where it is not the pipeline's name.
  std::vector<std::string> slots;
  std::vector<core::RunResult> results;  ///< empty with dry_run
};

/// Run again the slots of a pipeline whose newest run did not end well, of the dataset where it did
/// not, with that run's parameters. A slot published with gaps becomes a revision.
Result<RetryAnswer> Retry(const Settings& settings, const RetryRequest& request,
                          const RunControl& control);

}  // namespace catchment::app
