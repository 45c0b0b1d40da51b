#include "app/retry.h"

#include <algorithm>
#include <map>

#include "app/state_stores.h"
#include "core/exit_code.h"
#include "lake/local_store.h"
#include "lake/run_record.h"

namespace catchment::app {
namespace {

/// Whether a slot's newest run asks for another.
bool Unfinished(const core::RunRecord& run) {
  switch (run.state) {
    case core::RunState::kFailed:
    case core::RunState::kHeld:
    case core::RunState::kDeferred:
    case core::RunState::kCancelled:
    case core::RunState::kLost:
      return true;
    case core::RunState::kDone:
      return run.exit_code == core::kExitGaps;
    default:
      return false;
  }
}

/// One slot of one dataset, and what its run was given.
struct Chosen {
  DatasetName dataset;
  SlotId slot;
  nlohmann::json parameters = nlohmann::json::object();
};

/// The parameters of a run, from its record; none if that is gone. The slot is named otherwise.
nlohmann::json ParametersOf(const Settings& settings, const core::Pipeline& pipeline,
                            const core::RunRecord& run) {
  const auto store = lake::LocalStore::OpenRead(settings.lake_root);
  if (!store.ok()) return nlohmann::json::object();
  const auto record = lake::GetRunRecord(**store, run.dataset.text, run.slot, run.run);
  if (!record.ok()) return nlohmann::json::object();
  nlohmann::json parameters =
      record->value(nlohmann::json::json_pointer("/spec/parameters"), nlohmann::json::object());
  for (const core::Parameter& parameter : pipeline.parameters) {
    if (parameter.alias == "slot" || parameter.alias == "refresh") parameters.erase(parameter.name);
  }
  for (auto it = parameters.begin(); it != parameters.end();) {
    // Of an earlier version of the pipeline.
    it = pipeline.FindParameter(it.key()) == nullptr ? parameters.erase(it) : std::next(it);
  }
  return parameters;
}

Result<std::vector<Chosen>> ChooseSlots(const Settings& settings, StateStores& state,
                                        const core::Pipeline& pipeline,
                                        const RetryRequest& request) {
  core::RunFilter filter;
  filter.pipeline = pipeline.name;
  filter.slot = request.slot;
  ASSIGN_OR_RETURN(const std::vector<core::RunRecord> runs, state.runs().List(filter, 1'000'000));
  // By slot and dataset; runs come newest first.
  std::map<std::pair<std::string, std::string>, const core::RunRecord*> newest;
  for (const core::RunRecord& run : runs) {
    // A run that found the slot published, locked or skipped says nothing of the slot.
    if (run.state == core::RunState::kSkipped || run.exit_code == core::kExitLocked) continue;
    newest.emplace(std::pair(run.slot.text, run.dataset.text), &run);
  }
  std::vector<Chosen> chosen;
  for (const auto& [slot, run] : newest) {
    if (Unfinished(*run) && chosen.size() < request.limit)
      chosen.push_back({run->dataset, run->slot, ParametersOf(settings, pipeline, *run)});
  }
  return chosen;
}

}  // namespace

Result<RetryAnswer> Retry(const Settings& settings, const RetryRequest& request,
                          const RunControl& control) {
  ASSIGN_OR_RETURN(const auto pipeline, LoadPipelineByName(settings, request.pipeline));
  RetryAnswer answer;
  std::vector<Chosen> chosen;
  {
    ASSIGN_OR_RETURN(const auto state, StateStores::Open(settings));
    ASSIGN_OR_RETURN(chosen, ChooseSlots(settings, *state, *pipeline, request));
  }
  for (const Chosen& one : chosen) {
    answer.slots.push_back(one.dataset.text == pipeline->name
                               ? one.slot.text
                               : one.dataset.text + " " + one.slot.text);
  }
  if (request.dry_run) return answer;
  for (const Chosen& one : chosen) {
    if (control.stop.stop_requested()) break;
    RunRequest run;
    run.pipeline = request.pipeline;
    run.slot = one.slot.text;
    run.dataset = one.dataset.text;
    run.parameters = one.parameters;
    run.refresh = core::Refresh::kAuto;
    run.late = request.late;
    ASSIGN_OR_RETURN(std::vector<core::RunResult> results, RunPipeline(settings, run, control));
    for (core::RunResult& result : results) answer.results.push_back(std::move(result));
  }
  return answer;
}

}  // namespace catchment::app
