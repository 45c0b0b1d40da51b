#pragma once

#include <vector>

#include "cli/verb.h"
#include "core/run.h"

namespace catchment::cli {

/// Print how runs ended: a line each on standard output, gaps and failures on standard error; or
/// one JSON document.
void ReportRuns(const std::vector<core::RunResult>& results, const Session& session);

}  // namespace catchment::cli
