#pragma once

#include "columnar/table.h"
#include "core/run_store.h"
#include "lake/manifest.h"

namespace catchment::app {

/// What a run was, as tables of schema `run`. Times are ts (milliseconds, UTC).

/// Tasks that ran, in the pipeline's order: task, kind, started, ended, seconds float64.
Result<columnar::Table> TasksTable(const core::RunRecord& record);
/// at, service text (running tasks joined by `+`), pid int64, memory_mib float64.
Result<columnar::Table> MemoryTable(const core::RunRecord& record);
/// One row: at (the run's start), instance_type text (`unknown` off EC2).
Result<columnar::Table> MachineTable(const core::RunRecord& record);
/// One row: publish int64, slot, run text, published_at, environment text, state text (JSON).
Result<columnar::Table> ManifestTable(const lake::Manifest& manifest,
                                      const std::string& environment);

}  // namespace catchment::app
