#include "sources/azure/retail_source.h"

#include <arrow/api.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/text.h"
#include "columnar/arrow_status.h"
#include "sources/azure/retail_client.h"
#include "sources/azure/retail_price.h"
#include "sources/freshness.h"
#include "sources/parameters.h"

namespace catchment::sources::azure {
namespace {

using std::chrono_literals::operator""h;

constexpr char kPrice[] = "price", kOnDemand[] = "ondemand";

struct RetailSettings {
  RetailCrawlOptions crawl;
  MeterRules rules;
  std::chrono::milliseconds ondemand_refresh{}, stale_limit{}, ondemand_stale_limit{};
  std::vector<std::string> regions, excluded_regions;
  bool windows = false;
};

Result<RetailSettings> ReadRetailSettings(const SourceInput& input) {
  ASSIGN_OR_RETURN(const Parameters with,
                   Parameters::Make(input.parameters, input.task,
                                    {"ondemand_refresh", "stale_limit", "ondemand_stale_limit",
                                     "price_in_flight", "operating_systems", "regions",
                                     "exclude_regions", "meter_rules", "endpoints"}));
  RetailSettings options;
  ASSIGN_OR_RETURN(options.ondemand_refresh, with.Duration("ondemand_refresh", 24h));
  ASSIGN_OR_RETURN(options.stale_limit, with.Duration("stale_limit", 24h));
  ASSIGN_OR_RETURN(options.ondemand_stale_limit, with.Duration("ondemand_stale_limit", 72h));
  ASSIGN_OR_RETURN(const int64_t in_flight, with.Integer("price_in_flight", 8, 1, 64));
  options.crawl.in_flight = static_cast<int>(in_flight);
  ASSIGN_OR_RETURN(options.regions, with.Texts("regions", {"*"}));
  ASSIGN_OR_RETURN(options.excluded_regions,
                   with.Texts("exclude_regions", {"usgov*", "usdod*", "china*", "germanycentral",
                                                  "germanynortheast"}));
  ASSIGN_OR_RETURN(const std::vector<std::string> systems,
                   with.Texts("operating_systems", {"linux"}));
  for (const std::string& system : systems) {
    if (system != "linux" && system != "windows")
      return with.Bad("operating_systems", "linux, windows");
    options.windows |= system == "windows";
  }
  if (std::find(systems.begin(), systems.end(), "linux") == systems.end()) {
    return with.Bad("operating_systems", "a list that contains linux");
  }
  if (const nlohmann::json& endpoints = with.At("endpoints");
      endpoints.is_object() && endpoints.contains("prices")) {
    if (!endpoints["prices"].is_string()) return with.Bad("endpoints.prices", "a base URL");
    options.crawl.base_url = endpoints["prices"];
  }
  std::string rules = with.At("meter_rules").dump();
  if (!with.At("meter_rules").is_object()) {
    ASSIGN_OR_RETURN(const std::string file, with.Text("meter_rules", "meter_rules.json"));
    if (!input.pipeline_file)
      return with.Bad("meter_rules", "the rules themselves: no pipeline folder is at hand");
    ASSIGN_OR_RETURN(rules, input.pipeline_file(file), "task '{}': meter_rules", input.task);
  }
  ASSIGN_OR_RETURN(options.rules, ParseMeterRules(rules), "task '{}'", input.task);
  return options;
}

/// A unit's list of prices and where it comes from. `crawl` null: the unit could not be had.
struct Unit {
  const RetailCrawl* crawl = nullptr;
  bool fresh = false;
  std::optional<Error> failure;  // why it is not fresh although it was due
};

/// One run of the source: obtains the crawls, then turns them into the table and the report.
class RetailCollection {
 public:
  RetailCollection(const SourceInput& input, const RetailSettings& options,
                   const OpContext& context)
      : input_(input), options_(options), context_(context) {
    report_.source = input.task;
  }

  Result<SourceResult> Run() {
    Obtain();
    RETURN_IF_ERROR(StoppedByUser());
    ReportUnits();
    SourceResult result;
    if (price_.crawl != nullptr) {
      ASSIGN_OR_RETURN(result.tables[""], MakeTable());
    }
    result.report = std::move(report_);
    return result;
  }

 private:
  void Obtain() {
    const bool ondemand_due = IsDue(input_, kOnDemand, options_.ondemand_refresh);
    const bool price_due = IsDue(input_, kPrice, input_.refresh);
    if (!ondemand_due && !price_due && UseCopy(kPrice, price_) && UseCopy(kOnDemand, ondemand_))
      return;
    if (ondemand_due || !CopyOpens(kOnDemand)) {
      ObtainAll();
    } else {
      ObtainSpot();
    }
    if (price_.crawl == nullptr) UseStaleCopy(kPrice, options_.stale_limit, price_);
    if (price_.crawl != nullptr && ondemand_.crawl == nullptr) {
      UseStaleCopy(kOnDemand, options_.ondemand_stale_limit, ondemand_);
    }
  }

  /// Read the list `all` for both units; if it fails, `spot` for the price.
  void ObtainAll() {
    const RetailCrawl* all = Ask(RetailList::kAll);
    if (all->complete()) {
      price_ = {all, true, std::nullopt};
      ondemand_ = {all, true, std::nullopt};
      return;
    }
    ondemand_.failure = price_.failure = all->failure;
    if (!MayAskMore(*all->failure)) return;
    report_.notes.push_back(
        fmt::format("the list `all` failed, `spot` is read instead: {}", all->failure->message));
    const RetailCrawl* spot = Ask(RetailList::kSpot);
    if (spot->complete()) {
      price_ = {spot, true, std::nullopt};
    } else {
      price_.failure = spot->failure;
    }
  }

  /// Read the list `spot`; if its filter is refused, `all`.
  void ObtainSpot() {
    const RetailCrawl* spot = Ask(RetailList::kSpot);
    if (spot->complete()) {
      price_ = {spot, true, std::nullopt};
      UseCopy(kOnDemand, ondemand_);
      return;
    }
    price_.failure = spot->failure;
    if (spot->failure->code == Code::kInvalid) {
      report_.notes.push_back(fmt::format(
          "the filter of `spot` is refused, `all` is read instead: {}", spot->failure->message));
      const RetailCrawl* all = Ask(RetailList::kAll);
      if (all->complete()) {
        price_ = ondemand_ = {all, true, std::nullopt};
        return;
      }
      price_.failure = all->failure;
    }
    UseCopy(kOnDemand, ondemand_);
  }

  static bool MayAskMore(const Error& error) {
    return error.code != Code::kDenied && error.code != Code::kDeadline &&
           error.code != Code::kCancelled;
  }

  const RetailCrawl* Ask(RetailList list) {
    RetailCrawlOptions options = options_.crawl;
    options.list = list;
    crawls_.push_back(std::make_unique<RetailCrawl>(
        CrawlRetail(*input_.transport, options, context_.Named(RetailListName(list)))));
    const RetailCrawl& crawl = *crawls_.back();
    report_.calls += crawl.calls;
    report_.bytes += crawl.bytes;
    report_.counts["pages_asked"] += crawl.asked_pages;
    if (crawl.moved > 0) report_.counts["boundaries_moved"] += crawl.moved;
    if (crawl.complete() && !crawl.overlap_checked) {
      report_.notes.push_back(
          fmt::format("list `{}`: overlap check not possible", RetailListName(list)));
    }
    return &crawl;
  }

  /// The list that a unit's prior answer was taken from.
  static RetailList ListOf(const PriorAnswer& prior, std::string_view unit) {
    if (unit == kOnDemand) return RetailList::kAll;
    return prior.facts.value("list", std::string("spot")) == "all" ? RetailList::kAll
                                                                   : RetailList::kSpot;
  }

  /// Read a unit's prior answer from its recording. Both units of one run share one reading. False,
  /// with a note: it is gone or damaged.
  bool UseCopy(const std::string& unit, Unit& target) {
    const auto found = input_.prior.find(unit);
    if (found == input_.prior.end()) return false;
    const PriorAnswer& prior = found->second;
    const RetailList list = ListOf(prior, unit);
    const std::pair<std::string, RetailList> key(prior.run, list);
    auto copy = copies_.find(key);
    if (copy == copies_.end()) copy = copies_.emplace(key, ReadCopy(prior, list)).first;
    if (!copy->second->complete()) {
      const std::string note =
          fmt::format("the recorded answer of run {} for `{}` cannot be used: {}", prior.run, unit,
                      copy->second->failure->message);
      if (std::find(report_.notes.begin(), report_.notes.end(), note) == report_.notes.end())
        report_.notes.push_back(note);
      return false;
    }
    target.crawl = copy->second.get();
    target.fresh = false;
    return true;
  }

  bool CopyOpens(const std::string& unit) {
    Unit unused;
    return UseCopy(unit, unused);
  }

  std::unique_ptr<RetailCrawl> ReadCopy(const PriorAnswer& prior, RetailList list) const {
    auto crawl = std::make_unique<RetailCrawl>();
    if (!prior.open) {
      crawl->failure = NotFound("it was not recorded");
      return crawl;
    }
    Result<std::unique_ptr<net::Transport>> recorded = prior.open();
    if (!recorded.ok()) {
      crawl->failure = recorded.error();
      return crawl;
    }
    RetailCrawlOptions options = options_.crawl;
    options.list = list;
    const ManualClock clock(prior.collected_at);  // waits between recorded tries take no time
    OpContext context = context_;
    context.clock = &clock;
    *crawl = CrawlRetail(**recorded, options, context);
    return crawl;
  }

  void UseStaleCopy(const std::string& unit, std::chrono::milliseconds limit, Unit& target) {
    if (UsableCopy(input_, unit, limit, context_.clock->Now()) != nullptr) UseCopy(unit, target);
  }

  Status StoppedByUser() const {
    for (const Unit* unit : {&price_, &ondemand_}) {
      if (unit->failure && unit->failure->code == Code::kCancelled) return *unit->failure;
    }
    return {};
  }

  void ReportUnits() {
    report_.counts["calls"] = report_.calls;
    if (price_.crawl == nullptr) {
      ReportUnavailable(report_, price_.failure.value_or(Unavailable("no prices")), "page");
      return;
    }
    report_.state = price_.fresh ? SourceState::kLive : SourceState::kCached;
    ReportUnit(kPrice, price_);
    if (ondemand_.crawl != price_.crawl) ReportUnit(kOnDemand, ondemand_);
    for (const auto& [name, unit] :
         {std::pair(kPrice, &price_), std::pair(kOnDemand, &ondemand_)}) {
      if (!unit->fresh) continue;
      nlohmann::json facts = UnitFacts(input_, *unit->crawl->newest);
      facts["list"] =
          RetailListName(ondemand_.crawl == unit->crawl ? RetailList::kAll : RetailList::kSpot);
      report_.state_patch["sources"][name] = std::move(facts);
    }
    for (const Unit* unit : {&price_, &ondemand_}) {
      if (unit->crawl == nullptr) continue;
      if (!report_.oldest_fact || *unit->crawl->oldest < *report_.oldest_fact)
        report_.oldest_fact = unit->crawl->oldest;
      if (!report_.newest_fact || *unit->crawl->newest > *report_.newest_fact)
        report_.newest_fact = unit->crawl->newest;
    }
    report_.counts["repeats"] = price_.crawl->repeats;
    report_.counts["pages"] = static_cast<int64_t>(price_.crawl->pages.size());
  }

  /// Count a unit's pages in the source's one coverage row. Pages of an old copy that stands in for
  /// a failed request count as missing, and make a gap.
  void ReportUnit(const std::string& name, const Unit& unit) {
    CoverageRow row;
    row.source = input_.task;
    row.unit = "page";
    row.expected = unit.crawl != nullptr
                       ? std::max<int64_t>(1, static_cast<int64_t>(unit.crawl->pages.size()))
                       : 1;
    row.asked = unit.fresh || unit.failure ? row.expected : 0;
    if (!unit.failure) {
      row.answered = row.expected;
      AddCoverage(row);
      return;
    }
    const std::string reason(GapReason(unit.failure->code));
    row.missing[reason] = row.expected;
    if (report_.state == SourceState::kLive) report_.state = SourceState::kPartial;
    const std::string what = unit.crawl != nullptr ? fmt::format("the copy of {} is used",
                                                                 FormatTime(*unit.crawl->newest))
                                                   : "no copy is young enough";
    const std::string detail = fmt::format("{}: {}; {}", name, unit.failure->message, what);
    report_.gaps.push_back(
        {input_.task, unit.crawl != nullptr ? "stale" : reason, row.expected, detail});
    if (!report_.reason.empty()) report_.reason += "; ";
    report_.reason += detail;
    AddCoverage(row);
  }

  void AddCoverage(const CoverageRow& row) {
    if (report_.coverage.empty()) {
      report_.coverage.push_back(row);
      return;
    }
    CoverageRow& sum = report_.coverage.front();
    sum.expected += row.expected;
    sum.asked += row.asked;
    sum.answered += row.answered;
    for (const auto& [reason, units] : row.missing) sum.missing[reason] += units;
  }

  bool Wanted(const std::string& region) const {
    const auto matches = [&](const std::string& pattern) {
      return GlobMatch(ToLower(pattern), region);
    };
    return std::any_of(options_.regions.begin(), options_.regions.end(), matches) &&
           std::none_of(options_.excluded_regions.begin(), options_.excluded_regions.end(),
                        matches);
  }

  Result<columnar::Table> MakeTable();

  const SourceInput& input_;
  const RetailSettings& options_;
  const OpContext& context_;
  SourceReport report_;
  std::vector<std::unique_ptr<RetailCrawl>> crawls_;
  std::map<std::pair<std::string, RetailList>, std::unique_ptr<RetailCrawl>> copies_;
  Unit price_, ondemand_;
};

struct Row {
  std::string tier, type;
  const PricedPair* pair = nullptr;
  std::array<double, 4>
      prices{};  // linux spot, linux on-demand, windows spot, windows on-demand; NaN: none
};

std::shared_ptr<arrow::Schema> RetailSchema() {
  const auto ts = arrow::timestamp(arrow::TimeUnit::MILLI, "UTC");
  return arrow::schema(
      {arrow::field("instance_tier", arrow::utf8(), false),
       arrow::field("instance_type", arrow::utf8(), false),
       arrow::field("sku", arrow::utf8(), false), arrow::field("region_code", arrow::utf8(), false),
       arrow::field("region_name", arrow::utf8()), arrow::field("spot_price", arrow::float64()),
       arrow::field("ondemand_price", arrow::float64()),
       arrow::field("windows_spot_price", arrow::float64()),
       arrow::field("windows_ondemand_price", arrow::float64()), arrow::field("price_at", ts),
       arrow::field("ondemand_at", ts)});
}

arrow::Result<std::shared_ptr<arrow::Table>> BuildTable(const std::vector<Row>& rows,
                                                        std::optional<Time> price_at,
                                                        std::optional<Time> ondemand_at) {
  ARROW_ASSIGN_OR_RAISE(
      auto builder, arrow::RecordBatchBuilder::Make(RetailSchema(), arrow::default_memory_pool(),
                                                    static_cast<int64_t>(rows.size())));
  const auto text = [&](int column, const std::string& value) {
    return builder->GetFieldAs<arrow::StringBuilder>(column)->Append(value);
  };
  const auto time = [&](int column, const std::optional<Time>& value) {
    auto* field = builder->GetFieldAs<arrow::TimestampBuilder>(column);
    return value ? field->Append(std::chrono::floor<std::chrono::milliseconds>(*value)
                                     .time_since_epoch()
                                     .count())
                 : field->AppendNull();
  };
  for (const Row& row : rows) {
    ARROW_RETURN_NOT_OK(text(0, row.tier));
    ARROW_RETURN_NOT_OK(text(1, row.type));
    ARROW_RETURN_NOT_OK(text(2, row.pair->sku));
    ARROW_RETURN_NOT_OK(text(3, row.pair->region_code));
    auto* name = builder->GetFieldAs<arrow::StringBuilder>(4);
    ARROW_RETURN_NOT_OK(row.pair->region_name ? name->Append(*row.pair->region_name)
                                              : name->AppendNull());
    for (int price = 0; price < 4; ++price) {
      auto* field = builder->GetFieldAs<arrow::DoubleBuilder>(5 + price);
      const double value = row.prices[static_cast<size_t>(price)];
      ARROW_RETURN_NOT_OK(value == value ? field->Append(value) : field->AppendNull());
    }
    ARROW_RETURN_NOT_OK(time(9, price_at));
    ARROW_RETURN_NOT_OK(time(10, ondemand_at));
  }
  ARROW_ASSIGN_OR_RAISE(auto batch, builder->Flush());
  return arrow::Table::FromRecordBatches({batch});
}

Result<columnar::Table> RetailCollection::MakeTable() {
  std::vector<PriceInput> inputs = {{price_.crawl->pages, true, ondemand_.crawl == price_.crawl}};
  if (ondemand_.crawl != nullptr && ondemand_.crawl != price_.crawl) {
    inputs.push_back({ondemand_.crawl->pages, false, true});
  }
  const PriceChoice choice = ChoosePrices(inputs, options_.rules, input_.slot);
  report_.counts["items"] = choice.items;
  report_.counts["candidates"] = choice.candidates;
  report_.counts["prices"] = static_cast<int64_t>(choice.prices.size());
  for (const auto& [rule, count] : choice.dropped) report_.counts["dropped." + rule] = count;

  std::vector<Row> rows;
  const std::string* region = nullptr;
  const std::string* sku = nullptr;
  bool wanted = false;
  for (const ChosenPrice& price : choice.prices) {
    const bool same_region = region != nullptr && *region == price.region;
    if (!same_region) wanted = Wanted(price.region);
    const bool same_pair = same_region && *sku == price.sku;
    region = &price.region;
    sku = &price.sku;
    if (!wanted) {
      report_.counts["excluded_pairs"] += !same_pair;
      continue;
    }
    if (!same_pair) {
      const PricedPair& pair = choice.pairs.at({price.region, price.sku});
      const size_t at = pair.sku.find('_');
      rows.push_back({pair.sku.substr(0, at), pair.sku.substr(at + 1), &pair, {}});
      rows.back().prices.fill(std::numeric_limits<double>::quiet_NaN());
    }
    const bool windows = price.operating_system == OperatingSystem::kWindows;
    if (windows && !options_.windows) continue;
    rows.back().prices[(windows ? 2 : 0) + (price.kind == PriceKind::kSpot ? 0 : 1)] = price.price;
  }
  std::erase_if(rows, [](const Row& row) {
    return std::none_of(row.prices.begin(), row.prices.end(),
                        [](double price) { return price == price; });
  });
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::tie(a.tier, a.type, a.pair->region_code) <
           std::tie(b.tier, b.type, b.pair->region_code);
  });
  report_.counts["pairs"] = static_cast<int64_t>(rows.size());
  const std::optional<Time> ondemand_at =
      ondemand_.crawl == nullptr ? std::nullopt : ondemand_.crawl->newest;
  ASSIGN_ARROW_OR_RETURN(auto table, BuildTable(rows, price_.crawl->newest, ondemand_at),
                         "task '{}'", input_.task);
  return columnar::Table::FromArrow(std::move(table));
}

class RetailSource final : public Source {
 public:
  Result<SourceResult> Collect(const SourceInput& input, const OpContext& context) override {
    ASSIGN_OR_RETURN(const RetailSettings options, ReadRetailSettings(input));
    return RetailCollection(input, options, context).Run();
  }
};

}  // namespace

SourceEntry RetailPrices() {
  SourceEntry entry;
  entry.info = {
      .kind = "azure.retail_prices",
      .help = "Spot and on-demand prices of Azure's VM sizes, from the public price list",
      .parameters = {{"ondemand_refresh", "duration", false,
                      "how old on-demand prices may be before the whole list is read; 24h"},
                     {"stale_limit", "duration", false,
                      "oldest recorded spot list that stands in for a failed one; 24h"},
                     {"ondemand_stale_limit", "duration", false,
                      "the same for on-demand prices; 72h"},
                     {"price_in_flight", "int", false, "requests at once; 8"},
                     {"operating_systems", "list", false, "linux, or linux and windows"},
                     {"regions", "list", false, "globs on the region code; all"},
                     {"exclude_regions", "list", false,
                      "globs of regions that appear in no table; sovereign clouds"},
                     {"meter_rules", "any", false,
                      "a file of the pipeline's folder, or the rules themselves; meter_rules.json"},
                     {"endpoints", "map", false, "prices: base URL of the price list"}},
      .outputs = {},
      .units = {kPrice, kOnDemand},
      .looks_back = false,
      .needs_identity = false,
  };
  entry.make = [] { return std::make_unique<RetailSource>(); };
  entry.columns = [](const SourceInput&) -> Result<TableColumns> {
    return TableColumns{{"", RetailSchema()}};
  };
  return entry;
}

}  // namespace catchment::sources::azure
