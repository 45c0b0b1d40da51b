#include "sources/azure/eviction_source.h"

#include <arrow/api.h>

#include "columnar/arrow_status.h"
#include "sources/azure/eviction_client.h"
#include "sources/freshness.h"
#include "sources/parameters.h"

namespace catchment::sources::azure {
namespace {

using std::chrono_literals::operator""h;

constexpr char kUnit[] = "interruption";

std::shared_ptr<arrow::Schema> TableSchema() {
  return arrow::schema(
      {arrow::field("region_code", arrow::utf8(), false), arrow::field("sku", arrow::utf8(), false),
       arrow::field("interruption_band", arrow::utf8(), false),
       arrow::field("interruption_score", arrow::float64()),
       arrow::field("interruption_at", arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"), false)});
}

arrow::Result<std::shared_ptr<arrow::Table>> BuildTable(const std::vector<EvictionRate>& rates,
                                                        Time received) {
  ARROW_ASSIGN_OR_RAISE(auto builder,
                        arrow::RecordBatchBuilder::Make(TableSchema(), arrow::default_memory_pool(),
                                                        static_cast<int64_t>(rates.size())));
  const int64_t at =
      std::chrono::floor<std::chrono::milliseconds>(received).time_since_epoch().count();
  for (const EvictionRate& rate : rates) {
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::StringBuilder>(0)->Append(rate.region));
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::StringBuilder>(1)->Append(rate.sku));
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::StringBuilder>(2)->Append(rate.band));
    auto* score = builder->GetFieldAs<arrow::DoubleBuilder>(3);
    ARROW_RETURN_NOT_OK(rate.score ? score->Append(*rate.score) : score->AppendNull());
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::TimestampBuilder>(4)->Append(at));
  }
  ARROW_ASSIGN_OR_RAISE(auto batch, builder->Flush());
  return arrow::Table::FromRecordBatches({batch});
}

struct Options {
  EvictionOptions crawl;
  std::chrono::milliseconds stale_limit{};
};

Result<Options> ReadOptions(const SourceInput& input) {
  ASSIGN_OR_RETURN(
      const Parameters with,
      Parameters::Make(input.parameters, input.task, {"stale_limit", "identity", "endpoints"}));
  Options options;
  ASSIGN_OR_RETURN(options.stale_limit, with.Duration("stale_limit", 24h));
  RETURN_IF_ERROR(with.Text("identity", "azure"));
  if (const nlohmann::json& endpoints = with.At("endpoints");
      endpoints.is_object() && endpoints.contains("management")) {
    if (!endpoints["management"].is_string()) return with.Bad("endpoints.management", "a base URL");
    options.crawl.base_url = endpoints["management"];
  }
  return options;
}

/// Read the prior answer from its recording.
EvictionCrawl ReadCopy(const PriorAnswer& prior, const Options& options, const OpContext& context) {
  EvictionCrawl crawl;
  if (!prior.open) {
    crawl.failure = NotFound("it was not recorded");
    return crawl;
  }
  Result<std::unique_ptr<net::Transport>> recorded = prior.open();
  if (!recorded.ok()) {
    crawl.failure = recorded.error();
    return crawl;
  }
  const ManualClock clock(prior.collected_at);  // waits between recorded tries take no time
  OpContext replay = context;
  replay.clock = &clock;
  return CrawlEvictionRates(**recorded, options.crawl, replay);
}

/// The rows used and how they were come by.
struct Obtained {
  EvictionCrawl crawl;
  bool fresh = false;
  std::optional<Error> failure;  // of the request, if one was due and failed
};

Obtained Obtain(const SourceInput& input, const Options& options, const OpContext& context,
                SourceReport& report) {
  Obtained obtained;
  if (!IsDue(input, kUnit, input.refresh)) {
    obtained.crawl = ReadCopy(input.prior.at(kUnit), options, context);
    if (obtained.crawl.complete()) return obtained;
    report.notes.push_back(fmt::format("the recorded answer of run {} cannot be used: {}",
                                       input.prior.at(kUnit).run, obtained.crawl.failure->message));
  }
  EvictionOptions live = options.crawl;
  live.tokens = input.tokens;
  obtained.crawl = CrawlEvictionRates(*input.transport, live, context);
  report.calls = obtained.crawl.calls;
  report.bytes = obtained.crawl.bytes;
  obtained.fresh = obtained.crawl.complete();
  if (obtained.fresh) return obtained;
  obtained.failure = obtained.crawl.failure;
  if (const PriorAnswer* copy =
          UsableCopy(input, kUnit, options.stale_limit, context.clock->Now())) {
    EvictionCrawl old = ReadCopy(*copy, options, context);
    if (old.complete()) obtained.crawl = std::move(old);
  }
  return obtained;
}

void ReportRows(const SourceInput& input, const Obtained& obtained, SourceReport& report) {
  const EvictionCrawl& crawl = obtained.crawl;
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
  if (obtained.fresh) report.state_patch["sources"][kUnit] = UnitFacts(input, *crawl.newest);
}

class EvictionSource final : public Source {
 public:
  Result<SourceResult> Collect(const SourceInput& input, const OpContext& context) override {
    ASSIGN_OR_RETURN(const Options options, ReadOptions(input));
    SourceResult result;
    SourceReport& report = result.report;
    report.source = input.task;
    const Obtained obtained = Obtain(input, options, context, report);
    if (!obtained.crawl.complete()) {
      if (obtained.crawl.failure->code == Code::kCancelled) return *obtained.crawl.failure;
      ReportUnavailable(report, *obtained.crawl.failure, "row");
      // No rows rather than no table: what is joined with it becomes unknown.
      result.tables.emplace("", columnar::Table::Empty(TableSchema()));
      return result;
    }
    ReportRows(input, obtained, report);
    const EvictionRates rates = CombineEvictionRows(obtained.crawl.rows);
    report.counts = {{"calls", report.calls},
                     {"pages", obtained.crawl.pages},
                     {"rows", static_cast<int64_t>(obtained.crawl.rows.size())},
                     {"pairs", static_cast<int64_t>(rates.rates.size())},
                     {"repeats", rates.repeats},
                     {"contradictions", rates.contradictions},
                     {"unknown_bands", rates.unknown_bands}};
    ASSIGN_ARROW_OR_RETURN(auto table, BuildTable(rates.rates, *obtained.crawl.newest), "task '{}'",
                           input.task);
    result.tables.emplace("", columnar::Table::FromArrow(std::move(table)));
    return result;
  }
};

}  // namespace

SourceEntry EvictionRatesSource() {
  SourceEntry entry;
  entry.info = {
      .kind = "azure.eviction_rates",
      .help = "How often Azure takes spot machines away, from the Resource Graph",
      .parameters = {{"stale_limit", "duration", false,
                      "oldest recorded answer that stands in for a failed one; 24h"},
                     {"identity", "text", false, "name of the identity in catchment.yaml; azure"},
                     {"endpoints", "map", false, "management: base URL of the resource manager"}},
      .outputs = {},
      .units = {kUnit},
      .looks_back = false,
      .needs_identity = true,
  };
  entry.make = [] { return std::make_unique<EvictionSource>(); };
  return entry;
}

}  // namespace catchment::sources::azure
