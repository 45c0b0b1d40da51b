#include <memory>

#include "app/signals.h"
#include "cli/engine_verbs.h"
#include "cli/maintenance_report.h"
#include "cli/progress.h"
#include "core/exit_code.h"

namespace catchment::cli {

void SetUpVerify(CLI::App& app, Session& session) {
  auto request = std::make_shared<app::VerifyRequest>();
  app.add_option("dataset", request->dataset, "a dataset's or pipeline's name (default: all)");
  app.add_flag("--quick", request->quick, "existence and size only, no digests");
  app.add_flag("--all-versions", request->all_versions,
               "objects of every publish, not only of the newest");
  app.add_flag("!--no-vault", request->vault, "not the recorded answers, which a replay reads");
  app.callback([request, &session] {
    app::SignalWatcher signals;
    const auto settings = app::LoadSettings(session.settings);
    if (!settings.ok()) return session.Fail(settings.status());
    const auto answers = [&] {
      ProgressLine line;
      request->progress = [&](const std::string& text) {
        line.Show({.kind = core::RunEvent::Kind::kNote, .text = text});
      };
      return app::Verify(*settings, *request, signals.token());
    }();
    if (!answers.ok()) return session.Fail(answers.status());
    ReportMaintenance(*answers, core::kExitFailed, session);
  });
}

}  // namespace catchment::cli
