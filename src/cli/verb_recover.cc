#include <memory>

#include "app/signals.h"
#include "cli/engine_verbs.h"
#include "cli/maintenance_report.h"
#include "core/exit_code.h"

namespace catchment::cli {

void SetUpRecover(CLI::App& app, Session& session) {
  auto dataset = std::make_shared<std::string>();
  app.add_option("dataset", *dataset, "a dataset's or pipeline's name (default: all)");
  app.callback([dataset, &session] {
    app::SignalWatcher signals;
    const auto settings = app::LoadSettings(session.settings);
    if (!settings.ok()) return session.Fail(settings.status());
    const auto answers = app::Recover(*settings, *dataset, signals.token());
    if (!answers.ok()) return session.Fail(answers.status());
    // What waits for something else is said, and no failure.
    int code = core::kExitDone;
    for (const app::MaintenanceAnswer& answer : *answers) {
      if (answer.exports_owed > 0) code = core::MostSevere(code, core::kExitTemporary);
      if (answer.damaged) code = core::MostSevere(code, core::kExitFailed);
    }
    ReportMaintenance(*answers, code, session);
  });
}

}  // namespace catchment::cli
