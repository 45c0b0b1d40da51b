#include <memory>

#include "app/query.h"
#include "app/signals.h"
#include "base/text.h"
#include "cli/engine_verbs.h"
#include "cli/publish_options.h"
#include "cli/rows_report.h"

namespace catchment::cli {

void SetUpQuery(CLI::App& app, Session& session) {
  auto request = std::make_shared<app::QueryRequest>();
  app.add_option("dataset", request->dataset, "a dataset's or pipeline's name")->required();
  app.add_option("sql", request->sql, "one SELECT over its tables")->required();
  AddPublishOptions(app, request->publish);
  app.add_option("--limit", request->limit, "rows shown (default: 1000)")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 40));
  app.add_option("--output,-o", request->output,
                 "write all rows to FILE (.csv, .csv.gz, .json, .ndjson, .parquet)")
      ->type_name("FILE");
  app.callback([request, &session] {
    app::SignalWatcher signals;
    const auto settings = app::LoadSettings(session.settings);
    if (!settings.ok()) return session.Fail(settings.status());
    const auto answer = app::Query(*settings, *request, signals.token());
    if (!answer.ok()) return session.Fail(answer.status());
    if (request->output.empty()) return ReportRows(*answer, session);
    if (session.format.json)
      return PrintJson("query", {{"output", request->output}, {"total", answer->total}});
    PrintText(fmt::format("wrote {} rows to {}", FormatCount(answer->total), request->output));
  });
}

}  // namespace catchment::cli
