#pragma once

#include <optional>

#include "app/settings.h"
#include "core/run_spec.h"
#include "lake/history.h"
#include "sources/azure/placement_plan.h"

namespace catchment::app {

/// What a task `azure.placement_scores` of the run would ask, judged by the published snapshot,
/// plan and state and by what the budgets leave now. Secrets are read for the subscriptions'
/// digests, as a run does; the service is not asked. Null: there is no publish yet, so that the
/// pairs are not known. kInvalid: the task's parameters, or a state of another version.
Result<std::optional<sources::azure::PlacementForecast>> ForecastPlacement(
    const Settings& settings, const core::RunSpec& spec, const core::TaskSpec& task,
    const lake::ReadStore& store, const lake::View& head);

}  // namespace catchment::app
