#pragma once

#include <memory>

#include "core/task.h"

namespace catchment::app {

/// A derive task by one of our transforms: `diff`.
Result<std::unique_ptr<core::TaskBody>> MakeTransformTask(const core::Pipeline& pipeline,
                                                          const core::TaskSpec& task);

}  // namespace catchment::app
