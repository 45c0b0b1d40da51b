#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace catchment::state {

/// Times in the database are whole microseconds since 1970.
inline int64_t ToMicros(Time time) { return time.time_since_epoch().count(); }
inline std::optional<int64_t> ToMicros(const std::optional<Time>& time) {
  return time ? std::optional<int64_t>(ToMicros(*time)) : std::nullopt;
}
inline Time FromMicros(int64_t micros) { return Time(std::chrono::microseconds(micros)); }

}  // namespace catchment::state
