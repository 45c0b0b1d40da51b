#include "app/run_pipeline.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <thread>

#include "app/export_writer.h"
#include "app/instance_type.h"
#include "app/lake_publisher.h"
#include "app/notify.h"
#include "app/run_services.h"
#include "app/state_stores.h"
#include "app/task_bodies.h"
#include "app/work_folders.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/exit_code.h"
#include "lake/outbox.h"

namespace catchment::app {
namespace {

/// Ends the process when a run outlives its time limit by more than `kGrace`: a task that does not
/// look at its deadline cannot hold a slot for ever. What it leaves is what a kill leaves. Thread:
/// `watchdog`.
class Watchdog {
 public:
  explicit Watchdog(std::optional<std::chrono::milliseconds> limit) {
    if (!limit) return;
    thread_ = std::jthread([limit = *limit + kGrace](const std::stop_token& stop) {
      const SystemClock clock;
      if (!clock.Sleep(limit, stop)) return;
      Log(LogLevel::kError, "a task did not end at the time limit; the process ends itself");
      _exit(core::kExitDeadline);
    });
  }

 private:
  static constexpr std::chrono::milliseconds kGrace{30'000};
  std::jthread thread_;
};

Result<core::RunResult> RunOne(const Settings& settings, const core::RunSpec& spec,
                               StateStores& state, const RunControl& control) {
  // Outlives the services: what they do on threads of their own looks at it.
  ASSIGN_OR_RETURN(const auto clock, MakeClock(settings, spec.slot.start));
  ASSIGN_OR_RETURN(const auto services, RunServices::Open(settings, spec, state));
  ASSIGN_OR_RETURN(const auto bodies, MakeTaskBodies(*spec.definition, services->tasks()));
  LakePublisher publisher(services->publisher());

  core::RunDependencies dependencies;
  dependencies.publisher = &publisher;
  dependencies.runs = &state.runs();
  dependencies.ledger = &state.ledger();
  dependencies.machine = &state.machine();
  for (const auto& [name, body] : bodies) dependencies.bodies[name] = body.get();
  dependencies.on_event = control.on_event;
  dependencies.stop_signal = control.stop_signal;
  if (!settings.simulated) dependencies.instance_type = InstanceType("/sys/class/dmi/id");
  OpContext context;
  context.clock = clock.get();
  context.stop = control.stop;
  context.prefix = fmt::format("[{} {}]", spec.pipeline.text, spec.slot.id.text);
  const Watchdog watchdog(spec.time_limit);
  core::RunResult result = core::ExecuteRun(spec, dependencies, context);
  for (const std::string& failure : Notify(spec, services->publisher(), result, context)) {
    core::RunEvent note;
    note.kind = core::RunEvent::Kind::kNote;
    note.text = failure;
    if (control.on_event) control.on_event(note);
    // That the note cannot be stored too is no failure of the run.
    (void)state.runs().AddMessage(spec.run, {clock->Now(), "warning", "", failure}).ok();
  }
  // A run that was stopped, or had no time left, is taken up by the next one.
  const bool stopped =
      result.record.state == core::RunState::kCancelled || result.exit_code == core::kExitDeadline;
  if (stopped && !result.published) services->KeepLedger();
  // What it was given by the thousand serves the next one whatever kept it from publishing.
  if (!result.published) services->KeepPacks();
  return result;
}

/// Say in a result, and in what is kept of its run, how its exports ended.
void AddToResult(const Result<core::FinishResult>& finished, StateStores& state,
                 const RunControl& control, core::RunResult& result) {
  int code = core::kExitDone;
  std::string text;
  if (!finished.ok()) {
    code = core::ExitCodeOf(finished.error().code);
    text = finished.error().message;
  } else if (!finished->notes.empty()) {
    text = finished->notes.front();
    if (finished->exports_held > 0) code = core::kExitHeld;
    if (finished->exports_owed > 0) {
      code = core::kExitTemporary;
      text = fmt::format("{} exports are owed: {}; catchment recover finishes them",
                         finished->exports_owed, text);
    }
  }
  if (text.empty()) return;
  const int signal =
      control.stop.stop_requested() && control.stop_signal ? control.stop_signal() : 0;
  if (code != core::kExitDone && signal != 0) code = core::SignalExitCode(signal);
  result.exit_code = core::MostSevere(result.exit_code, code);
  result.message += "; " + text;
  result.record.exit_code = result.exit_code;
  result.record.message = result.message;
  // A run that ended before it began is in no store.
  (void)state.runs().Finish(result.record).ok();
}

/// What is owed of one dataset, files of several included.
Result<core::FinishResult> FinishExports(const Settings& settings, core::RunSpec spec,
                                         const std::string& dataset, const JointTurn& turn,
                                         StateStores& state, const RunControl& control) {
  spec.dataset.text = dataset;
  spec.run = NewRunId();  // a work folder of its own: that of the run may hold what is kept
  ASSIGN_OR_RETURN(const auto clock, MakeClock(settings, spec.slot.start));
  ASSIGN_OR_RETURN(const auto services, RunServices::Open(settings, spec, state));
  PublisherServices publishing = services->publisher();
  publishing.joint = turn;
  OpContext context;
  context.clock = clock.get();
  context.stop = control.stop;
  core::FinishResult finished;
  RETURN_IF_ERROR(WriteOwedExports(spec, publishing, {}, context, finished), "{}", dataset);
  RETURN_IF_ERROR(lake::NoteSettled(services->store(), dataset));
  return finished;
}

/// Write the files with the rows of several datasets, when each of them had its turn.
void FinishTogether(const Settings& settings, const std::vector<RunPlan>& plans, StateStores& state,
                    const RunControl& control, std::vector<core::RunResult>& results) {
  JointTurn turn{.write = true, .nothing_yet = {}};
  std::map<std::string, size_t> told;  // by dataset: the newest result that can tell of it
  for (size_t i = 0; i < results.size(); ++i) {
    const core::RunSpec& spec = plans[i].spec;
    if (spec.together.empty()) continue;
    for (const std::string& dataset : spec.together) told.try_emplace(dataset, i);
    told[spec.dataset.text] = i;
    const bool done =
        results[i].exit_code == core::kExitDone && results[i].record.state == core::RunState::kDone;
    if (done && !results[i].published) turn.nothing_yet.emplace(spec.dataset.text, spec.slot.id);
  }
  for (const auto& [dataset, i] : told) {
    AddToResult(FinishExports(settings, plans[i].spec, dataset, turn, state, control), state,
                control, results[i]);
  }
}

/// Of several datasets all paths are looked at before the first is collected.
Status CheckPathsOfAll(const Settings& settings, const std::vector<RunPlan>& plans) {
  if (plans.size() < 2) return {};
  PublisherServices looking;
  looking.settings = &settings;
  for (const RunPlan& plan : plans) RETURN_IF_ERROR(CheckExportPaths(plan.spec, looking));
  return {};
}

}  // namespace

Result<std::vector<core::RunResult>> RunPipeline(const Settings& settings,
                                                 const RunRequest& request,
                                                 const RunControl& control) {
  ASSIGN_OR_RETURN(ResolvedRuns resolved, ResolveRuns(settings, request));
  RETURN_IF_ERROR(CheckPathsOfAll(resolved.settings, resolved.plans));
  ASSIGN_OR_RETURN(const auto state, StateStores::Open(resolved.settings));
  const auto started = OpContext::Steady::now();
  std::vector<core::RunResult> results;
  for (RunPlan& plan : resolved.plans) {
    if (plan.spec.time_limit) {  // of all values together
      const auto used =
          std::chrono::floor<std::chrono::milliseconds>(OpContext::Steady::now() - started);
      plan.spec.time_limit = std::max(*plan.spec.time_limit - used, std::chrono::milliseconds(1));
    }
    ASSIGN_OR_RETURN(core::RunResult result, RunOne(resolved.settings, plan.spec, *state, control));
    if (result.published) RemoveSettledWork(resolved.settings, *state);
    results.push_back(std::move(result));
    if (control.stop.stop_requested()) return results;
  }
  FinishTogether(resolved.settings, resolved.plans, *state, control, results);
  return results;
}

int ExitCodeOf(const std::vector<core::RunResult>& results) {
  int code = 0;
  for (const core::RunResult& result : results) code = core::MostSevere(code, result.exit_code);
  return code;
}

}  // namespace catchment::app
