#include "app/simulate.h"

#include <cstdlib>
#include <filesystem>

#include "app/installation.h"
#include "simulator/child.h"
#include "simulator/simulator.h"
#include "simulator/world.h"

namespace catchment::app {
namespace {

std::vector<std::filesystem::path> WorldFolders() { return SharedFolders("worlds"); }

}  // namespace

std::vector<std::string> SimulatedWorlds() { return simulator::WorldNames(WorldFolders()); }

Result<int> Simulate(const SimulateRequest& request,
                     const std::function<void(const SimulatedEnvironment&)>& show) {
  ASSIGN_OR_RETURN(simulator::World world, simulator::LoadWorld(request.world, WorldFolders(),
                                                                request.overrides, request.seed));
  ASSIGN_OR_RETURN(const auto simulator, simulator::Simulator::Start(
                                             std::move(world), {.trace_file = request.trace_file}));
  SimulatedEnvironment environment = simulator->Environment();
  if (request.command.empty()) {
    show(environment);
    RETURN_IF_ERROR(simulator::WaitForStopSignal());
    return 0;
  }
  // COMMAND finds this very program under the name `catchment`.
  const char* path = std::getenv("PATH");
  environment.emplace_back(
      "PATH", ProgramFolder().string() + (path == nullptr ? "" : std::string(":") + path));
  return simulator::RunWithEnvironment(request.command, environment);
}

}  // namespace catchment::app
