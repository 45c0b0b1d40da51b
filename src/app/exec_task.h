#pragma once

#include <memory>

#include "app/task_bodies.h"

namespace catchment::app {

/// A program between tables. It runs in the pipeline's folder with CATCHMENT_SLOT, CATCHMENT_RUN,
/// CATCHMENT_PIPELINE, CATCHMENT_TASK, CATCHMENT_IN (a folder with `<need>.parquet` for each needed
/// table) and CATCHMENT_OUT (a folder):
/// `<name>.parquet`, `.csv`, `.ndjson` or `.json` written there become the task's tables; the file
/// named as the task is its own. Exit 0: done. 75: unavailable, worth another run. Any other:
/// failed, with the end of its standard error.
Result<std::unique_ptr<core::TaskBody>> MakeExecTask(const core::Pipeline& pipeline,
                                                     const core::TaskSpec& task,
                                                     const TaskServices& services);

}  // namespace catchment::app
