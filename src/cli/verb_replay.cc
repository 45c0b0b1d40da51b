#include <memory>

#include "app/replay.h"
#include "app/signals.h"
#include "cli/engine_verbs.h"

namespace catchment::cli {
namespace {

void Print(const app::ReplayAnswer& answer) {
  TextTable table{{"table", "same", "file"}, {}};
  for (const app::ReplayedFile& file : answer.files) {
    table.rows.push_back({file.table, file.same() ? "yes" : "NO", file.path});
  }
  PrintText(Render(table));
  PrintText(fmt::format("state: {}", answer.state_same ? "same" : "DIFFERS"));
  PrintText(answer.same() ? fmt::format("the same bytes as publish {} ({} files)", answer.publish,
                                        answer.files.size())
                          : fmt::format("NOT the same bytes as publish {}", answer.publish));
}

}  // namespace

void SetUpReplay(CLI::App& app, Session& session) {
  auto run = std::make_shared<std::string>();
  app.add_option("run", *run, "a run's id, from `catchment history`")->required();
  app.callback([run, &session] {
    app::SignalWatcher signals;
    const auto settings = app::LoadSettings(session.settings);
    if (!settings.ok()) return session.Fail(settings.status());
    const auto answer = app::Replay(*settings, *run, signals.token());
    if (!answer.ok()) return session.Fail(answer.status());
    session.exit_code = answer->same() ? 0 : 1;
    if (!session.format.json) return Print(*answer);
    nlohmann::json files = nlohmann::json::array();
    for (const app::ReplayedFile& file : answer->files) {
      files.push_back({{"table", file.table},
                       {"path", file.path},
                       {"published_sha256", file.published_sha256},
                       {"replayed_sha256", file.replayed_sha256}});
    }
    PrintJson("replay", {{"run", answer->run},
                         {"publish", answer->publish},
                         {"same", answer->same()},
                         {"state_same", answer->state_same},
                         {"files", files}});
  });
}

}  // namespace catchment::cli
