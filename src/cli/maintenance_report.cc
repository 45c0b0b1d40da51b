#include "cli/maintenance_report.h"

#include <cstdio>

namespace catchment::cli {

void ReportMaintenance(const std::vector<app::MaintenanceAnswer>& answers, int exit_with_problems,
                       Session& session) {
  nlohmann::json list = nlohmann::json::array();
  bool said = false;
  for (const app::MaintenanceAnswer& answer : answers) {
    if (!answer.problems.empty()) session.exit_code = exit_with_problems;
    list.push_back({{"dataset", answer.dataset},
                    {"done", answer.done},
                    {"problems", answer.problems},
                    {"details", answer.json}});
    if (session.format.json) continue;
    const std::string name = answer.dataset.empty() ? "" : answer.dataset + ": ";
    for (const std::string& line : answer.done) PrintText(name + line);
    for (const std::string& line : answer.problems)
      std::fprintf(stderr, "%s%s\n", name.c_str(), line.c_str());
    said = said || !answer.done.empty() || !answer.problems.empty();
  }
  if (session.format.json)
    return PrintJson(session.name, {{"exit_code", session.exit_code}, {"datasets", list}});
  if (!said) PrintText("nothing to do");
}

}  // namespace catchment::cli
