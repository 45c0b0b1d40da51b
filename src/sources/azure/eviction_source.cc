#include "sources/azure/eviction_source.h"

#include <arrow/api.h>

#include "columnar/arrow_status.h"
#include "sources/azure/eviction_client.h"
#include "sources/freshness.h"
#include "sources/obtain.h"
#include "sources/parameters.h"

namespace catchment::sources::azure {
namespace {

using std::chrono_literals::operator""h;

constexpr char kEvictionUnit[] = "interruption";

std::shared_ptr<arrow::Schema> EvictionSchema() {
  return arrow::schema(
      {arrow::field("region_code", arrow::utf8(), false), arrow::field("sku", arrow::utf8(), false),
       arrow::field("interruption_band", arrow::utf8(), false),
       arrow::field("interruption_score", arrow::float64()),
       arrow::field("interruption_at", arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"), false)});
}

arrow::Result<std::shared_ptr<arrow::Table>> BuildTable(const std::vector<EvictionRate>& rates,
                                                        Time received) {
  ARROW_ASSIGN_OR_RAISE(
      auto builder, arrow::RecordBatchBuilder::Make(EvictionSchema(), arrow::default_memory_pool(),
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

struct EvictionSettings {
  EvictionOptions crawl;
  std::chrono::milliseconds stale_limit{};
};

Result<EvictionSettings> ReadEvictionSettings(const SourceInput& input) {
  ASSIGN_OR_RETURN(
      const Parameters with,
      Parameters::Make(input.parameters, input.task, {"stale_limit", "identity", "endpoints"}));
  EvictionSettings options;
  ASSIGN_OR_RETURN(options.stale_limit, with.Duration("stale_limit", 24h));
  RETURN_IF_ERROR(with.Text("identity", "azure"));
  if (const nlohmann::json& endpoints = with.At("endpoints");
      endpoints.is_object() && endpoints.contains("management")) {
    if (!endpoints["management"].is_string()) return with.Bad("endpoints.management", "a base URL");
    options.crawl.base_url = endpoints["management"];
  }
  return options;
}

class EvictionSource final : public Source {
 public:
  Result<SourceResult> Collect(const SourceInput& input, const OpContext& context) override {
    ASSIGN_OR_RETURN(const EvictionSettings options, ReadEvictionSettings(input));
    SourceResult result;
    SourceReport& report = result.report;
    report.source = input.task;
    const auto read = [&](net::Transport& transport, const OpContext& at, bool live) {
      EvictionOptions crawl = options.crawl;
      if (live) crawl.tokens = input.tokens;
      return CrawlEvictionRates(transport, crawl, at);
    };
    const auto obtained =
        Obtain<EvictionCrawl>(input, kEvictionUnit, options.stale_limit, context, report, read);
    if (!obtained.crawl.complete()) {
      if (obtained.crawl.failure->code == Code::kCancelled) return *obtained.crawl.failure;
      ReportUnavailable(report, *obtained.crawl.failure, "row");
      // No rows rather than no table: what is joined with it becomes unknown.
      result.tables.emplace("", columnar::Table::Empty(EvictionSchema()));
      return result;
    }
    ReportObtained(input, kEvictionUnit, obtained, report);
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
      .units = {kEvictionUnit},
      .looks_back = false,
      .needs_identity = true,
  };
  entry.make = [] { return std::make_unique<EvictionSource>(); };
  entry.columns = [](const SourceInput&) -> Result<TableColumns> {
    return TableColumns{{"", EvictionSchema()}};
  };
  return entry;
}

}  // namespace catchment::sources::azure
