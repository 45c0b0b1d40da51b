#pragma once

#include <memory>
#include <string>

#include "app/settings.h"
#include "lake/exports.h"

namespace catchment::app {

/// The environment's export root of that name. kInvalid: it has none.
Result<std::unique_ptr<lake::ExportRoot>> OpenExportRoot(const Settings& settings,
                                                         const std::string& name);

}  // namespace catchment::app
