#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace catchment {

/// What every call that may take long is given: how long it may take, whether it is still wanted,
/// and how its log lines begin. A value; copies narrow it. `clock` outlives all copies.
///
/// Two clocks: `clock` says what time it is in the data (it may be simulated); the deadline is on
/// the machine's steady clock, so that a simulated or jumping clock can neither end nor prolong a
/// run.
struct OpContext {
  using Steady = std::chrono::steady_clock;

  const Clock* clock = nullptr;
  Steady::time_point deadline = Steady::time_point::max();
  std::stop_token stop;
  std::string prefix;  ///< e.g. "[azure-spot 2026-01-28T00:10:00Z|price]"

  /// kCancelled or kDeadline once either is so; else ok. The message names the prefix.
  Status Check() const;
  /// Time left before the deadline; never negative. `max()` without one.
  std::chrono::milliseconds Left() const;
  /// The same with a deadline no later than `limit` from now.
  OpContext Within(std::chrono::milliseconds limit) const;
  /// The same with `part` added to the prefix: "[a|b]" becomes "[a|b|part]".
  OpContext Named(std::string_view part) const;
};

}  // namespace catchment
