#include "sources/freshness.h"

#include <utility>

#include "sources/call_budget.h"

namespace catchment::sources {

bool IsDue(const SourceInput& input, const std::string& unit, std::chrono::milliseconds refresh) {
  const auto prior = input.prior.find(unit);
  if (prior == input.prior.end()) return true;
  if (input.refresh_mode != RefreshMode::kAuto) return input.refresh_mode == RefreshMode::kAll;
  return input.first_of_day || input.slot - prior->second.slot >= refresh;
}

const PriorAnswer* UsableCopy(const SourceInput& input, const std::string& unit,
                              std::chrono::milliseconds limit, Time now) {
  const auto prior = input.prior.find(unit);
  if (prior == input.prior.end() || now - prior->second.collected_at > limit) return nullptr;
  return &prior->second;
}

std::string_view GapReason(Code code) {
  switch (code) {
    case Code::kDenied:
      return "credentials";
    case Code::kExhausted:
      return "budget";
    case Code::kDeadline:
      return "deadline";
    default:
      return "failed";
  }
}

Code CodeOfReason(std::string_view reason) {
  if (reason == "credentials") return Code::kDenied;
  if (reason == "budget") return Code::kExhausted;
  if (reason == "deadline") return Code::kDeadline;
  return Code::kUnavailable;
}

Error RememberedFailure(const SourceInput& input, const std::string& unit, Error failure,
                        const OpContext& context, int64_t& calls) {
  constexpr char kNoRequest[] = "no request";
  const std::string_view reason = GapReason(failure.code);
  const bool replayed = failure.code == Code::kNotFound;
  // What was received speaks for itself.
  if (reason == "failed" && calls > 0 && !replayed) return failure;
  CallBudget recording(*input.transport, unit, "", context, {});
  const std::string asked = calls > 0 ? "failure" : kNoRequest;
  Result<std::string> kept = recording.Fate(replayed ? kNoRequest : asked, 0, reason);
  if (replayed && kept.ok()) {
    calls = 0;
  } else if (replayed) {
    kept = recording.Fate("failure", 0, reason);
  }
  if (kept.ok() && *kept != reason) failure.code = CodeOfReason(*kept);
  return failure;
}

nlohmann::json UnitFacts(const SourceInput& input, Time collected_at) {
  return {{"run", input.run},
          {"task", input.task},
          {"slot_time", FormatTime(input.slot)},
          {"collected_at", FormatTime(collected_at)}};
}

void ReportUnavailable(SourceReport& report, const Error& error, std::string_view unit) {
  const std::string reason(GapReason(error.code));
  report.state = SourceState::kUnavailable;
  report.reason = error.message;
  report.error_code = CodeName(error.code);
  CoverageRow row;
  row.source = report.source;
  row.unit = unit;
  row.expected = 1;
  row.asked = report.calls > 0 ? 1 : 0;
  row.missing[reason] = 1;
  report.coverage.push_back(std::move(row));
  report.gaps.push_back({report.source, reason, 1, error.message});
}

}  // namespace catchment::sources
