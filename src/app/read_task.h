#pragma once

#include <memory>

#include "app/task_bodies.h"

namespace catchment::app {

/// A derive task that gives the tables of another dataset's head in the same lake, each under its
/// name, and its first table alone also as the task's own. `newest_for: slot_date`: as published up
/// to the end of the slot's UTC day. Without a publish: nothing if `optional`, else kNotFound.
Result<std::unique_ptr<core::TaskBody>> MakeReadTask(const core::TaskSpec& task,
                                                     const TaskServices& services);

}  // namespace catchment::app
