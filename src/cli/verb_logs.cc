#include <memory>

#include "app/state_stores.h"
#include "cli/light_verbs.h"

namespace catchment::cli {
namespace {

std::string TasksText(const core::RunRecord& run) {
  TextTable table{{"task", "kind", "state", "rows", "ms", "message"}, {}};
  for (const core::TaskRecord& task : run.tasks) {
    table.rows.push_back({task.name, task.kind, std::string(core::TaskStateName(task.state)),
                          std::to_string(task.rows), std::to_string(task.duration.count()),
                          task.message});
  }
  return Render(table);
}

void Print(const core::RunRecord& run, const std::vector<core::RunMessage>& messages) {
  std::string text = fmt::format("run {} of {} slot {}: {}", run.run.text, run.dataset.text,
                                 run.slot.text, core::RunStateName(run.state));
  if (run.exit_code) text += fmt::format(", exit {}", *run.exit_code);
  if (run.published) text += fmt::format(", published as {}", *run.published);
  text += fmt::format("\n{}\n\n{}", run.message, TasksText(run));
  for (const Gap& gap : run.gaps)
    text += fmt::format("gap {} {} {}: {}\n", gap.source, gap.reason, gap.units, gap.detail);
  for (const SourceReport& report : run.reports) {
    for (const std::string& note : report.notes)
      text += fmt::format("note {}: {}\n", report.source, note);
  }
  for (const core::RunMessage& message : messages) {
    text += fmt::format("{} {} {}{}{}\n", FormatTime(message.at), message.level, message.task,
                        message.task.empty() ? "" : ": ", message.text);
  }
  PrintText(text);
}

void Run(const std::string& id, Session& session) {
  const auto settings = app::LoadSettings(session.settings);
  if (!settings.ok()) return session.Fail(settings.status());
  const auto stores = app::StateStores::Open(*settings);
  if (!stores.ok()) return session.Fail(stores.status());
  const auto run = (*stores)->runs().Get(RunId{id});
  if (!run.ok() && run.error().code == Code::kNotFound)
    return session.Fail(app::NoSuchRun(*settings, id, "in " + settings->state_folder.string()));
  if (!run.ok()) return session.Fail(run.status());
  const auto messages = (*stores)->runs().Logs(RunId{id});
  if (!messages.ok()) return session.Fail(messages.status());
  if (!session.format.json) return Print(*run, *messages);
  nlohmann::json list = nlohmann::json::array();
  for (const core::RunMessage& message : *messages) {
    list.push_back({{"at", FormatTime(message.at)},
                    {"level", message.level},
                    {"task", message.task},
                    {"text", message.text}});
  }
  PrintJson("logs", {{"run", core::ToJson(*run)}, {"messages", list}});
}

}  // namespace

void SetUpLogs(CLI::App& app, Session& session) {
  auto run = std::make_shared<std::string>();
  app.add_option("run", *run, "a run's id, from `catchment history`")->required();
  app.callback([run, &session] { Run(*run, session); });
}

}  // namespace catchment::cli
