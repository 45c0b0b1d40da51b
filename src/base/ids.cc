#include "base/ids.h"

#include <fmt/chrono.h>
#include <sys/random.h>

#include <chrono>
#include <cstdint>

namespace catchment {

RunId NewRunId() {
  uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random) {
    random = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return RunId{fmt::format("{:%Y%m%dT%H%M%S}-{:016x}", fmt::gmtime(now), random)};
}

}  // namespace catchment
