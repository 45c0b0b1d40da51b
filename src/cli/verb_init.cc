#include <memory>

#include "app/starter.h"
#include "cli/light_verbs.h"

namespace catchment::cli {

void SetUpInit(CLI::App& app, Session& session) {
  auto folder = std::make_shared<std::string>(".");
  app.add_option("folder", *folder, "where to make it (default: here)");
  app.callback([folder, &session] {
    const auto made = app::WriteStarterProject(*folder);
    if (!made.ok()) return session.Fail(made.status());
    if (session.format.json) return PrintJson("init", {{"folder", *folder}, {"files", *made}});
    for (const std::string& file : *made)
      PrintText("made " + (std::filesystem::path(*folder) / file).string());
    PrintText("Next: cd " + *folder +
              " && catchment validate rivers && catchment run rivers --slot due");
  });
}

}  // namespace catchment::cli
