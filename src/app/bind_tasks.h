#pragma once

#include <string>

#include "app/settings.h"
#include "core/pipeline.h"
#include "core/placeholders.h"

namespace catchment::app {

/// What can be said of a pipeline's tasks without asking the world or reading a row: parameters
/// that a source would refuse, columns that SQL or a transform names and no table has, types that
/// do not fit. One problem a line, as the run would tell it; empty: none found.
///
/// Columns are known of sources that declare them or always give the same, of tables that `read`
/// tasks and `head.…` of `dataset` find in the lake, and of what SQL, `diff` and `capacity_state`
/// make of these. A text that reads another table, or a parameter without a value, is passed over.
std::string BindTasks(const Settings& settings, const core::Pipeline& pipeline,
                      const core::PlaceholderValues& placeholders, const std::string& dataset);

}  // namespace catchment::app
