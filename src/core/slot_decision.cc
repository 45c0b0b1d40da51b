#include <fmt/ranges.h>

#include "core/slot_decision_internal.h"

namespace catchment::core {
namespace {

using std::chrono::milliseconds;

/// Whether a published slot is collected again without being asked to.
Result<bool> CollectsAgain(const RunSpec& spec, const SlotStanding& standing, Time now) {
  const Pipeline& pipeline = *spec.definition;
  ASSIGN_OR_RETURN(const milliseconds open, OpenTime(spec));
  return IsOpen(pipeline, spec.slot, open, now) ||
         (standing.published_at &&
          RecheckDue(pipeline, spec.slot, open, *standing.published_at, now));
}

std::vector<std::string> KnowOnlyThePresent(const Pipeline& pipeline) {
  std::vector<std::string> tasks;
  for (const TaskSpec& task : pipeline.tasks) {
    if (task.collects() && !task.looks_back) tasks.push_back(task.name);
  }
  return tasks;
}

}  // namespace

Result<SlotDecision> DecideOnSlot(const RunSpec& spec, const SlotStanding& standing, Time now) {
  const Pipeline& pipeline = *spec.definition;
  SlotDecision decision;
  if (standing.published() && spec.refresh == Refresh::kUnset) {
    ASSIGN_OR_RETURN(const bool again, CollectsAgain(spec, standing, now));
    if (!again) {
      decision.kind = SlotDecision::Kind::kPublished;
      return decision;
    }
  }
  if (!OutsideWindow(pipeline, spec.slot, now)) return decision;
  const std::vector<std::string> tasks = KnowOnlyThePresent(pipeline);
  if (!tasks.empty() && !spec.late) {
    decision.kind = SlotDecision::Kind::kTooOld;
    decision.message = fmt::format(
        "slot {} cannot be collected any more: its window of {} is over and {} {} only the "
        "present; --late collects anyway",
        spec.slot.id.text, FormatDuration(WindowOf(pipeline, spec.slot)), fmt::join(tasks, ", "),
        tasks.size() == 1 ? "knows" : "know");
    return decision;
  }
  for (const std::string& task : tasks) {
    decision.gaps.push_back({task, "late", 1, fmt::format("collected at {}", FormatTime(now))});
  }
  return decision;
}

}  // namespace catchment::core
