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
  // Microseconds keep the ids of one machine in order of time.
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  return RunId{fmt::format("{:%Y%m%dT%H%M%S}-{:06}-{:016x}", fmt::gmtime(second),
                           (now - second).count(), random)};
}

}  // namespace catchment
