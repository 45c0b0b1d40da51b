#pragma once

#include <vector>

#include "app/maintenance.h"
#include "cli/verb.h"

namespace catchment::cli {

/// Print what was done to each dataset; problems go to standard error too, and make the exit code
/// `exit_with_problems`.
void ReportMaintenance(const std::vector<app::MaintenanceAnswer>& answers, int exit_with_problems,
                       Session& session);

}  // namespace catchment::cli
