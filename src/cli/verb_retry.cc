#include <memory>

#include "app/retry.h"
#include "app/signals.h"
#include "cli/engine_verbs.h"
#include "cli/run_report.h"

namespace catchment::cli {

void SetUpRetry(CLI::App& app, Session& session) {
  auto request = std::make_shared<app::RetryRequest>();
  app.add_option("pipeline", request->pipeline, "a pipeline's name, folder or file")->required();
  app.add_option("--slot", request->slot, "only this slot")->type_name("SLOT");
  app.add_option("--limit", request->limit, "at most so many slots, oldest first (default: 100)")
      ->check(CLI::Range(1, 100'000));
  app.add_flag("--late", request->late, "collect although a slot's window is over");
  app.add_flag("--dry-run", request->dry_run, "only list the slots");
  app.callback([request, &session] {
    app::SignalWatcher signals;
    const auto settings = app::LoadSettings(session.settings);
    if (!settings.ok()) return session.Fail(settings.status());
    app::RunControl control;
    control.stop = signals.token();
    control.stop_signal = [&] { return signals.signal(); };
    const auto answer = app::Retry(*settings, *request, control);
    if (!answer.ok()) return session.Fail(answer.status());
    session.exit_code = app::ExitCodeOf(answer->results);
    if (answer->results.empty()) {
      if (session.format.json)
        return PrintJson("retry", {{"exit_code", 0}, {"slots", answer->slots}});
      if (answer->slots.empty()) return PrintText("nothing to retry");
      for (const std::string& slot : answer->slots) PrintText(slot);
      return;
    }
    ReportRuns(answer->results, session);
  });
}

}  // namespace catchment::cli
