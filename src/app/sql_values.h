#pragma once

#include "columnar/sql.h"
#include "core/run_spec.h"

namespace catchment::app {

/// `$slot` and one `$param_x` for each of these.
columnar::SqlParameters MakeSqlParameters(const nlohmann::json& values, Time slot);

/// `$slot` and one `$param_x` for each parameter; lists and maps are given as JSON text.
columnar::SqlParameters MakeSqlParameters(const core::RunSpec& spec);

}  // namespace catchment::app
