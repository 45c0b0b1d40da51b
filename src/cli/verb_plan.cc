#include <memory>

#include "app/plan.h"
#include "cli/engine_verbs.h"
#include "cli/run_options.h"

namespace catchment::cli {
namespace {

void Print(const app::PlanAnswer& plan) {
  PrintText(fmt::format("{} slot {} in environment {}: {}", plan.dataset, plan.slot,
                        plan.environment, plan.standing));
  PrintText("");
  TextTable tasks{{"task", "kind", "needs", "what it does"}, {}};
  for (const app::PlannedTask& task : plan.tasks)
    tasks.rows.push_back({task.name, task.kind, task.needs, task.what});
  PrintText(Render(tasks));
  PrintText("writes:");
  for (const std::string& line : plan.writes) PrintText("  " + line);
  for (const std::string& note : plan.notes) PrintText("note: " + note);
}

}  // namespace

void SetUpPlan(CLI::App& app, Session& session) {
  auto options = std::make_shared<RunOptions>();
  AddRunOptions(app, *options);
  app.callback([options, &session] {
    session.settings.roots_later = true;
    const auto settings = app::LoadSettings(session.settings);
    if (!settings.ok()) return session.Fail(settings.status());
    const Result<app::RunRequest> request = options->Request();
    if (!request.ok()) return session.Fail(request.status());
    const auto plans = app::PlanRuns(*settings, *request);
    if (!plans.ok()) return session.Fail(plans.status());
    if (!session.format.json) {
      if (plans->empty()) PrintText("nothing is due");
      for (const app::PlanAnswer& plan : *plans) Print(plan);
      return;
    }
    nlohmann::json list = nlohmann::json::array();
    for (const app::PlanAnswer& plan : *plans) {
      nlohmann::json tasks = nlohmann::json::array();
      for (const app::PlannedTask& task : plan.tasks) {
        tasks.push_back(
            {{"name", task.name}, {"kind", task.kind}, {"needs", task.needs}, {"what", task.what}});
        if (!task.figures.is_null()) tasks.back()["figures"] = task.figures;
      }
      list.push_back({{"dataset", plan.dataset},
                      {"slot", plan.slot},
                      {"environment", plan.environment},
                      {"standing", plan.standing},
                      {"tasks", tasks},
                      {"writes", plan.writes},
                      {"notes", plan.notes}});
    }
    PrintJson("plan", {{"runs", list}});
  });
}

}  // namespace catchment::cli
