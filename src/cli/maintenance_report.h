#pragma once

#include <vector>

#include "app/maintenance.h"
#include "cli/verb.h"

namespace catchment::cli {

/// Print what was done to each dataset; problems go to standard error too. With `problems_fail`
/// they make exit code 1.
void ReportMaintenance(const std::vector<app::MaintenanceAnswer>& answers, bool problems_fail,
                       Session& session);

}  // namespace catchment::cli
