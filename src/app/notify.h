#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/lake_publisher.h"
#include "base/op_context.h"
#include "core/run.h"

namespace catchment::app {

/// Tell people what became of a run: each of the pipeline's sinks with `on:` sends its text
/// (notification.h), or none. Returns a line for each that could not. Blocks, 20 s at most; a stop
/// request does not cut it short.
std::vector<std::string> Notify(const core::RunSpec& spec, const PublisherServices& services,
                                const core::RunResult& result, const OpContext& context);

}  // namespace catchment::app
