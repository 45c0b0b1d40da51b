#pragma once

#include <string>
#include <vector>

#include "app/settings.h"
#include "app/state_stores.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "lake/store.h"

namespace catchment::app {

/// Whether the process that carries out `run` lives, as far as this machine knows. False for runs
/// that are over, and for runs of other machines.
bool Alive(StateStores& state, const RunId& run);

/// Whether what `run` has written to a lake must be left alone. A run that this machine's state
/// does not know may be at work on another machine that shares the lake, until it is a week old
/// (its id says when it began); what cannot be read is no reason to think it dead.
bool MayStillPublish(StateStores& state, const RunId& run, Time now);

/// Write down what became of runs of a dataset whose processes ended without a word: `done` if a
/// publish carries the run's id, else `lost`; in the run store, the slot ledger and the lake's
/// record, if there is one. Their leases are given back. Returns their ids.
Result<std::vector<std::string>> EndDeadRuns(const Settings& settings, StateStores& state,
                                             lake::WriteStore& store, const std::string& dataset);

}  // namespace catchment::app
