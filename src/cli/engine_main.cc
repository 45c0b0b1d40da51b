// The program `catchment-engine`: the verbs that need tables. `catchment` starts it with its own
// arguments.

#include <cstdio>
#include <string>
#include <vector>

#include "app/memory.h"
#include "cli/engine_verbs.h"
#include "cli/verb.h"

int main(int argc, char** argv) {
  catchment::app::ChooseMemoryPool();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  for (const catchment::cli::VerbEntry& entry : catchment::cli::EngineVerbs()) {
    if (!arguments.empty() && entry.name == arguments[0])
      return catchment::cli::RunVerb(entry, arguments);
  }
  std::fprintf(stderr, "catchment-engine: start catchment instead\n");
  return 2;
}
