#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "columnar/table.h"
#include "net/budget_store.h"
#include "sources/azure/placement_state.h"
#include "transforms/call_choice.h"
#include "transforms/cover_plan.h"

namespace catchment::sources::azure {

inline constexpr char kPlacementApi[] = "azure.placement_scores";

/// `with:` of a task that asks for placement scores.
struct PlacementSettings {
  bool zones = true;
  std::vector<int> counts;                             ///< ascending, 1 among them
  std::vector<std::string> regions, excluded_regions;  ///< globs
  int in_flight = 16;
  std::optional<int64_t> max_calls;
  std::chrono::milliseconds invalid_ttl{}, collect_deadline{}, bucket_window{};
  std::string identity, base_url, bootstrap_metadata;
};
/// kInvalid: names the key and what it may hold.
Result<PlacementSettings> ReadPlacementSettings(const nlohmann::json& parameters,
                                                const std::string& task);

/// The pairs that want a score.
struct WantedPairs {
  std::vector<transforms::CoverPair> pairs;  ///< distinct, sorted; in the price source's spelling
  /// By region: pairs with a price that are left out because a value is known to be invalid.
  std::map<std::string, int64_t> excluded_invalid;
};
/// Those of `priced` (columns `sku`, `region_code`, `spot_price`) that have a spot price, whose
/// region is not excluded, and of which nothing is known to be invalid. With a `first` run values
/// whose time is over count as valid again.
Result<WantedPairs> ReadWantedPairs(const columnar::Table& priced,
                                    const PlacementSettings& settings, const PlacementState& state,
                                    const PlacementTurn& turn, Time slot);

/// When each pair was scored last: the oldest of its zones in a snapshot (columns `sku`,
/// `region_code`, `scored_at`). Pairs never scored are absent.
Result<std::map<transforms::CoverPair, Time>> ReadScoredAt(const columnar::Table& snapshot);

/// The stored request list (columns call, subscription, regions, skus), in order of `call`, and
/// back.
Result<std::vector<transforms::PlannedCall>> ReadPlanTable(const columnar::Table& plan);
Result<columnar::Table> MakePlanTable(const std::vector<transforms::PlannedCall>& plan);

/// The request list of a run.
struct PlacementPlan {
  std::vector<transforms::PlannedCall> calls;  ///< a call's number is its place
  std::map<std::string, std::string> sticky;   ///< series → digest, of all series ever assigned
  std::map<transforms::CoverPair, std::string> subscription;  ///< of each wanted pair
  transforms::CoverBounds bounds;                             ///< of all pairs together
  bool anew = false;     ///< a first run's, or there was none stored
  bool changed = false;  ///< other calls than the stored ones
};
/// Plan anew (a first run), or fit the stored list to the pairs wanted now. A first run repairs the
/// stored list too; if all subscriptions together then need more than bounds.allowed() calls, the
/// lists of those that gain most are replaced until they do not. Pure. kInvalid: pairs but no
/// subscription.
Result<PlacementPlan> MakePlacementPlan(const WantedPairs& wanted, const PlacementTurn& turn,
                                        const std::vector<std::string>& digests,
                                        const std::map<std::string, std::string>& sticky,
                                        const std::vector<transforms::PlannedCall>& stored);

/// What the state says of a plan: day, calls, pairs, bound, digest.
nlohmann::json PlanFacts(const PlacementPlan& plan, Time slot);

/// The calls to make within an allowance.
struct PlacementChoice {
  std::vector<int32_t> calls;  ///< numbers, in the order to send them
  std::set<transforms::CoverPair> left_out;
  int64_t allowance = 0;  ///< free calls, at most `max_calls`
  bool enough = true;     ///< for all of the plan
};
PlacementChoice ChoosePlacementCalls(const PlacementPlan& plan,
                                     const std::map<std::string, int64_t>& free,
                                     const std::optional<int64_t>& max_calls,
                                     const std::map<transforms::CoverPair, Time>& scored_at);

/// The buckets of an identity's placement budget: `<identity>/<digest>/<location>`.
std::vector<net::BudgetKey> PlacementBuckets(const std::string& identity,
                                             const std::vector<std::string>& digests,
                                             const std::vector<std::string>& locations);

/// What a run at `slot` would ask.
struct PlacementForecast {
  bool first = false;
  int count = 1;
  int64_t pairs = 0, calls = 0, bound = 0, allowance = 0, left_out = 0;
  double gap_percent = 0;  ///< (calls − bound) / bound × 100
};
/// Foretell a run without asking the world: `priced` is a price or snapshot table, `scored` the
/// published snapshot and `plan` the published request list if there are any; `free` calls by
/// subscription digest, of all that the identity has. Pure.
Result<PlacementForecast> PlanPlacement(const PlacementSettings& settings,
                                        const nlohmann::json& state, Time slot,
                                        const columnar::Table& priced,
                                        const std::optional<columnar::Table>& scored,
                                        const std::optional<columnar::Table>& plan,
                                        const std::map<std::string, int64_t>& free);

}  // namespace catchment::sources::azure
