#include "sources/freshness.h"

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
