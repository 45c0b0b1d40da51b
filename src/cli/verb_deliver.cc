#include <cstdio>
#include <memory>

#include "app/deliver.h"
#include "app/signals.h"
#include "cli/engine_verbs.h"

namespace catchment::cli {
namespace {

void Print(const app::DeliverAnswer& answer, bool list) {
  if (!list && answer.delivered > 0)
    PrintText(fmt::format("delivered {} outbox items", answer.delivered));
  for (const std::string& note : answer.notes) std::fprintf(stderr, "%s\n", note.c_str());
  if (answer.items.empty()) {
    if (list || answer.delivered == 0) PrintText("nothing waits");
    return;
  }
  TextTable table{{"sink", "publish", "slot", "table", "state", "tries", "last error"}, {}};
  for (const app::WaitingItem& item : answer.items) {
    table.rows.push_back({item.sink, std::to_string(item.publish), item.slot, item.table,
                          item.parked ? "parked" : "waiting", std::to_string(item.attempts),
                          item.last_error});
  }
  PrintText(Render(table));
}

void PrintDocument(const app::DeliverAnswer& answer, int exit_code) {
  nlohmann::json items = nlohmann::json::array();
  for (const app::WaitingItem& item : answer.items) {
    items.push_back({{"sink", item.sink},
                     {"publish", item.publish},
                     {"slot", item.slot},
                     {"table", item.table},
                     {"state", item.parked ? "parked" : "waiting"},
                     {"attempts", item.attempts},
                     {"refusals", item.refusals},
                     {"last_error", item.last_error}});
  }
  PrintJson("deliver", {{"exit_code", exit_code},
                        {"dataset", answer.dataset},
                        {"delivered", answer.delivered},
                        {"items", items},
                        {"notes", answer.notes}});
}

}  // namespace

void SetUpDeliver(CLI::App& app, Session& session) {
  auto request = std::make_shared<app::DeliverRequest>();
  app.add_option("pipeline", request->pipeline, "a pipeline's name, folder or file")->required();
  app.add_flag("--list", request->list, "show what waits and what is parked; send nothing");
  app.add_flag("--parked", request->parked,
               "also items refused ten times: each gets ten new tries");
  app.add_option("--sink", request->sink, "only this sink, as --list names it")->type_name("NAME");
  app.callback([request, &session] {
    app::SignalWatcher signals;
    const auto settings = app::LoadSettings(session.settings);
    if (!settings.ok()) return session.Fail(settings.status());
    const auto answer = app::Deliver(*settings, *request, signals.token());
    if (!answer.ok()) return session.Fail(answer.status());
    session.exit_code = request->list ? 0 : app::ExitCodeOf(*answer);
    if (session.format.json) return PrintDocument(*answer, session.exit_code);
    Print(*answer, request->list);
  });
}

}  // namespace catchment::cli
