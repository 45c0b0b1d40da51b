#include "cli/light_verbs.h"

namespace catchment::cli {

std::span<const VerbEntry> LightVerbs() {
  static constexpr VerbEntry kEntries[] = {
      {"completion", SetUpCompletion},
      {"history", SetUpHistory},
      {"init", SetUpInit},
      {"logs", SetUpLogs},
      {"simulate", SetUpSimulate},
      {"status", SetUpStatus},
      {"version", SetUpVersion},
  };
  return kEntries;
}

}  // namespace catchment::cli
