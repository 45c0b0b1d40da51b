#pragma once

#include <string>
#include <vector>

#include "base/coverage.h"
#include "base/result.h"
#include "base/time.h"
#include "core/publisher.h"
#include "core/run_spec.h"

namespace catchment::core {

/// What a run does with its slot.
struct SlotDecision {
  enum class Kind {
    kCollect,
    kPublished,  ///< it is published and closed: nothing to do
    kTooOld,     ///< its sources know only the present
  };
  Kind kind = Kind::kCollect;
  std::vector<Gap> gaps;  ///< kCollect: one for each source that is asked too late
  std::string message;    ///< kTooOld
};

/// Decide by what the lake says of the slot and by the time. An open slot and one whose recheck is
/// due are collected again; a slot past its window only if its sources look back, or with
/// `spec.late`. kInvalid: `slot.open` is no duration.
Result<SlotDecision> DecideOnSlot(const RunSpec& spec, const SlotStanding& standing, Time now);

}  // namespace catchment::core
