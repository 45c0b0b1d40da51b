#include "sources/azure/resource_skus_source.h"

#include <arrow/api.h>

#include "columnar/arrow_status.h"
#include "sources/azure/resource_skus_client.h"
#include "sources/azure/subscription_transport.h"
#include "sources/obtain.h"
#include "sources/parameters.h"

namespace catchment::sources::azure {
namespace {

using std::chrono_literals::operator""h;

constexpr char kSkuUnit[] = "resource_skus";

std::shared_ptr<arrow::Schema> SkuSchema() {
  return arrow::schema(
      {arrow::field("region_code", arrow::utf8(), false), arrow::field("sku", arrow::utf8(), false),
       arrow::field("instance_family", arrow::utf8()), arrow::field("vcpus", arrow::int32()),
       arrow::field("memory_gib", arrow::float64()),
       arrow::field("offered_zones", arrow::utf8(), false)});
}

arrow::Result<std::shared_ptr<arrow::Table>> BuildTable(const std::vector<ResourceSku>& rows) {
  ARROW_ASSIGN_OR_RAISE(auto builder,
                        arrow::RecordBatchBuilder::Make(SkuSchema(), arrow::default_memory_pool(),
                                                        static_cast<int64_t>(rows.size())));
  for (const ResourceSku& row : rows) {
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::StringBuilder>(0)->Append(row.region));
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::StringBuilder>(1)->Append(row.sku));
    auto* family = builder->GetFieldAs<arrow::StringBuilder>(2);
    ARROW_RETURN_NOT_OK(row.family ? family->Append(*row.family) : family->AppendNull());
    auto* vcpus = builder->GetFieldAs<arrow::Int32Builder>(3);
    ARROW_RETURN_NOT_OK(row.vcpus ? vcpus->Append(*row.vcpus) : vcpus->AppendNull());
    auto* memory = builder->GetFieldAs<arrow::DoubleBuilder>(4);
    ARROW_RETURN_NOT_OK(row.memory_gib ? memory->Append(*row.memory_gib) : memory->AppendNull());
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::StringBuilder>(5)->Append(row.zones));
  }
  ARROW_ASSIGN_OR_RAISE(auto batch, builder->Flush());
  return arrow::Table::FromRecordBatches({batch});
}

struct SkuSettings {
  ResourceSkusOptions crawl;
  std::chrono::milliseconds stale_limit{};
  std::string identity;
};

Result<SkuSettings> ReadSkuSettings(const SourceInput& input) {
  ASSIGN_OR_RETURN(
      const Parameters with,
      Parameters::Make(input.parameters, input.task, {"stale_limit", "identity", "endpoints"}));
  SkuSettings options;
  ASSIGN_OR_RETURN(options.stale_limit, with.Duration("stale_limit", 168h));
  ASSIGN_OR_RETURN(options.identity, with.Text("identity", "azure"));
  if (const nlohmann::json& endpoints = with.At("endpoints");
      endpoints.is_object() && endpoints.contains("management")) {
    if (!endpoints["management"].is_string()) return with.Bad("endpoints.management", "a base URL");
    options.crawl.base_url = endpoints["management"];
  }
  return options;
}

/// Read the list from any transport. A recording knows the subscriptions of its own run.
ResourceSkusCrawl Read(net::Transport& transport, const SkuSettings& options,
                       net::TokenSource* tokens, const OpContext& context) {
  ResourceSkusCrawl crawl;
  const auto digests = AskSubscriptions(transport, options.identity, context);
  if (!digests.ok()) {
    crawl.failure = digests.error();
    return crawl;
  }
  ResourceSkusOptions with = options.crawl;
  with.subscription = digests->front();
  with.tokens = tokens;
  return CrawlResourceSkus(transport, with, context);
}

class SkusSource final : public Source {
 public:
  Result<SourceResult> Collect(const SourceInput& input, const OpContext& context) override {
    ASSIGN_OR_RETURN(const SkuSettings options, ReadSkuSettings(input));
    SourceResult result;
    SourceReport& report = result.report;
    report.source = input.task;
    const auto read = [&](net::Transport& transport, const OpContext& at, bool live) {
      return Read(transport, options, live ? input.tokens : nullptr, at);
    };
    auto obtained =
        Obtain<ResourceSkusCrawl>(input, kSkuUnit, options.stale_limit, context, report, read);
    ResourceSkusCrawl& crawl = obtained.crawl;
    if (!crawl.complete()) {
      if (crawl.failure->code == Code::kCancelled) return *crawl.failure;
      ReportUnavailable(report, *crawl.failure, "row");
      result.tables.emplace("", columnar::Table::Empty(SkuSchema()));
      return result;
    }
    ReportObtained(input, kSkuUnit, obtained, report);
    report.counts = {{"calls", report.calls},
                     {"pages", crawl.pages},
                     {"rows", static_cast<int64_t>(crawl.rows.size())},
                     {"other_resources", crawl.other_resources},
                     {"unreadable_values", crawl.unreadable_values}};
    report.counts["repeats"] = MakeSkusUnique(crawl.rows);
    ASSIGN_ARROW_OR_RETURN(auto table, BuildTable(crawl.rows), "task '{}'", input.task);
    result.tables.emplace("", columnar::Table::FromArrow(std::move(table)));
    return result;
  }
};

}  // namespace

SourceEntry ResourceSkusSource() {
  SourceEntry entry;
  entry.info = {
      .kind = "azure.resource_skus",
      .help = "Family, vCPUs, memory and zones of Azure's VM sizes, from the resource manager",
      .parameters = {{"stale_limit", "duration", false,
                      "oldest recorded answer that stands in for a failed one; 7d"},
                     {"identity", "text", false, "name of the identity in catchment.yaml; azure"},
                     {"endpoints", "map", false, "management: base URL of the resource manager"}},
      .outputs = {},
      .units = {kSkuUnit},
      .looks_back = false,
      .needs_identity = true,
  };
  entry.make = [] { return std::make_unique<SkusSource>(); };
  entry.columns = [](const SourceInput&) -> Result<TableColumns> {
    return TableColumns{{"", SkuSchema()}};
  };
  return entry;
}

}  // namespace catchment::sources::azure
