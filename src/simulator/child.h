#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace catchment::simulator {

/// Start `argv` (argv[0] is searched in PATH) with this process' environment plus `variables`,
/// which win, and wait for its end. SIGINT, SIGTERM, SIGHUP and SIGQUIT sent to this process
/// meanwhile are passed on; those that a terminal sends to the whole group are not sent twice.
/// Returns the exit code, or 128 + the signal that ended it. kNotFound, kDenied: it could not be
/// started. The process' other threads must not take these signals (the simulator's do not).
Result<int> RunWithEnvironment(std::span<const std::string> argv,
                               std::span<const std::pair<std::string, std::string>> variables);

/// Wait for SIGINT or SIGTERM and return its number, under the same condition.
Result<int> WaitForStopSignal();

}  // namespace catchment::simulator
