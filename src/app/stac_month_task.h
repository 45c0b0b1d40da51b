#pragma once

#include <memory>

#include "app/task_bodies.h"
#include "core/catalogue.h"

namespace catchment::app {

/// The derive task `stac_month`: the items whose bodies a task of `stac.items` holds, as one sorted
/// GeoParquet file that is published byte for byte.
///
/// Tables: its own; `links` with each item's final state; `days` as it came; `missing` and
/// `quarantine` with what the schema refuses besides what came. Where it refuses a revision, the
/// published body stays, as `stale` (docs/adr/0167). Its report names the refused items as gaps;
/// members that no column holds are notes.
Result<std::unique_ptr<core::TaskBody>> MakeStacMonthTask(const core::TaskSpec& task,
                                                          const TaskServices& services);

/// What pipeline files may say of it.
core::Component StacMonthComponent();

}  // namespace catchment::app
