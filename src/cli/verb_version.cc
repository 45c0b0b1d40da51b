#include "cli/light_verbs.h"

namespace catchment::cli {

void SetUpVersion(CLI::App& app, Session& session) {
  app.callback([&session] {
    if (session.format.json) {
      PrintJson("version", {{"catchment", CATCHMENT_VERSION}, {"lake_format", 1}});
    } else {
      PrintText("catchment " CATCHMENT_VERSION);
    }
  });
}

}  // namespace catchment::cli
