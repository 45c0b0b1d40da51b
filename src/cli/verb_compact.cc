#include <memory>

#include "app/signals.h"
#include "cli/engine_verbs.h"
#include "cli/maintenance_report.h"
#include "core/exit_code.h"

namespace catchment::cli {

void SetUpCompact(CLI::App& app, Session& session) {
  auto dataset = std::make_shared<std::string>();
  auto min_files = std::make_shared<int64_t>(8);
  app.add_option("dataset", *dataset, "a dataset's or pipeline's name")->required();
  app.add_option("--min-files", *min_files,
                 "rewrite partitions of at least so many files (default: 8)")
      ->check(CLI::Range(2, 1'000'000));
  app.callback([dataset, min_files, &session] {
    app::SignalWatcher signals;
    const auto settings = app::LoadSettings(session.settings);
    if (!settings.ok()) return session.Fail(settings.status());
    const auto answer = app::Compact(*settings, *dataset, *min_files, signals.token());
    if (!answer.ok()) return session.Fail(answer.status());
    ReportMaintenance({*answer}, core::kExitFailed, session);
  });
}

}  // namespace catchment::cli
