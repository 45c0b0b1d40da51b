#include "core/exit_code.h"

#include <algorithm>
#include <array>

namespace catchment::core {

int ExitCodeOf(Code code) {
  switch (code) {
    case Code::kInvalid:
      return kExitUsage;
    case Code::kNotFound:
      return kExitNotFound;
    case Code::kLocked:
      return kExitLocked;
    case Code::kDenied:
      return kExitDenied;
    case Code::kExhausted:
      return kExitExhausted;
    case Code::kExists:  // somebody else was first, again and again
    case Code::kUnavailable:
      return kExitTemporary;
    case Code::kDeadline:
      return kExitDeadline;
    case Code::kCancelled:
      return kExitInterrupted;
    case Code::kCorrupt:
    case Code::kInternal:
      return kExitFailed;
  }
  return kExitFailed;
}

namespace {

/// Of a required source that is unavailable.
int UnavailableExitCode(const SourceReport& report) {
  if (report.error_code == CodeName(Code::kDenied)) return kExitDenied;
  if (report.error_code == CodeName(Code::kExhausted)) return kExitExhausted;
  if (report.error_code == CodeName(Code::kUnavailable)) return kExitTemporary;
  return kExitFailed;
}

}  // namespace

int CollectExitCode(std::span<const CollectOutcome> outcomes) {
  int code = kExitDone;
  bool any_obtained = outcomes.empty();
  for (const CollectOutcome& outcome : outcomes) {
    const bool unavailable = outcome.report->state == SourceState::kUnavailable;
    any_obtained = any_obtained || !unavailable;
    if (unavailable && outcome.required) {
      code = MostSevere(code, UnavailableExitCode(*outcome.report));
    }
  }
  if (code != kExitDone) return code;
  return any_obtained ? kExitDone : kExitTemporary;
}

int PublishedExitCode(bool any_gap, bool export_owed) {
  if (export_owed) return kExitTemporary;
  return any_gap ? kExitGaps : kExitDone;
}

int MostSevere(int one, int other) {
  constexpr std::array<int, 7> kOrder = {kExitFailed, kExitDenied, kExitExhausted, kExitTemporary,
                                         kExitHeld,   kExitGaps,   kExitDone};
  const auto rank = [&](int code) {
    const auto* const found = std::find(kOrder.begin(), kOrder.end(), code);
    return found == kOrder.end() ? -1 : static_cast<int>(found - kOrder.begin());
  };
  return rank(other) < rank(one) ? other : one;
}

int SignalExitCode(int signal_number) { return 128 + signal_number; }

}  // namespace catchment::core
