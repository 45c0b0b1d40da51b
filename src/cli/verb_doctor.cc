#include "app/doctor.h"
#include "cli/engine_verbs.h"

namespace catchment::cli {

void SetUpDoctor(CLI::App& app, Session& session) {
  app.callback([&session] {
    const std::vector<app::Diagnosis> all = app::Diagnose(session.settings);
    nlohmann::json list = nlohmann::json::array();
    TextTable table{{"check", "", "found"}, {}};
    for (const app::Diagnosis& one : all) {
      if (!one.well) session.exit_code = 1;
      list.push_back(
          {{"check", one.check}, {"well", one.well}, {"found", one.found}, {"remedy", one.remedy}});
      table.rows.push_back({one.check, one.well ? "ok" : "WRONG",
                            one.well ? one.found : one.found + "; " + one.remedy});
    }
    if (session.format.json)
      return PrintJson("doctor", {{"exit_code", session.exit_code}, {"checks", list}});
    PrintText(Render(table));
  });
}

}  // namespace catchment::cli
