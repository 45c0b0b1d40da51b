#include "cli/engine_verbs.h"

namespace catchment::cli {

std::span<const VerbEntry> EngineVerbs() {
  static constexpr VerbEntry kEntries[] = {
      {"asof", SetUpAsof},     {"compact", SetUpCompact}, {"deliver", SetUpDeliver},
      {"diff", SetUpDiff},     {"doctor", SetUpDoctor},   {"export", SetUpExport},
      {"plan", SetUpPlan},     {"query", SetUpQuery},     {"recover", SetUpRecover},
      {"replay", SetUpReplay}, {"retry", SetUpRetry},     {"run", SetUpRun},
      {"schema", SetUpSchema}, {"stac", SetUpStac},       {"validate", SetUpValidate},
      {"verify", SetUpVerify},
  };
  return kEntries;
}

}  // namespace catchment::cli
