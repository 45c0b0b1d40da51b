#include "sources/azure/placement_plan.h"

#include <arrow/api.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/digest.h"
#include "base/text.h"
#include "columnar/arrow_status.h"
#include "columnar/schema.h"
#include "sources/parameters.h"
#include "transforms/sticky_subscriptions.h"

namespace catchment::sources::azure {
namespace {

using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;
using transforms::CoverCall;
using transforms::CoverPair;
using transforms::PlannedCall;

Result<std::vector<int>> ReadCounts(const Parameters& with) {
  static constexpr char kExpected[] = "an ascending list of whole numbers that begins with 1";
  std::vector<int> counts;
  if (!with.Has("counts")) return std::vector<int>{1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50};
  if (!with.At("counts").is_array()) return with.Bad("counts", kExpected);
  for (const nlohmann::json& count : with.At("counts")) {
    if (!count.is_number_integer() || count < 1 || count > 1000)
      return with.Bad("counts", kExpected);
    const int value = count.get<int>();
    if (counts.empty() ? value != 1 : value <= counts.back()) return with.Bad("counts", kExpected);
    counts.push_back(value);
  }
  if (counts.empty()) return with.Bad("counts", kExpected);
  return counts;
}

bool MatchesAny(const std::vector<std::string>& globs, const std::string& region) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return GlobMatch(ToLower(glob), region); });
}

/// Columns of a table as one batch of `schema`'s types.
Result<std::shared_ptr<arrow::Table>> LoadAs(const columnar::Table& table,
                                             const std::shared_ptr<arrow::Schema>& schema) {
  ASSIGN_OR_RETURN(auto rows, table.Load(schema->field_names()));
  ASSIGN_OR_RETURN(rows, columnar::CastToSchema(rows, schema));
  ASSIGN_ARROW_OR_RETURN(rows, rows->CombineChunks());
  return rows;
}

/// The values of a column, all in its one chunk; null if the table has no rows.
template <typename Array>
std::shared_ptr<Array> Column(const arrow::Table& rows, int column) {
  if (rows.num_rows() == 0) return nullptr;
  return std::static_pointer_cast<Array>(rows.column(column)->chunk(0));
}

/// Names matched without regard to case. Prices spell one region or SKU in one way, so that the
/// same text mostly comes again.
class Folded {
 public:
  const std::string& Of(std::string_view text) {
    if (text != last_) {
      last_ = text;
      lower_ = ToLower(text);
    }
    return lower_;
  }

 private:
  std::string last_, lower_;
};

std::map<std::string, std::vector<CoverCall>> BySubscription(
    const std::vector<PlannedCall>& calls) {
  std::map<std::string, std::vector<CoverCall>> grouped;
  for (const PlannedCall& call : calls) grouped[call.subscription].push_back(call.call);
  return grouped;
}

bool SameCalls(const std::vector<PlannedCall>& a, const std::vector<PlannedCall>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const PlannedCall& x, const PlannedCall& y) {
                      return x.subscription == y.subscription && x.call == y.call;
                    });
}

std::shared_ptr<arrow::Schema> PlanSchema() {
  const auto texts = arrow::list(arrow::utf8());
  return arrow::schema({arrow::field("call", arrow::int32(), false),
                        arrow::field("subscription", arrow::utf8(), false),
                        arrow::field("regions", texts, false), arrow::field("skus", texts, false)});
}

std::vector<std::string> TextsOf(const arrow::ListArray& lists, int64_t row) {
  const auto& values = static_cast<const arrow::StringArray&>(*lists.values());
  std::vector<std::string> texts;
  for (int64_t at = lists.value_offset(row); at < lists.value_offset(row + 1); ++at)
    texts.emplace_back(values.GetView(at));
  return texts;
}

arrow::Result<std::shared_ptr<arrow::Table>> BuildPlan(const std::vector<PlannedCall>& plan) {
  ARROW_ASSIGN_OR_RAISE(auto builder,
                        arrow::RecordBatchBuilder::Make(PlanSchema(), arrow::default_memory_pool(),
                                                        static_cast<int64_t>(plan.size())));
  const auto texts = [&](int column, const std::vector<std::string>& values) -> arrow::Status {
    auto* list = builder->GetFieldAs<arrow::ListBuilder>(column);
    ARROW_RETURN_NOT_OK(list->Append());
    return static_cast<arrow::StringBuilder*>(list->value_builder())->AppendValues(values);
  };
  int32_t number = 0;
  for (const PlannedCall& call : plan) {
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::Int32Builder>(0)->Append(number++));
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::StringBuilder>(1)->Append(call.subscription));
    ARROW_RETURN_NOT_OK(texts(2, call.call.regions));
    ARROW_RETURN_NOT_OK(texts(3, call.call.skus));
  }
  ARROW_ASSIGN_OR_RAISE(auto batch, builder->Flush());
  return arrow::Table::FromRecordBatches({batch});
}

}  // namespace

Result<PlacementSettings> ReadPlacementSettings(const nlohmann::json& parameters,
                                                const std::string& task) {
  ASSIGN_OR_RETURN(
      const Parameters with,
      Parameters::Make(parameters, task,
                       {"zones", "counts", "regions", "exclude_regions", "placement_in_flight",
                        "max_calls", "invalid_ttl", "collect_deadline", "bucket_window", "identity",
                        "endpoints", "bootstrap_metadata"}));
  PlacementSettings settings;
  ASSIGN_OR_RETURN(settings.zones, with.Bool("zones", true));
  ASSIGN_OR_RETURN(settings.counts, ReadCounts(with));
  ASSIGN_OR_RETURN(settings.regions, with.Texts("regions", {"*"}));
  ASSIGN_OR_RETURN(settings.excluded_regions,
                   with.Texts("exclude_regions", {"usgov*", "usdod*", "china*", "germanycentral",
                                                  "germanynortheast"}));
  ASSIGN_OR_RETURN(const int64_t in_flight, with.Integer("placement_in_flight", 16, 1, 256));
  settings.in_flight = static_cast<int>(in_flight);
  if (with.Has("max_calls")) {
    ASSIGN_OR_RETURN(settings.max_calls, with.Integer("max_calls", 0, 0, 1'000'000));
  }
  ASSIGN_OR_RETURN(settings.invalid_ttl, with.Duration("invalid_ttl", 168h));
  ASSIGN_OR_RETURN(settings.collect_deadline, with.Duration("collect_deadline", 7min));
  ASSIGN_OR_RETURN(settings.bucket_window, with.Duration("bucket_window", 62min));
  ASSIGN_OR_RETURN(settings.identity, with.Text("identity", "azure"));
  ASSIGN_OR_RETURN(settings.bootstrap_metadata, with.Text("bootstrap_metadata", ""));
  settings.base_url = "https://management.azure.com";
  if (const nlohmann::json& endpoints = with.At("endpoints");
      endpoints.is_object() && endpoints.contains("management")) {
    if (!endpoints["management"].is_string()) return with.Bad("endpoints.management", "a base URL");
    settings.base_url = endpoints["management"];
  }
  return settings;
}

Result<WantedPairs> ReadWantedPairs(const columnar::Table& priced,
                                    const PlacementSettings& settings, const PlacementState& state,
                                    const PlacementTurn& turn, Time slot) {
  static const auto kSchema =
      arrow::schema({arrow::field("sku", arrow::utf8()), arrow::field("region_code", arrow::utf8()),
                     arrow::field("spot_price", arrow::float64())});
  ASSIGN_OR_RETURN(const auto rows, LoadAs(priced, kSchema), "pairs with a price");
  const auto skus = Column<arrow::StringArray>(*rows, 0);
  const auto regions = Column<arrow::StringArray>(*rows, 1);
  const auto prices = Column<arrow::DoubleArray>(*rows, 2);
  const auto invalid = [&](const std::map<std::string, Time>& values, const std::string& name) {
    const auto found = values.find(name);
    return found != values.end() && !(turn.first && found->second <= slot);
  };
  WantedPairs wanted;
  Folded folded_region, folded_sku;
  std::map<std::string, bool> asked;  // by lower-case region
  for (int64_t row = 0; row < rows->num_rows(); ++row) {
    if (prices->IsNull(row) || skus->IsNull(row) || regions->IsNull(row)) continue;
    const std::string& region = folded_region.Of(regions->GetView(row));
    auto known = asked.find(region);
    if (known == asked.end()) {
      const bool ask =
          MatchesAny(settings.regions, region) && !MatchesAny(settings.excluded_regions, region);
      known = asked.emplace(region, ask).first;
    }
    if (!known->second) continue;
    CoverPair pair{std::string(regions->GetView(row)), std::string(skus->GetView(row))};
    if (invalid(state.invalid_regions, region) ||
        invalid(state.invalid_skus, folded_sku.Of(pair.sku))) {
      ++wanted.excluded_invalid[pair.region];
      continue;
    }
    wanted.pairs.push_back(std::move(pair));
  }
  std::sort(wanted.pairs.begin(), wanted.pairs.end());
  wanted.pairs.erase(std::unique(wanted.pairs.begin(), wanted.pairs.end()), wanted.pairs.end());
  return wanted;
}

Result<std::map<CoverPair, Time>> ReadScoredAt(const columnar::Table& snapshot) {
  static const auto kSchema =
      arrow::schema({arrow::field("sku", arrow::utf8()), arrow::field("region_code", arrow::utf8()),
                     arrow::field("scored_at", arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"))});
  ASSIGN_OR_RETURN(const auto rows, LoadAs(snapshot, kSchema), "published snapshot");
  const auto skus = Column<arrow::StringArray>(*rows, 0);
  const auto regions = Column<arrow::StringArray>(*rows, 1);
  const auto times = Column<arrow::TimestampArray>(*rows, 2);
  std::map<CoverPair, Time> scored;
  for (int64_t row = 0; row < rows->num_rows(); ++row) {
    if (times->IsNull(row) || skus->IsNull(row) || regions->IsNull(row)) continue;
    const Time at{std::chrono::milliseconds(times->Value(row))};
    CoverPair pair{std::string(regions->GetView(row)), std::string(skus->GetView(row))};
    Time& oldest = scored.try_emplace(std::move(pair), at).first->second;
    oldest = std::min(oldest, at);
  }
  return scored;
}

Result<std::vector<PlannedCall>> ReadPlanTable(const columnar::Table& plan) {
  static const auto kSchema = PlanSchema();
  ASSIGN_OR_RETURN(const auto rows, LoadAs(plan, kSchema), "published plan");
  const auto numbers = Column<arrow::Int32Array>(*rows, 0);
  const auto subscriptions = Column<arrow::StringArray>(*rows, 1);
  const auto regions = Column<arrow::ListArray>(*rows, 2);
  const auto skus = Column<arrow::ListArray>(*rows, 3);
  std::vector<std::pair<int32_t, PlannedCall>> calls;
  for (int64_t row = 0; row < rows->num_rows(); ++row) {
    calls.push_back(
        {numbers->Value(row),
         {subscriptions->GetString(row), {TextsOf(*regions, row), TextsOf(*skus, row)}}});
  }
  std::stable_sort(calls.begin(), calls.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<PlannedCall> ordered;
  ordered.reserve(calls.size());
  for (auto& [number, call] : calls) ordered.push_back(std::move(call));
  return ordered;
}

Result<columnar::Table> MakePlanTable(const std::vector<PlannedCall>& plan) {
  ASSIGN_ARROW_OR_RETURN(auto table, BuildPlan(plan));
  return columnar::Table::FromArrow(std::move(table));
}

namespace {

/// Plan those shares anew that gain most by it, one after the other, until all together need at
/// most `allowed` calls; the others stay as they are. `shares` are in the order of `digests`.
Status ReplaceCostlyShares(const std::vector<std::string>& digests,
                           const std::map<std::string, std::vector<CoverPair>>& pairs,
                           int64_t allowed, std::vector<std::vector<CoverCall>>& shares) {
  const auto total = [&] {
    int64_t calls = 0;
    for (const auto& share : shares) calls += static_cast<int64_t>(share.size());
    return calls;
  };
  if (total() <= allowed) return {};
  std::vector<std::vector<CoverCall>> anew(shares.size());
  std::vector<size_t> by_gain;
  for (size_t at = 0; at < shares.size(); ++at) {
    const auto own = pairs.find(digests[at]);
    if (own == pairs.end()) continue;
    ASSIGN_OR_RETURN(transforms::CoverPlan cover, transforms::PlanCover(own->second));
    anew[at] = std::move(cover.calls);
    if (anew[at].size() < shares[at].size()) by_gain.push_back(at);
  }
  std::stable_sort(by_gain.begin(), by_gain.end(), [&](size_t a, size_t b) {
    return shares[a].size() - anew[a].size() > shares[b].size() - anew[b].size();
  });
  for (const size_t at : by_gain) {
    if (total() <= allowed) break;
    shares[at] = std::move(anew[at]);
  }
  return {};
}

}  // namespace

Result<PlacementPlan> MakePlacementPlan(const WantedPairs& wanted, const PlacementTurn& turn,
                                        const std::vector<std::string>& digests,
                                        const std::map<std::string, std::string>& sticky,
                                        const std::vector<PlannedCall>& stored) {
  PlacementPlan plan;
  plan.anew = turn.first || stored.empty();
  ASSIGN_OR_RETURN(plan.bounds, transforms::BoundsOf(wanted.pairs));
  ASSIGN_OR_RETURN(plan.sticky, transforms::AssignSubscriptions(wanted.pairs, digests, sticky));
  std::map<std::string, std::vector<CoverPair>> pairs;
  for (const CoverPair& pair : wanted.pairs) {
    const std::string& digest = plan.sticky.at(transforms::SeriesOfSku(pair.sku));
    pairs[digest].push_back(pair);
    plan.subscription.emplace_hint(plan.subscription.end(), pair, digest);
  }
  auto previous = BySubscription(stored);
  std::vector<std::vector<CoverCall>> shares;
  for (const std::string& digest : digests) {
    ASSIGN_OR_RETURN(shares.emplace_back(),
                     transforms::RepairCover(previous[digest], pairs[digest]));
  }
  if (plan.anew)
    RETURN_IF_ERROR(ReplaceCostlyShares(digests, pairs, plan.bounds.allowed(), shares));
  for (size_t at = 0; at < digests.size(); ++at) {
    for (CoverCall& call : shares[at]) plan.calls.push_back({digests[at], std::move(call)});
  }
  plan.changed = !SameCalls(plan.calls, stored);
  return plan;
}

nlohmann::json PlanFacts(const PlacementPlan& plan, Time slot) {
  Sha256 digest;
  for (const PlannedCall& call : plan.calls) {
    digest.Update(fmt::format("{}\n{}\n{}\n", call.subscription, fmt::join(call.call.regions, ","),
                              fmt::join(call.call.skus, ",")));
  }
  return {{"day", FormatTime(slot).substr(0, 10)},
          {"calls", plan.calls.size()},
          {"pairs", plan.bounds.pairs},
          {"bound", plan.bounds.best()},
          {"digest", digest.Hex().substr(0, 16)}};
}

PlacementChoice ChoosePlacementCalls(const PlacementPlan& plan,
                                     const std::map<std::string, int64_t>& free,
                                     const std::optional<int64_t>& max_calls,
                                     const std::map<CoverPair, Time>& scored_at) {
  PlacementChoice choice;
  transforms::CallAllowance allowance;
  std::map<std::string, int64_t> needed;
  for (const PlannedCall& call : plan.calls) ++needed[call.subscription];
  for (const auto& [digest, calls] : free) allowance.total += calls;
  if (max_calls) allowance.total = std::min(allowance.total, *max_calls);
  choice.allowance = allowance.total;
  choice.enough = allowance.total >= static_cast<int64_t>(plan.calls.size());
  for (const auto& [digest, calls] : needed) {
    const auto found = free.find(digest);
    allowance.of_subscription[digest] = found == free.end() ? 0 : found->second;
    choice.enough = choice.enough && calls <= allowance.of_subscription[digest];
  }
  if (choice.enough) {
    for (size_t call = 0; call < plan.calls.size(); ++call)
      choice.calls.push_back(static_cast<int32_t>(call));
    return choice;
  }
  std::vector<transforms::WaitingPair> waiting;
  for (const auto& [pair, digest] : plan.subscription) {
    const auto scored = scored_at.find(pair);
    waiting.push_back(
        {pair, digest, scored == scored_at.end() ? std::nullopt : std::optional(scored->second)});
  }
  transforms::CallChoice chosen = transforms::ChooseCalls(plan.calls, waiting, allowance);
  choice.calls = std::move(chosen.calls);
  choice.left_out = {std::make_move_iterator(chosen.left_out.begin()),
                     std::make_move_iterator(chosen.left_out.end())};
  return choice;
}

std::vector<net::BudgetKey> PlacementBuckets(const std::string& identity,
                                             const std::vector<std::string>& digests,
                                             const std::vector<std::string>& locations) {
  std::vector<net::BudgetKey> keys;
  for (const std::string& digest : digests) {
    for (const std::string& location : locations)
      keys.push_back({kPlacementApi, fmt::format("{}/{}/{}", identity, digest, location)});
  }
  return keys;
}

Result<PlacementForecast> PlanPlacement(const PlacementSettings& settings,
                                        const nlohmann::json& state, Time slot,
                                        const columnar::Table& priced,
                                        const std::optional<columnar::Table>& scored,
                                        const std::optional<columnar::Table>& plan,
                                        const std::map<std::string, int64_t>& free) {
  ASSIGN_OR_RETURN(const PlacementState read, ReadPlacementState(state, settings.counts));
  const PlacementTurn turn = TurnOf(read.rotation, slot);
  ASSIGN_OR_RETURN(const WantedPairs wanted, ReadWantedPairs(priced, settings, read, turn, slot));
  std::vector<PlannedCall> stored;
  if (plan) {
    ASSIGN_OR_RETURN(stored, ReadPlanTable(*plan));
  }
  std::vector<std::string> digests;
  for (const auto& [digest, calls] : free) digests.push_back(digest);
  ASSIGN_OR_RETURN(const PlacementPlan made,
                   MakePlacementPlan(wanted, turn, digests, read.sticky, stored));
  std::map<CoverPair, Time> scored_at;
  if (scored) {
    ASSIGN_OR_RETURN(scored_at, ReadScoredAt(*scored));
  }
  const PlacementChoice choice = ChoosePlacementCalls(made, free, settings.max_calls, scored_at);
  PlacementForecast forecast;
  forecast.first = turn.first;
  forecast.count = turn.count;
  forecast.pairs = made.bounds.pairs;
  forecast.calls = static_cast<int64_t>(made.calls.size());
  forecast.bound = made.bounds.best();
  forecast.allowance = choice.allowance;
  forecast.left_out = static_cast<int64_t>(choice.left_out.size());
  if (forecast.bound > 0) {
    forecast.gap_percent = 100.0 * static_cast<double>(forecast.calls - forecast.bound) /
                           static_cast<double>(forecast.bound);
  }
  return forecast;
}

}  // namespace catchment::sources::azure
