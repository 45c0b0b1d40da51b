#pragma once

#include <arrow/type_fwd.h>

#include <memory>

#include "app/task_bodies.h"
#include "core/placeholders.h"

namespace catchment::app {

/// A derive task by one of our transforms: `diff`, `capacity_state`, `stac_month`.
Result<std::unique_ptr<core::TaskBody>> MakeTransformTask(const core::Pipeline& pipeline,
                                                          const core::TaskSpec& task,
                                                          const TaskServices& services);

/// The columns of what a transform of one table gives, from that table's. Null: not known before
/// it runs. kInvalid: a column that it needs is missing or of the wrong type, as its run says it.
Result<std::shared_ptr<arrow::Schema>> TransformColumns(
    const core::TaskSpec& task, const core::PlaceholderValues& placeholders,
    const std::shared_ptr<arrow::Schema>& needed);

}  // namespace catchment::app
