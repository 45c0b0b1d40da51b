#pragma once

#include <memory>

#include "app/task_bodies.h"

namespace catchment::app {

/// A collect task: hands the source its parameters, prior answers and a recording transport.
Result<std::unique_ptr<core::TaskBody>> MakeSourceTask(const core::TaskSpec& task,
                                                       const TaskServices& services);

}  // namespace catchment::app
