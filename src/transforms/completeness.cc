#include "transforms/completeness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace catchment::transforms {
namespace {

/// Rounded, but never up to what it is below: 99.9996 % of a month is not all of it.
std::string PercentText(double share, double least) {
  const double rounded = std::round(share * 100'000) / 1'000;
  const double floored = std::floor(share * 100'000) / 1'000;
  return fmt::format("{:.3f} %", rounded >= std::min(least, 1.0) * 100 ? floored : rounded);
}

int64_t UnitsOfGaps(const SourceReport& report, std::string_view reason) {
  int64_t units = 0;
  for (const Gap& gap : report.gaps) units += gap.reason == reason ? gap.units : 0;
  return units;
}

/// Units that gaps say are not there; a stale one is a row all the same.
int64_t MissingUnits(const SourceReport& report) {
  int64_t units = 0;
  for (const Gap& gap : report.gaps) units += gap.reason.starts_with("stale") ? 0 : gap.units;
  return units;
}

/// Why the number of units is not known; empty: it is. A part whose old list stands is known.
std::string WhyUnlisted(const SourceReport& report, const std::string& unit) {
  int64_t unlisted = -UnitsOfGaps(report, "stale");
  for (const CoverageRow& row : report.coverage) {
    if (row.unit == unit) continue;
    for (const auto& [reason, units] : row.missing) unlisted += units;
  }
  if (report.state != SourceState::kUnavailable && unlisted <= 0) return "";
  for (const Gap& gap : report.gaps) {
    const bool tells = gap.reason != "stale" && gap.reason != "no_answer";
    if (tells && !gap.detail.empty()) return gap.detail;
  }
  if (!report.reason.empty()) return report.source + ": " + report.reason;
  return report.source + " could not list all";
}

struct Expected {
  int64_t units = 0;
  bool said = false;
  int64_t gap_units = 0;
};

Expected ExpectedOf(const CompletenessRule& rule, const CompletenessFacts& facts) {
  Expected expected;
  for (const SourceReport* report : facts.nearest) {
    for (const CoverageRow& row : report->coverage) {
      if (row.unit != rule.unit) continue;
      expected.units += row.expected - row.left_out;
      expected.said = true;
    }
  }
  for (const auto* list : {&facts.nearest, &facts.between}) {
    for (const SourceReport* report : *list) expected.gap_units += MissingUnits(*report);
  }
  for (const SourceReport* report : facts.further) {
    const int64_t unseen = UnitsOfGaps(*report, "no_answer");
    expected.units += unseen;
    expected.gap_units += unseen;
  }
  return expected;
}

std::string WhyUnknown(const CompletenessRule& rule, const CompletenessFacts& facts, bool said) {
  for (const SourceReport* report : facts.further) {
    std::string why = WhyUnlisted(*report, rule.unit);
    if (!why.empty()) return why;
  }
  if (said) return "";
  return fmt::format("no source of '{}' says how many {}s there are", facts.table, rule.unit);
}

/// What was wrong with units that are not in the table; empty: nothing.
std::string WhyRejected(const CompletenessFacts& facts) {
  std::string why;
  for (const auto* list : {&facts.between, &facts.nearest}) {
    for (const SourceReport* report : *list) {
      for (const Gap& gap : report->gaps) {
        if (gap.reason == "rejected") why += (why.empty() ? "" : "; ") + gap.detail;
      }
    }
  }
  return why;
}

}  // namespace

Completeness CheckCompleteness(const CompletenessRule& rule, const CompletenessFacts& facts) {
  const Expected expected = ExpectedOf(rule, facts);
  Completeness found;
  found.expected = expected.units;
  found.unknown = WhyUnknown(rule, facts, expected.said);
  const int64_t lacking = expected.units - facts.rows;
  if (lacking > expected.gap_units) {
    found.gaps.push_back({facts.table, "incomplete", lacking - expected.gap_units,
                          fmt::format("{} of {} {}s are rows", FormatCount(facts.rows),
                                      FormatCount(expected.units), rule.unit)});
  }
  if (facts.rows == 0) found.message = WhyRejected(facts);
  if (!found.message.empty()) {
    found.holds = false;
    return found;
  }
  // Whole numbers are compared, with no more rounding than the share itself has.
  const double least = rule.at_least * static_cast<double>(expected.units);
  const bool below = static_cast<double>(facts.rows) < least - 1e-9 * std::max(least, 1.0);
  if (!rule.hold_below || (found.unknown.empty() && !below)) return found;
  found.holds = false;
  if (!found.unknown.empty()) {
    found.message =
        "held back: it is not known how many " + rule.unit + "s there are: " + found.unknown;
    return found;
  }
  const double share =
      static_cast<double>(facts.rows) / static_cast<double>(std::max<int64_t>(expected.units, 1));
  found.message = fmt::format("held back: {} of {} {}s ({}) are below complete {:g} %",
                              FormatCount(facts.rows), FormatCount(expected.units), rule.unit,
                              PercentText(share, rule.at_least), rule.at_least * 100);
  return found;
}

}  // namespace catchment::transforms
