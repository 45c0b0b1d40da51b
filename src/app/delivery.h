#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/lake_publisher.h"
#include "lake/manifest.h"

namespace catchment::app {

/// The outbox items of a publish: one for each sink of the pipeline whose table this run publishes.
std::vector<lake::OutboxItem> MakeOutbox(const core::Pipeline& pipeline, const core::RunSpec& spec,
                                         const std::vector<std::string>& published);

/// A sink's name in outboxes: `timestream-1`, by its kind and its place in the pipeline.
std::string SinkName(size_t index, const core::SinkSpec& sink);

/// A sink's keys as it is made of them: with `to`, placeholders filled, and the environment's
/// suffix behind the names of outside stores.
Result<nlohmann::json> SinkKeysOf(const core::SinkSpec& sink, const core::RunSpec& spec,
                                  const std::string& suffix);

/// The variable that a sink names and the environment does not have: the sink is off there. Null:
/// it is on.
std::optional<std::string> MissingVariable(const core::SinkSpec& sink, const core::RunSpec& spec);

/// What a sink with `on:` sends its texts by. kInvalid: its keys, or its kind sends none.
Result<std::unique_ptr<sinks::Notifier>> MakeNotifier(const core::RunSpec& spec,
                                                      const PublisherServices& services,
                                                      const std::string& name);

struct DeliverChoice {
  std::string sink;     ///< only this one; empty: all
  bool parked = false;  ///< parked items too: each gets ten new tries
};

/// Deliver what the dataset's outbox holds, each sink's items in order under the lease
/// `deliver:DATASET:SINK`. A sink that is down keeps its items waiting; one that refuses an item
/// ten times parks it. Neither is an error.
Status DeliverOutbox(const core::RunSpec& spec, const PublisherServices& services,
                     const OpContext& context, const DeliverChoice& choice,
                     core::FinishResult& result);

}  // namespace catchment::app
