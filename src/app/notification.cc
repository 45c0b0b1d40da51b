#include "app/notification.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"

namespace catchment::app {
namespace {

std::string Prefix(const RunFacts& facts) {
  return fmt::format("[{} {}] {}", facts.pipeline, facts.environment, facts.slot);
}

/// One line without a full stop.
std::string OneLine(std::string text) {
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos;) text.replace(at, 1, "; ");
  while (!text.empty() && (text.back() == '.' || text.back() == ' ')) text.pop_back();
  return text;
}

std::string FailedText(const RunFacts& facts) {
  std::string head = "head cannot be read";
  if (facts.head) {
    head = facts.head->number == 0
               ? "there is no publish yet"
               : fmt::format("head is {} ({})", facts.head->number, facts.head->slot);
  }
  return fmt::format("{} failed: {}. Nothing published; {}.", Prefix(facts), OneLine(facts.message),
                     head);
}

/// `budget 4,093, failed 12`: the units by reason, most first.
std::string Reasons(const std::map<std::string, int64_t>& units, bool with_units) {
  std::vector<std::pair<std::string, int64_t>> list(units.begin(), units.end());
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [reason, count] : list) {
    text += text.empty() ? "" : ", ";
    text += with_units ? fmt::format("{} {}", reason, FormatCount(count)) : reason;
  }
  return text;
}

struct UnitCount {
  std::string unit;
  int64_t expected = 0, answered = 0;
};

/// How much was obtained of the units that are missing some.
std::optional<UnitCount> Obtained(const SourceReport& report) {
  std::map<std::string, UnitCount> by_unit;
  std::string holed;
  for (const CoverageRow& row : report.coverage) {
    UnitCount& count = by_unit[row.unit];
    count.unit = row.unit;
    count.expected += row.expected;
    count.answered += row.answered;
    if (!row.missing.empty() && holed.empty()) holed = row.unit;
  }
  if (holed.empty()) return std::nullopt;
  return by_unit[holed];
}

/// What one source lacks, e.g. `placement 28,110 of 32,203 pairs (budget 4,093)`.
std::string HoleText(const std::string& source, const SourceReport* report,
                     const std::map<std::string, int64_t>& reasons) {
  if (report != nullptr && report->state == SourceState::kUnavailable)
    return fmt::format("{} unavailable ({})", source, Reasons(reasons, false));
  if (report != nullptr && report->state == SourceState::kCached)
    return fmt::format("{} cached ({})", source, Reasons(reasons, false));
  const std::optional<UnitCount> count = report == nullptr ? std::nullopt : Obtained(*report);
  if (!count) return fmt::format("{} ({})", source, Reasons(reasons, true));
  return fmt::format("{} {} of {} {}s ({})", source, FormatCount(count->answered),
                     FormatCount(count->expected), count->unit, Reasons(reasons, true));
}

/// Sources with gaps in the order of the tasks; those that are unavailable or cached come last.
std::string Holes(const RunFacts& facts) {
  std::map<std::string, std::map<std::string, int64_t>> by_source;
  for (const Gap& gap : facts.gaps) by_source[gap.source][gap.reason] += gap.units;
  const auto report_of = [&](const std::string& source) -> const SourceReport* {
    for (const SourceReport& report : facts.reports) {
      if (report.source == source) return &report;
    }
    return nullptr;
  };
  const auto rank = [&](const std::string& source) {
    const SourceReport* report = report_of(source);
    const bool whole = report != nullptr && (report->state == SourceState::kUnavailable ||
                                             report->state == SourceState::kCached);
    const auto at = std::find(facts.tasks.begin(), facts.tasks.end(), source);
    return std::pair(whole, at - facts.tasks.begin());
  };
  std::vector<std::string> sources;
  for (const auto& [source, reasons] : by_source) sources.push_back(source);
  std::stable_sort(sources.begin(), sources.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  std::string text;
  for (const std::string& source : sources) {
    text += text.empty() ? "" : "; ";
    text += HoleText(source, report_of(source), by_source[source]);
  }
  return text;
}

using Kinds = std::set<std::pair<std::string, std::string>>;

Kinds KindsOf(const std::vector<Gap>& gaps) {
  Kinds kinds;
  for (const Gap& gap : gaps) kinds.emplace(gap.source, gap.reason);
  return kinds;
}

/// Whether gaps are told of now: when they are others than before, and four times a day.
bool GapIsDue(const RunFacts& facts) {
  if (facts.gaps.empty()) return false;
  if (!facts.gaps_before || KindsOf(*facts.gaps_before) != KindsOf(facts.gaps)) return true;
  return facts.slot_start.time_since_epoch() % std::chrono::hours(6) == Time::duration::zero();
}

std::string PublishedText(const RunFacts& facts) {
  const std::string start = fmt::format("{} published as {}", Prefix(facts), *facts.published);
  return facts.gaps.empty() ? start + "." : fmt::format("{} with holes: {}.", start, Holes(facts));
}

}  // namespace

std::string EnvironmentLabel(const std::string& name, const std::string& suffix) {
  const size_t begin = suffix.find_first_not_of("-_.");
  return begin == std::string::npos ? name : suffix.substr(begin);
}

std::optional<std::string> NotificationText(const RunFacts& facts,
                                            std::span<const std::string> events) {
  const auto on = [&](std::string_view event) {
    return std::find(events.begin(), events.end(), event) != events.end();
  };
  if (facts.published) {
    const bool told = on("published") || (on("gap") && GapIsDue(facts));
    return told ? std::optional(PublishedText(facts)) : std::nullopt;
  }
  const bool held = facts.state == core::RunState::kHeld;
  const bool failed =
      held || facts.state == core::RunState::kFailed || facts.state == core::RunState::kDeferred;
  const bool told = (failed && on("failed")) || (held && on("held"));
  return told ? std::optional(FailedText(facts)) : std::nullopt;
}

}  // namespace catchment::app
