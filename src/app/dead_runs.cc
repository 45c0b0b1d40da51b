#include "app/dead_runs.h"

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <optional>

#include "base/clock.h"
#include "core/exit_code.h"
#include "lake/history.h"
#include "lake/run_record.h"

namespace catchment::app {
namespace {

constexpr size_t kMostRuns = 100'000;
/// Longer than any run takes.
constexpr std::chrono::days kUnknownRunLife{7};

/// Publish numbers by run.
Result<std::map<std::string, int64_t>> NumbersByRun(const lake::ReadStore& store,
                                                    const std::string& dataset) {
  std::map<std::string, int64_t> numbers;
  ASSIGN_OR_RETURN(const auto publishes, lake::ListPublishes(store, dataset));
  for (const lake::PublishSummary& publish : publishes) numbers[publish.run.text] = publish.number;
  return numbers;
}

/// The record that the run left in the lake before its commit point says more than the run store's.
Result<nlohmann::json> RecordInLake(const lake::ReadStore& store, const core::RunRecord& record) {
  const Result<nlohmann::json> found =
      lake::GetRunRecord(store, record.dataset.text, record.slot, record.run);
  if (found.ok()) return *found;
  if (found.error().code == Code::kNotFound) return nlohmann::json();
  return found.status();
}

void FillEnd(core::RunRecord& record, std::optional<int64_t> published) {
  record.ended = SystemClock().Now();
  record.published = published;
  record.state = published ? core::RunState::kDone : core::RunState::kLost;
  record.exit_code.reset();
  if (published) record.exit_code = core::PublishedExitCode(record.gap_units > 0, false);
  record.message = published ? fmt::format(
                                   "published as {}; its process ended before it could say "
                                   "so",
                                   *published)
                             : "its process ended without a word";
}

Status ReleaseSlot(StateStores& state, const core::RunRecord& record) {
  ASSIGN_OR_RETURN(const auto lease,
                   state.leases().Find(core::SlotLeaseName(record.dataset, record.slot)));
  if (!lease || lease->lease.holder.run != record.run.text) return {};
  const core::SlotRow row{
      .pipeline = record.pipeline,
      .dataset = record.dataset,
      .slot = record.slot,
      .start = record.slot_start,
      .state = record.published ? core::SlotState::kPublished : core::SlotState::kFailed,
      .run = record.run,
      .published = record.published,
      .note = record.message};
  const Status released = state.ledger().Release(lease->lease, row);
  if (!released.ok() && released.error().code == Code::kNotFound)
    return {};  // taken over meanwhile
  return released;
}

Status EndRun(StateStores& state, lake::WriteStore& store, core::RunRecord record,
              std::optional<int64_t> published) {
  ASSIGN_OR_RETURN(nlohmann::json json, RecordInLake(store, record));
  if (json.is_object()) {
    const Result<core::RunRecord> fuller = core::RunRecordFromJson(json);
    if (fuller.ok()) record = *fuller;
  }
  if (record.state == core::RunState::kRunning) {  // else it died after its last word in the lake
    FillEnd(record, published);
    if (json.is_object()) {
      json.update(core::ToJson(record));
      RETURN_IF_ERROR(
          lake::PutRunRecord(store, record.dataset.text, record.slot, record.run, json));
    }
  }
  RETURN_IF_ERROR(ReleaseSlot(state, record));
  // Last: until then the run counts as not ended, and the next recover does all this again.
  return state.runs().Finish(record);
}

/// When a run began, by its id (`20260802T000000-…`, base/ids.h); nothing if it is no run's id.
std::optional<Time> BeganAt(const RunId& run) {
  const std::string& id = run.text;
  if (id.size() < 16 || id[8] != 'T' || id[15] != '-') return std::nullopt;
  const Result<Time> began =
      ParseTime(fmt::format("{}-{}-{}T{}:{}:{}Z", id.substr(0, 4), id.substr(4, 2), id.substr(6, 2),
                            id.substr(9, 2), id.substr(11, 2), id.substr(13, 2)));
  return began.ok() ? std::optional(*began) : std::nullopt;
}

}  // namespace

bool MayStillPublish(StateStores& state, const RunId& run, Time now) {
  const Result<core::RunRecord> record = state.runs().Get(run);
  if (record.ok()) return Alive(state, run);
  if (record.error().code != Code::kNotFound) return true;
  const std::optional<Time> began = BeganAt(run);
  return began && now - *began < kUnknownRunLife;
}

bool Alive(StateStores& state, const RunId& run) {
  const Result<core::RunRecord> record = state.runs().Get(run);
  if (!record.ok() || record->state != core::RunState::kRunning) return false;
  const auto lease = state.leases().Find(core::SlotLeaseName(record->dataset, record->slot));
  if (!lease.ok()) return true;  // not known: leave its things alone
  return lease->has_value() && (*lease)->lease.holder.run == run.text &&
         core::StandingOf(**lease, state.machine()) != core::LeaseStanding::kDead;
}

Result<std::vector<std::string>> EndDeadRuns(const Settings& settings, StateStores& state,
                                             lake::WriteStore& store, const std::string& dataset) {
  core::RunFilter filter;
  filter.dataset = dataset;
  filter.environment = settings.environment.name;
  filter.state = core::RunState::kRunning;
  std::vector<std::string> ended;
  ASSIGN_OR_RETURN(const std::vector<core::RunRecord> running,
                   state.runs().List(filter, kMostRuns));
  std::optional<std::map<std::string, int64_t>> numbers;
  for (const core::RunRecord& listed : running) {
    if (Alive(state, listed.run)) continue;
    ASSIGN_OR_RETURN(const core::RunRecord record, state.runs().Get(listed.run));
    if (record.state != core::RunState::kRunning) continue;  // ended since it was listed
    if (!numbers) {
      ASSIGN_OR_RETURN(numbers, NumbersByRun(store, dataset));
    }
    const auto published = numbers->find(record.run.text);
    RETURN_IF_ERROR(
        EndRun(state, store, record,
               published == numbers->end() ? std::nullopt : std::optional(published->second)),
        "run {}", record.run.text);
    ended.push_back(record.run.text);
  }
  return ended;
}

}  // namespace catchment::app
