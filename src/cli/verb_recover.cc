#include <memory>

#include "app/signals.h"
#include "cli/engine_verbs.h"
#include "cli/maintenance_report.h"

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
    ReportMaintenance(*answers, false, session);
  });
}

}  // namespace catchment::cli
