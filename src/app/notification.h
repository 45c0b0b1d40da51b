#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/coverage.h"
#include "base/time.h"
#include "core/run_store.h"

namespace catchment::app {

/// The newest publish of a dataset.
struct HeadFacts {
  int64_t number = 0;  ///< 0: no publish yet
  std::string slot;
};

/// What people are told of a run by sinks with `on:`.
struct RunFacts {
  std::string pipeline;
  std::string environment;  ///< as texts name it: EnvironmentLabel()
  std::string slot;         ///< canonical text
  Time slot_start;
  core::RunState state = core::RunState::kDone;
  std::string message;               ///< how it ended
  std::optional<int64_t> published;  ///< by this run
  std::vector<std::string> tasks;    ///< in the pipeline's order
  std::vector<SourceReport> reports;
  std::vector<Gap> gaps;
  /// The gaps of the publish before this run's; null: there is none.
  std::optional<std::vector<Gap>> gaps_before;
  std::optional<HeadFacts> head;  ///< null: cannot be read
};

/// `test` of suffix `-test`; without a suffix the environment's name.
std::string EnvironmentLabel(const std::string& name, const std::string& suffix);

/// The text for an entry with these events, null if nothing of them happened. `failed`: the run
/// ended without a publish, held back ones included; `held`: held back by the contract;
/// `published`; `gap`: published with gaps whose set of (source, reason) is another than that of
/// the publish before, or at the slots of 00:00, 06:00, 12:00 and 18:00 UTC. Runs that had nothing
/// to do or were stopped by someone say nothing.
std::optional<std::string> NotificationText(const RunFacts& facts,
                                            std::span<const std::string> events);

}  // namespace catchment::app
