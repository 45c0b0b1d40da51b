#include <memory>

#include "app/run_pipeline.h"
#include "app/signals.h"
#include "cli/engine_verbs.h"
#include "cli/progress.h"
#include "cli/run_options.h"
#include "cli/run_report.h"

namespace catchment::cli {
namespace {

void Run(RunOptions& options, Session& session) {
  app::SignalWatcher signals;
  session.settings.roots_later = true;
  const auto settings = app::LoadSettings(session.settings);
  if (!settings.ok()) return session.Fail(settings.status());
  const Result<app::RunRequest> request = options.Request();
  if (!request.ok()) return session.Fail(request.status());
  Result<std::vector<core::RunResult>> results = [&] {
    ProgressLine progress;
    app::RunControl control;
    control.on_event = [&](const core::RunEvent& event) { progress.Show(event); };
    control.stop = signals.token();
    control.stop_signal = [&] { return signals.signal(); };
    return app::RunPipeline(*settings, *request, control);
  }();
  if (!results.ok()) return session.Fail(results.status());
  session.exit_code = app::ExitCodeOf(*results);
  ReportRuns(*results, session);
}

}  // namespace

void SetUpRun(CLI::App& app, Session& session) {
  auto options = std::make_shared<RunOptions>();
  AddRunOptions(app, *options);
  app.add_flag("--late", options->request.late,
               "collect although the slot's window is over; a gap says so");
  app.add_flag("--allow-shrink", options->request.allow_shrink,
               "publish although the slot would have fewer rows than before");
  app.add_flag("--takeover", options->request.takeover,
               "exports replace files that belong to another dataset");
  app.add_option("--workers", options->request.workers,
                 "tasks at once (default: the machine's cores)")
      ->check(CLI::Range(1, 256));
  app.callback([options, &session] { Run(*options, session); });
}

}  // namespace catchment::cli
