#include <memory>

#include "app/simulate.h"
#include "cli/light_verbs.h"

namespace catchment::cli {
namespace {

void ShowAddresses(const app::SimulatedEnvironment& environment, bool json) {
  if (json) {
    nlohmann::json variables = nlohmann::json::object();
    for (const auto& [name, value] : environment) variables[name] = value;
    PrintJson("simulate", {{"environment", variables}});
  } else {
    for (const auto& [name, value] : environment) PrintText("export " + name + "='" + value + "'");
  }
  std::fflush(stdout);
}

}  // namespace

void SetUpSimulate(CLI::App& app, Session& session) {
  auto request = std::make_shared<app::SimulateRequest>();
  auto list = std::make_shared<bool>(false);
  app.add_option("--world", request->world, "a world's name or file (default: azure-recorded)")
      ->type_name("NAME|FILE");
  app.add_option("--set", request->overrides, "change a value of the world")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  app.add_option("--seed", request->seed, "seed of generated data and of random faults")
      ->type_name("N");
  app.add_option("--trace", request->trace_file,
                 "write each request to FILE, one JSON object a line")
      ->type_name("FILE");
  app.add_flag("--list", *list, "list the worlds");
  app.add_option("command", request->command,
                 "what to run inside (after --); without it: stay and print the addresses");
  app.positionals_at_end();
  app.callback([request, list, &session] {
    if (*list) {
      const std::vector<std::string> worlds = app::SimulatedWorlds();
      if (session.format.json) return PrintJson("simulate", {{"worlds", worlds}});
      for (const std::string& world : worlds) PrintText(world);
      return;
    }
    const Result<int> code =
        app::Simulate(*request, [&](const app::SimulatedEnvironment& environment) {
          ShowAddresses(environment, session.format.json);
        });
    if (code.ok()) {
      session.exit_code = *code;
    } else {
      session.Fail(code.status());
    }
  });
}

}  // namespace catchment::cli
