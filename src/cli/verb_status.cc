#include "app/lake_problems.h"
#include "app/state_stores.h"
#include "cli/light_verbs.h"

namespace catchment::cli {
namespace {

std::string Newest(const core::PipelineStatus& status) {
  if (!status.newest) return "";
  return fmt::format("{} {}", status.newest->slot.text, core::RunStateName(status.newest->state));
}

std::string ExitText(const core::PipelineStatus& status) {
  if (!status.newest || !status.newest->exit_code) return "";
  return std::to_string(*status.newest->exit_code);
}

nlohmann::json ToJson(const core::PipelineStatus& status) {
  nlohmann::json json = {{"pipeline", status.pipeline},
                         {"dataset", status.dataset},
                         {"environment", status.environment},
                         {"running", status.running},
                         {"runs", status.runs},
                         {"gaps", status.gap_units}};
  json["published"] = status.published ? nlohmann::json(*status.published) : nlohmann::json();
  json["published_slot"] =
      status.published_slot ? nlohmann::json(status.published_slot->text) : nlohmann::json();
  json["newest_run"] = status.newest ? core::ToJson(*status.newest) : nlohmann::json();
  return json;
}

void PrintProblems(const std::vector<app::LakeProblem>& problems) {
  for (const app::LakeProblem& problem : problems) {
    PrintText(fmt::format("PROBLEM {}{}{}", problem.dataset, problem.dataset.empty() ? "" : ": ",
                          problem.text));
  }
}

void Run(Session& session) {
  const auto settings = app::LoadSettings(session.settings);
  if (!settings.ok()) return session.Fail(settings.status());
  const auto state = app::StateStores::Open(*settings);
  if (!state.ok()) return session.Fail(state.status());
  const auto statuses = (*state)->runs().StatusOfPipelines();
  if (!statuses.ok()) return session.Fail(statuses.status());
  const std::vector<app::LakeProblem> problems = app::FindLakeProblems(*settings);
  if (session.format.json) {
    nlohmann::json list = nlohmann::json::array();
    for (const core::PipelineStatus& status : *statuses) list.push_back(ToJson(status));
    nlohmann::json wrong = nlohmann::json::array();
    for (const app::LakeProblem& problem : problems)
      wrong.push_back({{"dataset", problem.dataset}, {"problem", problem.text}});
    return PrintJson(
        "status",
        {{"lake", settings->lake_root.string()}, {"pipelines", list}, {"problems", wrong}});
  }
  if (statuses->empty()) {
    PrintText("no runs yet; start with: catchment run PIPELINE");
    return PrintProblems(problems);
  }
  TextTable table{
      {"dataset", "env", "publish", "slot", "newest run", "exit", "gaps", "running", "runs"}, {}};
  for (const core::PipelineStatus& status : *statuses) {
    table.rows.push_back({status.dataset, status.environment,
                          status.published ? std::to_string(*status.published) : "",
                          status.published_slot ? status.published_slot->text : "", Newest(status),
                          ExitText(status), std::to_string(status.gap_units),
                          std::to_string(status.running), std::to_string(status.runs)});
  }
  PrintText(Render(table));
  PrintProblems(problems);
}

}  // namespace

void SetUpStatus(CLI::App& app, Session& session) {
  app.callback([&session] { Run(session); });
}

}  // namespace catchment::cli
