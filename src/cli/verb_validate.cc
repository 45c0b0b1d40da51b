#include <memory>

#include "app/validate.h"
#include "cli/engine_verbs.h"

namespace catchment::cli {

void SetUpValidate(CLI::App& app, Session& session) {
  auto names = std::make_shared<std::vector<std::string>>();
  app.add_option("pipeline", *names,
                 "pipelines by name, folder or file (default: all that are found)");
  app.callback([names, &session] {
    const auto settings = app::LoadSettings(session.settings);
    if (!settings.ok()) return session.Fail(settings.status());
    const std::vector<std::string> chosen = names->empty() ? app::PipelineNames(*settings) : *names;
    if (chosen.empty())
      return session.Fail(NotFound("no pipelines found; make one with `catchment init`"));
    nlohmann::json list = nlohmann::json::array();
    Status failed;
    for (const std::string& name : chosen) {
      const auto summary = app::ValidatePipeline(*settings, name);
      if (!summary.ok()) {
        list.push_back(
            {{"pipeline", name}, {"valid", false}, {"problems", summary.error().message}});
        std::fprintf(stderr, "%s\n", summary.error().message.c_str());
        failed = Invalid("pipeline '{}' is not valid", name);
        continue;
      }
      list.push_back({{"pipeline", name},
                      {"valid", true},
                      {"tasks", summary->tasks},
                      {"file", summary->file}});
      if (!session.format.json)
        PrintText(fmt::format("{}: valid ({} tasks)", name, summary->tasks));
    }
    if (session.format.json) PrintJson("validate", {{"pipelines", list}});
    if (!failed.ok()) session.exit_code = 2;
  });
}

}  // namespace catchment::cli
