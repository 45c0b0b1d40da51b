#pragma once

#include <cstdint>
#include <filesystem>

#include "app/settings.h"
#include "app/state_stores.h"
#include "base/ids.h"
#include "base/result.h"
#include "core/run_spec.h"
#include "lake/store.h"
#include "sources/cmr/item_fetch.h"
#include "sources/earlier_answers.h"

namespace catchment::app {

/// Folder of a run's scratch files: `<state>/work/<run>`.
std::filesystem::path WorkFolder(const Settings& settings, const RunId& run);

/// What of a scratch folder stays for the next run of the slot.
struct KeptWork {
  bool ledger = false;  ///< the request ledger
  bool packs = false;   ///< what says which packs of responses were filled, and the open one
};

/// Remove a scratch folder, all but what is kept.
void RemoveWork(const std::filesystem::path& folder, const KeptWork& kept);

/// The request ledgers of runs of `spec`'s slot, in its environment and kind of world, that ended
/// without publishing and left one. Runs whose processes live are not among them.
Result<sources::EarlierRuns> FindEarlierRuns(const Settings& settings, const core::RunSpec& spec,
                                             StateStores& state, const lake::ReadStore& store);

/// The packs of responses of `spec`'s run, in its work folder and `vault`, with what runs of its
/// slot that did not publish (dead, failed, held back) left there. `vault` outlives them.
Result<sources::cmr::ItemFetchTransport::Packs> OpenPacks(const Settings& settings,
                                                          const core::RunSpec& spec,
                                                          StateStores& state, net::BlobStore& vault,
                                                          const std::filesystem::path& work_folder);

struct DeadWork {
  int64_t removed = 0;  ///< folders
  int64_t kept = 0;     ///< folders with something for the next run of their slot
};

/// Remove the scratch folders of dead runs. A run's request ledger stays for the next run of its
/// slot until that published or the ledger is a day old, its packs of responses a month.
DeadWork RemoveDeadWork(const Settings& settings, StateStores& state);

/// The same after a run that published, for runs that the run store knows: cheap, and never in the
/// way of a run that begins.
void RemoveSettledWork(const Settings& settings, StateStores& state);

}  // namespace catchment::app
