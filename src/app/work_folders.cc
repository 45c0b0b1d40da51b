#include "app/work_folders.h"

#include <algorithm>
#include <set>

#include "app/dead_runs.h"
#include "lake/history.h"
#include "net/vault.h"

namespace catchment::app {
namespace fs = std::filesystem;
namespace {

constexpr char kLedger[] = "exchanges.log";
constexpr std::chrono::hours kLedgerLife{24};
constexpr size_t kMostRunsOfSlot = 1000;

/// All runs of a slot, newest first.
Result<std::vector<core::RunRecord>> RunsOfSlot(StateStores& state, const DatasetName& dataset,
                                                const SlotId& slot,
                                                const std::string& environment) {
  core::RunFilter filter;
  filter.dataset = dataset.text;
  filter.slot = slot.text;
  filter.environment = environment;
  return state.runs().List(filter, kMostRunsOfSlot);
}

bool HasLedger(const fs::path& folder) {
  std::error_code error;
  return fs::exists(folder / kLedger, error);
}

/// Whether a process has the request ledger of a scratch folder open.
bool WritesLedger(const fs::path& folder) {
  if (!HasLedger(folder)) return false;
  const auto log = net::ExchangeLog::Open(folder);
  return !log.ok() && log.error().code == Code::kLocked;
}

/// Whether the next run of a dead run's slot may use what that was told.
bool MayServe(StateStores& state, const core::RunRecord& record, const fs::path& folder) {
  if (record.published || record.state == core::RunState::kHeld) return false;
  std::error_code error;
  const auto written = fs::last_write_time(folder / kLedger, error);
  if (error || fs::file_time_type::clock::now() - written > kLedgerLife) return false;
  const auto runs = RunsOfSlot(state, record.dataset, record.slot, record.environment);
  if (!runs.ok()) return true;  // not known: leave it alone
  return std::none_of(runs->begin(), runs->end(), [&](const core::RunRecord& other) {
    return other.published && other.run.text > record.run.text;
  });
}

std::vector<fs::path> WorkFolders(const Settings& settings) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(settings.state_folder / "work", error))
    folders.push_back(entry.path());
  return folders;
}

}  // namespace

fs::path WorkFolder(const Settings& settings, const RunId& run) {
  return settings.state_folder / "work" / run.text;
}

void RemoveWork(const fs::path& folder, bool keep_ledger) {
  std::error_code error;
  if (!keep_ledger) {
    fs::remove_all(folder, error);
    return;
  }
  std::vector<fs::path> others;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename() != kLedger) others.push_back(entry.path());
  }
  for (const fs::path& other : others) fs::remove_all(other, error);
}

Result<sources::EarlierRuns> FindEarlierRuns(const Settings& settings, const core::RunSpec& spec,
                                             StateStores& state, const lake::ReadStore& store) {
  sources::EarlierRuns earlier;
  ASSIGN_OR_RETURN(const std::vector<core::RunRecord> runs,
                   RunsOfSlot(state, spec.dataset, spec.slot.id, spec.environment));
  std::optional<std::set<std::string>> published;
  for (const core::RunRecord& record : runs) {
    const fs::path folder = WorkFolder(settings, record.run);
    if (record.run == spec.run || record.simulated != spec.simulated || record.published ||
        record.state == core::RunState::kHeld || !HasLedger(folder))
      continue;
    if (!published) {  // a run may have died before it could say that it published
      ASSIGN_OR_RETURN(const auto publishes, lake::ListPublishes(store, spec.dataset.text));
      published.emplace();
      for (const lake::PublishSummary& publish : publishes) published->insert(publish.run.text);
    }
    if (published->contains(record.run.text)) continue;
    auto log = net::ExchangeLog::Open(folder);
    if (log.ok()) {
      earlier.runs.push_back({record.run.text, *std::move(log)});
    } else if (log.error().code != Code::kLocked) {
      earlier.problems.push_back(fmt::format("run {}: {}", record.run.text, log.error().message));
    }
  }
  return earlier;
}

DeadWork RemoveDeadWork(const Settings& settings, StateStores& state) {
  DeadWork work;
  for (const fs::path& folder : WorkFolders(settings)) {
    const RunId run{folder.filename().string()};
    if (Alive(state, run)) continue;
    if (WritesLedger(folder)) continue;  // a run that waits for its turn is in no list yet
    const auto record = state.runs().Get(run);
    const bool keep = record.ok() && MayServe(state, *record, folder);
    RemoveWork(folder, keep);
    ++(keep ? work.kept : work.removed);
  }
  return work;
}

void RemoveSettledWork(const Settings& settings, StateStores& state) {
  for (const fs::path& folder : WorkFolders(settings)) {
    const auto record = state.runs().Get(RunId{folder.filename().string()});
    if (!record.ok() || Alive(state, record->run) || MayServe(state, *record, folder)) continue;
    if (!WritesLedger(folder)) RemoveWork(folder, false);
  }
}

}  // namespace catchment::app
