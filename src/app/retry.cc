#include "app/retry.h"

#include <algorithm>
#include <map>

#include "app/state_stores.h"
#include "core/exit_code.h"

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

Result<std::vector<std::string>> ChooseSlots(StateStores& state, const std::string& pipeline,
                                             const RetryRequest& request) {
  core::RunFilter filter;
  filter.pipeline = pipeline;
  filter.slot = request.slot;
  ASSIGN_OR_RETURN(const std::vector<core::RunRecord> runs, state.runs().List(filter, 1'000'000));
  std::map<std::string, const core::RunRecord*> newest;  // by slot; runs come newest first
  for (const core::RunRecord& run : runs) {
    // A run that found the slot published, locked or skipped says nothing of the slot.
    if (run.state == core::RunState::kSkipped || run.exit_code == core::kExitLocked) continue;
    newest.emplace(run.slot.text, &run);
  }
  std::vector<std::string> slots;
  for (const auto& [slot, run] : newest) {
    if (Unfinished(*run) && slots.size() < request.limit) slots.push_back(slot);
  }
  return slots;
}

}  // namespace

Result<RetryAnswer> Retry(const Settings& settings, const RetryRequest& request,
                          const RunControl& control) {
  ASSIGN_OR_RETURN(const auto pipeline, LoadPipelineByName(settings, request.pipeline));
  RetryAnswer answer;
  {
    ASSIGN_OR_RETURN(const auto state, StateStores::Open(settings));
    ASSIGN_OR_RETURN(answer.slots, ChooseSlots(*state, pipeline->name, request));
  }
  if (request.dry_run) return answer;
  for (const std::string& slot : answer.slots) {
    if (control.stop.stop_requested()) break;
    RunRequest run;
    run.pipeline = request.pipeline;
    run.slot = slot;
    run.refresh = core::Refresh::kAuto;
    run.late = request.late;
    ASSIGN_OR_RETURN(std::vector<core::RunResult> results, RunPipeline(settings, run, control));
    for (core::RunResult& result : results) answer.results.push_back(std::move(result));
  }
  return answer;
}

}  // namespace catchment::app
