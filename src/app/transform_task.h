#pragma once

#include <memory>

#include "app/task_bodies.h"

namespace catchment::app {

/// A derive task by one of our transforms: `diff`, `capacity_state`, `stac_month`.
Result<std::unique_ptr<core::TaskBody>> MakeTransformTask(const core::Pipeline& pipeline,
                                                          const core::TaskSpec& task,
                                                          const TaskServices& services);

}  // namespace catchment::app
