#include <memory>

#include "app/run_pipeline.h"
#include "app/signals.h"
#include "base/text.h"
#include "cli/engine_verbs.h"
#include "cli/progress.h"
#include "cli/run_report.h"

namespace catchment::cli {
namespace {

struct RunOptions {
  app::RunRequest request;
  std::vector<std::string> parameters, pairs;
  std::string refresh;
  bool refresh_given = false;
};

/// NAME=VALUE texts, and NAME VALUE as separate words.
Status ReadParameters(const RunOptions& options, nlohmann::json& parameters) {
  for (const std::string& text : options.parameters) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return Invalid("--param '{}': expected NAME=VALUE", text);
    parameters[text.substr(0, equals)] = text.substr(equals + 1);
  }
  if (options.pairs.size() % 2 != 0) {
    return Invalid("--pairs: '{}' has no value; expected NAME VALUE NAME VALUE …",
                   options.pairs.back());
  }
  for (size_t i = 0; i < options.pairs.size(); i += 2)
    parameters[options.pairs[i]] = options.pairs[i + 1];
  return {};
}

Status Complete(RunOptions& options) {
  RETURN_IF_ERROR(ReadParameters(options, options.request.parameters));
  if (options.refresh_given) {
    ASSIGN_OR_RETURN(options.request.refresh,
                     core::ParseRefresh(options.refresh.empty() ? "all" : options.refresh));
  }
  return {};
}

void Run(RunOptions& options, Session& session) {
  app::SignalWatcher signals;
  const auto settings = app::LoadSettings(session.settings);
  if (!settings.ok()) return session.Fail(settings.status());
  if (const Status complete = Complete(options); !complete.ok()) return session.Fail(complete);
  Result<std::vector<core::RunResult>> results = [&] {
    ProgressLine progress;
    app::RunControl control;
    control.on_event = [&](const core::RunEvent& event) { progress.Show(event); };
    control.stop = signals.token();
    control.stop_signal = [&] { return signals.signal(); };
    return app::RunPipeline(*settings, options.request, control);
  }();
  if (!results.ok()) return session.Fail(results.status());
  session.exit_code = app::ExitCodeOf(*results);
  ReportRuns(*results, session);
}

}  // namespace

void SetUpRun(CLI::App& app, Session& session) {
  auto options = std::make_shared<RunOptions>();
  app.add_option("pipeline", options->request.pipeline, "a pipeline's name, folder or file")
      ->required();
  app.add_option("--slot", options->request.slot, "a time, a month (2024-01) or `due` (default)")
      ->type_name("SLOT");
  app.add_option("--param,-p", options->parameters, "set a parameter")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->take_all();
  app.add_option("--pairs", options->pairs,
                 "set parameters, as separate words: NAME VALUE NAME VALUE …")
      ->expected(-1);
  app.add_option("--refresh", options->refresh,
                 "collect a published slot again: auto, all (default) or none")
      ->expected(0, 1)
      ->type_name("HOW");
  app.add_flag("--late", options->request.late,
               "collect although the slot's window is over; a gap says so");
  app.add_option("--workers", options->request.workers,
                 "tasks at once (default: the machine's cores)")
      ->check(CLI::Range(1, 256));
  app.callback([&app, options, &session] {
    options->refresh_given = app.count("--refresh") > 0;
    Run(*options, session);
  });
}

}  // namespace catchment::cli
