#pragma once

#include <memory>

#include "core/task.h"

namespace catchment::app {

/// A derive task: one SELECT over the needed tables (`price`, `placement.scores`), `head.<table>`,
/// `$slot` and
/// `$param_x`. Before the first publish a table of the head has no rows, and the columns that its
/// contract gives types for, or those of the needed task that it is published from.
Result<std::unique_ptr<core::TaskBody>> MakeSqlTask(const core::Pipeline& pipeline,
                                                    const core::TaskSpec& task);

}  // namespace catchment::app
