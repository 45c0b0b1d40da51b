#include "cli/maintenance_report.h"

#include <cstdio>

namespace catchment::cli {

void ReportMaintenance(const std::vector<app::MaintenanceAnswer>& answers, bool problems_fail,
                       Session& session) {
  nlohmann::json list = nlohmann::json::array();
  bool said = false;
  for (const app::MaintenanceAnswer& answer : answers) {
    if (problems_fail && !answer.problems.empty()) session.exit_code = 1;
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
