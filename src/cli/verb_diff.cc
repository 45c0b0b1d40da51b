#include <memory>

#include "app/query.h"
#include "cli/engine_verbs.h"
#include "cli/rows_report.h"

namespace catchment::cli {
namespace {

struct DiffOptions {
  std::string dataset, table;
  int64_t before = 0, after = 0, limit = 1000;
  std::vector<std::string> key;
};

}  // namespace

void SetUpDiff(CLI::App& app, Session& session) {
  auto options = std::make_shared<DiffOptions>();
  app.add_option("dataset", options->dataset, "a dataset's or pipeline's name")->required();
  app.add_option("before", options->before, "number of the earlier publish")
      ->required()
      ->check(CLI::PositiveNumber);
  app.add_option("after", options->after, "number of the later publish")
      ->required()
      ->check(CLI::PositiveNumber);
  app.add_option("--table", options->table, "the table to compare")->required()->type_name("NAME");
  app.add_option("--key", options->key, "columns that identify a row (default: the published key)")
      ->delimiter(',')
      ->type_name("A,B");
  app.add_option("--limit", options->limit, "rows shown (default: 1000)");
  app.callback([options, &session] {
    const auto settings = app::LoadSettings(session.settings);
    if (!settings.ok()) return session.Fail(settings.status());
    const auto rows =
        app::DiffPublishes(*settings, options->dataset, options->before, options->after,
                           options->table, options->key, options->limit);
    return rows.ok() ? ReportRows(*rows, session) : session.Fail(rows.status());
  });
}

}  // namespace catchment::cli
