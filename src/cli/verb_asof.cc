#include <memory>

#include "app/query.h"
#include "cli/engine_verbs.h"
#include "cli/rows_report.h"

namespace catchment::cli {
namespace {

struct AsofOptions {
  std::string dataset, time, by = "slot", table;
  std::vector<std::string> columns;
  int64_t limit = 1000;
};

void Run(const AsofOptions& options, Session& session) {
  const auto settings = app::LoadSettings(session.settings);
  if (!settings.ok()) return session.Fail(settings.status());
  app::PublishChoice choice;
  (options.by == "slot" ? choice.as_of_slot : choice.as_of_published) = options.time;
  if (!options.table.empty()) {
    const auto rows = app::ReadPublished(*settings, options.dataset, choice, options.table,
                                         options.columns, options.limit);
    return rows.ok() ? ReportRows(*rows, session) : session.Fail(rows.status());
  }
  const auto answer = app::DescribePublish(*settings, options.dataset, choice);
  if (!answer.ok()) return session.Fail(answer.status());
  if (session.format.json) return PrintJson("asof", answer->json);
  PrintText(fmt::format("publish {} ({}) of slot {}, published {} by run {}\n", answer->number,
                        answer->kind, answer->slot, answer->published, answer->run));
  PrintText(Render({{"table", "mode", "rows", "files"}, answer->tables}));
}

}  // namespace

void SetUpAsof(CLI::App& app, Session& session) {
  auto options = std::make_shared<AsofOptions>();
  app.add_option("dataset", options->dataset, "a dataset's or pipeline's name")->required();
  app.add_option("time", options->time, "the time in question")->required();
  app.add_option("--by", options->by,
                 "slot (default): the slot's own time; published: the time of publishing")
      ->check(CLI::IsMember({"slot", "published"}));
  app.add_option("--table", options->table, "print this table's rows")->type_name("NAME");
  app.add_option("--columns", options->columns, "only these columns, with commas")
      ->delimiter(',')
      ->type_name("A,B");
  app.add_option("--limit", options->limit, "rows shown (default: 1000)");
  app.callback([options, &session] { Run(*options, session); });
}

}  // namespace catchment::cli
