#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace catchment::sources::azure {

/// Which count is due, and whose day's plan is stored.
struct PlacementRotation {
  std::vector<int> counts;
  int64_t index = 0;                         ///< into counts
  std::optional<std::chrono::sys_days> day;  ///< null: no first run yet
};

/// What a dataset's state says of placement scores. Members that other sources own are not looked
/// at.
struct PlacementState {
  PlacementRotation rotation;
  std::map<std::string, Time> invalid_regions, invalid_skus;  ///< lower case → until
  std::map<std::string, std::string> sticky;                  ///< series → subscription digest
  std::vector<std::string> locations;
};

/// Where an earlier collector's rotation stood.
struct RotationStart {
  int64_t index = 0;
  std::chrono::sys_days day{};
};

/// Parse an `sps_metadata.yaml`: exactly the keys `desired_count_index` and `workload_date`, once
/// each, in any order; the date quoted or not. kInvalid: anything else; names the line.
Result<RotationStart> ParseSpsMetadata(std::string_view text);

/// Read the state with the run's `counts`: if they differ from the stored ones, index is that of
/// the smallest count not below the due one, else 0. Without a rotation in the state: `start`, else
/// index 0 and no day. kInvalid: a state of another version (says what to do), or one that is none.
Result<PlacementState> ReadPlacementState(const nlohmann::json& state,
                                          const std::vector<int>& counts,
                                          const std::optional<RotationStart>& start = {});

/// What a run asks for.
struct PlacementTurn {
  bool first = false;  ///< the first run of the slot's day: plans anew, asks for count 1
  int count = 1;
};
PlacementTurn TurnOf(const PlacementRotation& rotation, Time slot);

/// What a run has to say to the state: the patch that FoldPlacementState understands.
struct PlacementPatch {
  Time slot{};
  std::vector<int> counts;
  PlacementTurn turn;
  /// At least one pair was answered, or the service refused: the turn is used up. Else only a world
  /// that did not answer, credentials, budget or deadline stood in the way, and it is repeated.
  bool consumed = false;
  std::optional<RotationStart> start;                         ///< of a dataset without rotation
  std::map<std::string, Time> invalid_regions, invalid_skus;  ///< learned by this run → until
  std::map<std::string, std::string> sticky;
  std::vector<std::string> locations;      ///< empty: as they were
  nlohmann::json plan = nlohmann::json();  ///< the state's `plan`; null: as it was
};
nlohmann::json ToJson(const PlacementPatch& patch);

/// The state after a publish (SourceEntry::fold_state). A first run sets the day and the plan and
/// leaves the index; another moves the index on only if its count is the due one of `head_state`,
/// the head at publish; neither does if the turn was not consumed. Learned values are merged;
/// expired ones go with a first run. Pure. kInvalid: as ReadPlacementState.
Result<nlohmann::json> FoldPlacementState(const nlohmann::json& head_state,
                                          const nlohmann::json& patch);

}  // namespace catchment::sources::azure
