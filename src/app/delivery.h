#pragma once

#include <string>
#include <vector>

#include "app/lake_publisher.h"
#include "lake/manifest.h"

namespace catchment::app {

/// The outbox items of a publish: one for each sink of the pipeline whose table this run publishes.
std::vector<lake::OutboxItem> MakeOutbox(const core::Pipeline& pipeline, const core::RunSpec& spec,
                                         const std::vector<std::string>& published);

enum class DeliverParked { kNo, kYes };

/// Deliver what the dataset's outbox holds, each sink's items in order under the lease
/// `deliver:DATASET:SINK`. A sink that is down keeps its items waiting; one that refuses an item
/// ten times parks it. Neither is an error. With DeliverParked::kYes parked items get ten new tries
/// first.
Status DeliverOutbox(const core::RunSpec& spec, const PublisherServices& services,
                     const OpContext& context, DeliverParked parked, core::FinishResult& result);

}  // namespace catchment::app
