#pragma once

#include <memory>

#include "app/task_bodies.h"
#include "core/catalogue.h"

namespace catchment::app {

/// The derive task `stac_month`: the items whose bodies a task of `stac.items` holds, as one sorted
/// GeoParquet file that is published byte for byte.
///
/// Tables: its own; `links` with each item's final state; `days` and `missing` as they came;
/// `quarantine` with the items that the schema refuses besides those that came. Its report names
/// the refused items as gaps; members that no column holds are notes.
Result<std::unique_ptr<core::TaskBody>> MakeStacMonthTask(const core::TaskSpec& task,
                                                          const TaskServices& services);

/// What pipeline files may say of it.
core::Component StacMonthComponent();

}  // namespace catchment::app
