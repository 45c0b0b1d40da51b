#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace catchment::app {

/// `catchment simulate`: which world, and what runs in it.
struct SimulateRequest {
  std::string world = "azure-recorded";
  std::vector<std::string> overrides;  ///< KEY=VALUE
  std::optional<uint64_t> seed;
  std::string trace_file;
  std::vector<std::string> command;  ///< empty: stay until SIGINT or SIGTERM
};

/// What the simulator hands to COMMAND: name and value, in a fixed order.
using SimulatedEnvironment = std::vector<std::pair<std::string, std::string>>;

/// Play the world until COMMAND ends, and return its exit code; without COMMAND call `show` with
/// the addresses and stay until a signal. kNotFound: no such world (the message lists those there
/// are).
Result<int> Simulate(const SimulateRequest& request,
                     const std::function<void(const SimulatedEnvironment&)>& show);

/// Names of the worlds that can be played.
std::vector<std::string> SimulatedWorlds();

}  // namespace catchment::app
