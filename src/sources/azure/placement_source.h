#pragma once

#include "sources/source.h"

namespace catchment::sources::azure {

/// The source `azure.placement_scores`: how likely spot capacity is, for every wanted pair of
/// region and SKU and one count of machines a run. Needs the price task's table; asks for budgets,
/// subscriptions and the legacy file through its transport (budget_transport.h,
/// subscription_transport.h), so that all it decides can be replayed.
///
/// Own table, one row per answered cell, sorted by key and call: instance_tier, instance_type, sku,
/// region_code, zone text nn; desired_count int16 nn; score int8; score_text text; asked_at ts nn;
/// call int32 nn; wanted bool nn; subscription text nn (digest). `scores`: the same cells with the
/// columns that are published. `plan`: the day's request list; absent if it stays as published.
/// The state is folded by FoldPlacementState (placement_state.h).
SourceEntry PlacementScores();

}  // namespace catchment::sources::azure
