#include "base/coverage.h"

namespace catchment {

using nlohmann::json;

namespace {

template <typename T>
T Get(const json& object, const char* name, T fallback) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return fallback;
  return found->get<T>();
}

json MaybeTime(const std::optional<Time>& time) {
  return time ? json(FormatTime(*time)) : json(nullptr);
}

std::optional<Time> TimeFrom(const json& object, const char* name) {
  const std::string text = Get<std::string>(object, name, "");
  if (text.empty()) return std::nullopt;
  auto time = ParseTime(text);
  return time.ok() ? std::optional<Time>(*time) : std::nullopt;
}

SourceState StateFrom(std::string_view name) {
  for (const SourceState state :
       {SourceState::kLive, SourceState::kCached, SourceState::kPartial}) {
    if (SourceStateName(state) == name) return state;
  }
  return SourceState::kUnavailable;
}

}  // namespace

std::string_view SourceStateName(SourceState state) {
  switch (state) {
    case SourceState::kLive:
      return "live";
    case SourceState::kCached:
      return "cached";
    case SourceState::kPartial:
      return "partial";
    case SourceState::kUnavailable:
      return "unavailable";
  }
  return "unavailable";
}

json ToJson(const CoverageRow& row) {
  json out = {{"source", row.source}, {"unit", row.unit},         {"expected", row.expected},
              {"asked", row.asked},   {"answered", row.answered}, {"missing", row.missing}};
  out["region"] = row.region ? json(*row.region) : json(nullptr);
  if (row.desired_count) out["desired_count"] = *row.desired_count;
  if (row.scored != 0) out["scored"] = row.scored;
  if (row.excluded_invalid != 0) out["excluded_invalid"] = row.excluded_invalid;
  if (row.left_out != 0) out["left_out"] = row.left_out;
  return out;
}

CoverageRow CoverageRowFromJson(const json& in) {
  CoverageRow row;
  row.source = Get<std::string>(in, "source", "");
  row.unit = Get<std::string>(in, "unit", "");
  if (in.contains("region") && in["region"].is_string())
    row.region = in["region"].get<std::string>();
  if (in.contains("desired_count")) row.desired_count = in["desired_count"].get<int>();
  row.expected = Get<int64_t>(in, "expected", 0);
  row.asked = Get<int64_t>(in, "asked", 0);
  row.answered = Get<int64_t>(in, "answered", 0);
  row.scored = Get<int64_t>(in, "scored", 0);
  row.excluded_invalid = Get<int64_t>(in, "excluded_invalid", 0);
  row.left_out = Get<int64_t>(in, "left_out", 0);
  row.missing = Get<std::map<std::string, int64_t>>(in, "missing", {});
  return row;
}

json ToJson(const Gap& gap) {
  return {
      {"source", gap.source}, {"reason", gap.reason}, {"units", gap.units}, {"detail", gap.detail}};
}

Gap GapFromJson(const json& in) {
  return {Get<std::string>(in, "source", ""), Get<std::string>(in, "reason", ""),
          Get<int64_t>(in, "units", 0), Get<std::string>(in, "detail", "")};
}

json ToJson(const SourceReport& report) {
  json out = {{"source", report.source},
              {"state", SourceStateName(report.state)},
              {"calls", report.calls},
              {"bytes", report.bytes},
              {"oldest_fact", MaybeTime(report.oldest_fact)},
              {"newest_fact", MaybeTime(report.newest_fact)},
              {"counts", report.counts}};
  if (!report.reason.empty()) out["reason"] = report.reason;
  if (!report.error_code.empty()) out["error_code"] = report.error_code;
  if (!report.notes.empty()) out["notes"] = report.notes;
  if (!report.state_patch.empty()) out["state_patch"] = report.state_patch;
  out["coverage"] = json::array();
  for (const CoverageRow& row : report.coverage) out["coverage"].push_back(ToJson(row));
  out["gaps"] = json::array();
  for (const Gap& gap : report.gaps) out["gaps"].push_back(ToJson(gap));
  return out;
}

SourceReport SourceReportFromJson(const json& in) {
  SourceReport report;
  report.source = Get<std::string>(in, "source", "");
  report.state = StateFrom(Get<std::string>(in, "state", "unavailable"));
  report.reason = Get<std::string>(in, "reason", "");
  report.error_code = Get<std::string>(in, "error_code", "");
  report.notes = Get<std::vector<std::string>>(in, "notes", {});
  report.counts = Get<std::map<std::string, int64_t>>(in, "counts", {});
  report.calls = Get<int64_t>(in, "calls", 0);
  report.bytes = Get<int64_t>(in, "bytes", 0);
  report.oldest_fact = TimeFrom(in, "oldest_fact");
  report.newest_fact = TimeFrom(in, "newest_fact");
  report.state_patch = Get<json>(in, "state_patch", json::object());
  for (const json& row : Get<json>(in, "coverage", json::array())) {
    report.coverage.push_back(CoverageRowFromJson(row));
  }
  for (const json& gap : Get<json>(in, "gaps", json::array()))
    report.gaps.push_back(GapFromJson(gap));
  return report;
}

}  // namespace catchment
