#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/coverage.h"
#include "base/op_context.h"
#include "net/transport.h"
#include "sources/freshness.h"
#include "sources/source.h"

namespace catchment::sources {

/// The rows a source uses and how they were come by. `Crawl` has `rows`, `failure` (null:
/// complete), `calls`, `bytes`, `oldest`, `newest` and `complete()`.
template <typename Crawl>
struct Obtained {
  Crawl crawl;
  bool fresh = false;
  std::optional<Error> failure;  ///< of the request, if one was due and failed
};

/// Read a unit's prior answer from its recording. `crawl(transport, context, live)` reads from any
/// transport; waits between recorded tries take no time.
template <typename Crawl, typename Read>
Crawl ReadCopy(const PriorAnswer& prior, const OpContext& context, const Read& read) {
  Crawl crawl;
  if (!prior.open) {
    crawl.failure = NotFound("it was not recorded");
    return crawl;
  }
  Result<std::unique_ptr<net::Transport>> recorded = prior.open();
  if (!recorded.ok()) {
    crawl.failure = recorded.error();
    return crawl;
  }
  const ManualClock clock(prior.collected_at);
  OpContext replay = context;
  replay.clock = &clock;
  return read(**recorded, replay, /*live=*/false);
}

/// Obtain a source's one unit: its prior answer while that is not due, else the world, else a prior
/// answer of at most `stale_limit`. Counts calls and bytes in `report`.
template <typename Crawl, typename Read>
Obtained<Crawl> Obtain(const SourceInput& input, const std::string& unit,
                       std::chrono::milliseconds stale_limit, const OpContext& context,
                       SourceReport& report, const Read& read) {
  Obtained<Crawl> obtained;
  if (!IsDue(input, unit, input.refresh)) {
    const PriorAnswer& prior = input.prior.at(unit);
    obtained.crawl = ReadCopy<Crawl>(prior, context, read);
    if (obtained.crawl.complete()) return obtained;
    report.notes.push_back(fmt::format("the recorded answer of run {} cannot be used: {}",
                                       prior.run, obtained.crawl.failure->message));
  }
  obtained.crawl = read(*input.transport, context, /*live=*/true);
  obtained.fresh = obtained.crawl.complete();
  if (!obtained.fresh && obtained.crawl.failure->code != Code::kCancelled) {
    obtained.crawl.failure = RememberedFailure(input, unit, *std::move(obtained.crawl.failure),
                                               context, obtained.crawl.calls);
  }
  report.calls += obtained.crawl.calls;
  report.bytes += obtained.crawl.bytes;
  if (obtained.fresh) return obtained;
  obtained.failure = obtained.crawl.failure;
  if (const PriorAnswer* copy = UsableCopy(input, unit, stale_limit, context.clock->Now())) {
    Crawl old = ReadCopy<Crawl>(*copy, context, read);
    if (old.complete()) obtained.crawl = std::move(old);
  }
  return obtained;
}

/// Report complete rows: state, facts' ages, one coverage row of unit `row`, a gap if a copy stands
/// in for a failed request, and the state's entry of the unit if they are fresh.
template <typename Crawl>
void ReportObtained(const SourceInput& input, const std::string& unit,
                    const Obtained<Crawl>& obtained, SourceReport& report) {
  const Crawl& crawl = obtained.crawl;
  report.state = obtained.fresh ? SourceState::kLive : SourceState::kCached;
  report.oldest_fact = crawl.oldest;
  report.newest_fact = crawl.newest;
  CoverageRow row;
  row.source = input.task;
  row.unit = "row";
  row.expected = static_cast<int64_t>(crawl.rows.size());
  row.asked = obtained.fresh || obtained.failure ? row.expected : 0;
  if (obtained.failure) {
    const std::string detail = fmt::format("{}; the copy of {} is used", obtained.failure->message,
                                           FormatTime(*crawl.newest));
    row.missing[std::string(GapReason(obtained.failure->code))] = row.expected;
    report.gaps.push_back({input.task, "stale", row.expected, detail});
    report.reason = detail;
  } else {
    row.answered = row.expected;
  }
  report.coverage.push_back(std::move(row));
  if (obtained.fresh) report.state_patch["sources"][unit] = UnitFacts(input, *crawl.newest);
}

}  // namespace catchment::sources
