#include <memory>
#include <optional>

#include "cli/engine_verbs.h"
#include "cli/maintenance_report.h"
#include "core/exit_code.h"

namespace catchment::cli {
namespace {

struct ExportOptions {
  std::string pipeline;
  std::optional<int64_t> publish;
  bool takeover = false;
};

}  // namespace

void SetUpExport(CLI::App& app, Session& session) {
  auto options = std::make_shared<ExportOptions>();
  app.add_option("pipeline", options->pipeline,
                 "a pipeline's name, folder or file, or one of its datasets")
      ->required();
  app.add_option("--publish", options->publish, "the publish of this number (default: the newest)")
      ->type_name("N");
  app.add_flag("--takeover", options->takeover, "replace files that belong to another dataset");
  app.callback([options, &session] {
    const auto settings = app::LoadSettings(session.settings);
    if (!settings.ok()) return session.Fail(settings.status());
    const auto answer =
        app::ExportAgain(*settings, options->pipeline, options->publish, options->takeover);
    if (!answer.ok()) return session.Fail(answer.status());
    ReportMaintenance({*answer}, core::kExitFailed, session);
  });
}

}  // namespace catchment::cli
