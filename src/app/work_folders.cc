#include "app/work_folders.h"

#include <algorithm>
#include <set>

#include "app/dead_runs.h"
#include "lake/history.h"
#include "net/vault.h"

namespace catchment::app {
namespace fs = std::filesystem;
namespace {

constexpr char kLedger[] = "exchanges.log", kPacks[] = "packs";
constexpr std::chrono::hours kLedgerLife{24}, kPacksLife{31 * 24};
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

/// Whether what a run was told may serve the run of `spec`, another of its slot.
bool MayServeAnother(const core::RunRecord& record, const core::RunSpec& spec) {
  return record.run != spec.run && record.simulated == spec.simulated && !record.published;
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

/// Whether something was written at most `life` ago.
bool IsYoung(const fs::path& path, std::chrono::hours life) {
  std::error_code error;
  const auto written = fs::last_write_time(path, error);
  return !error && fs::file_time_type::clock::now() - written <= life;
}

/// What the next run of a dead run's slot may use of what that was told.
KeptWork MayServe(StateStores& state, const core::RunRecord& record, const fs::path& folder) {
  KeptWork kept;
  if (record.published) return kept;
  kept.ledger = record.state != core::RunState::kHeld && IsYoung(folder / kLedger, kLedgerLife);
  kept.packs = net::ResponsePacks::Left(folder / kPacks) && IsYoung(folder / kPacks, kPacksLife);
  if (!kept.ledger && !kept.packs) return kept;
  const auto runs = RunsOfSlot(state, record.dataset, record.slot, record.environment);
  if (!runs.ok()) return kept;  // not known: leave it alone
  const bool settled = std::any_of(runs->begin(), runs->end(), [&](const core::RunRecord& other) {
    return other.published && other.run.text > record.run.text;
  });
  return settled ? KeptWork() : kept;
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

void RemoveWork(const fs::path& folder, const KeptWork& kept) {
  std::error_code error;
  const bool packs = kept.packs && net::ResponsePacks::Left(folder / kPacks);
  if (!kept.ledger && !packs) {
    fs::remove_all(folder, error);
    return;
  }
  std::vector<fs::path> others;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const fs::path name = entry.path().filename();
    if ((name != kLedger || !kept.ledger) && (name != kPacks || !packs))
      others.push_back(entry.path());
  }
  for (const fs::path& other : others) fs::remove_all(other, error);
}

Result<sources::cmr::ItemFetchTransport::Packs> OpenPacks(const Settings& settings,
                                                          const core::RunSpec& spec,
                                                          StateStores& state, net::BlobStore& vault,
                                                          const fs::path& work_folder) {
  sources::cmr::ItemFetchTransport::Packs opened;
  ASSIGN_OR_RETURN(opened.packs, net::ResponsePacks::Open(work_folder / kPacks, vault));
  const auto adopt = [&](const fs::path& folder) -> Status {
    ASSIGN_OR_RETURN(std::vector<net::PackedResponse> adopted,
                     opened.packs->Adopt(folder, opened.problems));
    opened.earlier.insert(opened.earlier.end(), std::make_move_iterator(adopted.begin()),
                          std::make_move_iterator(adopted.end()));
    return {};
  };
  RETURN_IF_ERROR(adopt(work_folder / kPacks));  // one's own first, before there is more in it
  ASSIGN_OR_RETURN(std::vector<core::RunRecord> runs,
                   RunsOfSlot(state, spec.dataset, spec.slot.id, spec.environment));
  std::reverse(runs.begin(), runs.end());  // the newest last: what it was given prevails
  for (const core::RunRecord& record : runs) {
    const fs::path folder = WorkFolder(settings, record.run) / kPacks;
    if (!MayServeAnother(record, spec) || !net::ResponsePacks::Left(folder) ||
        Alive(state, record.run))
      continue;
    RETURN_IF_ERROR(adopt(folder), "run {}", record.run.text);
  }
  return opened;
}

Result<sources::EarlierRuns> FindEarlierRuns(const Settings& settings, const core::RunSpec& spec,
                                             StateStores& state, const lake::ReadStore& store) {
  sources::EarlierRuns earlier;
  ASSIGN_OR_RETURN(const std::vector<core::RunRecord> runs,
                   RunsOfSlot(state, spec.dataset, spec.slot.id, spec.environment));
  std::optional<std::set<std::string>> published;
  for (const core::RunRecord& record : runs) {
    const fs::path folder = WorkFolder(settings, record.run);
    if (!MayServeAnother(record, spec) || record.state == core::RunState::kHeld ||
        !HasLedger(folder))
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
    const KeptWork kept = record.ok() ? MayServe(state, *record, folder) : KeptWork();
    RemoveWork(folder, kept);
    ++(kept.ledger || kept.packs ? work.kept : work.removed);
  }
  return work;
}

void RemoveSettledWork(const Settings& settings, StateStores& state) {
  for (const fs::path& folder : WorkFolders(settings)) {
    const auto record = state.runs().Get(RunId{folder.filename().string()});
    if (!record.ok() || Alive(state, record->run) || WritesLedger(folder)) continue;
    const KeptWork kept = MayServe(state, *record, folder);
    if (!kept.ledger && !kept.packs) RemoveWork(folder, kept);
  }
}

}  // namespace catchment::app
