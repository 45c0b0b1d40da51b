#pragma once

// What tests of services share. Only tests include this.

#include <string_view>

#include "base/test.h"
#include "base/time.h"
#include "simulator/faults_internal.h"

namespace catchment::simulator {

inline const Time kNow = *ParseTime("2026-08-02T00:00:00Z");

/// A fault of kind `answer` that hits each request.
inline Fault FaultOf(std::string_view answer) {
  Fault fault;
  fault.answer = answer;
  return fault;
}

}  // namespace catchment::simulator
