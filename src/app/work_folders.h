#pragma once

#include <cstdint>
#include <filesystem>

#include "app/settings.h"
#include "app/state_stores.h"
#include "base/ids.h"
#include "base/result.h"
#include "core/run_spec.h"
#include "lake/store.h"
#include "sources/earlier_answers.h"

namespace catchment::app {

/// Folder of a run's scratch files: `<state>/work/<run>`.
std::filesystem::path WorkFolder(const Settings& settings, const RunId& run);

/// Remove a scratch folder, all but the request ledger if `keep_ledger`.
void RemoveWork(const std::filesystem::path& folder, bool keep_ledger);

/// The request ledgers of runs of `spec`'s slot, in its environment and kind of world, that ended
/// without publishing and left one. Runs whose processes live are not among them.
Result<sources::EarlierRuns> FindEarlierRuns(const Settings& settings, const core::RunSpec& spec,
                                             StateStores& state, const lake::ReadStore& store);

struct DeadWork {
  int64_t removed = 0;  ///< folders
  int64_t kept = 0;     ///< ledgers for the next run of their slot
};

/// Remove the scratch folders of dead runs. A run's request ledger stays for the next run of its
/// slot until that published or the ledger is a day old.
DeadWork RemoveDeadWork(const Settings& settings, StateStores& state);

/// The same after a run that published, for runs that the run store knows: cheap, and never in the
/// way of a run that begins.
void RemoveSettledWork(const Settings& settings, StateStores& state);

}  // namespace catchment::app
