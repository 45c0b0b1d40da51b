#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/time.h"
#include "core/pipeline.h"
#include "core/placeholders.h"
#include "core/slot.h"

namespace catchment::core {

/// What a run does with a slot that is published, and what it asks of stored answers.
enum class Refresh { kUnset, kAuto, kAll, kNone };
/// `auto`, `all`, `none`; empty for kUnset.
std::string_view RefreshName(Refresh refresh);
Result<Refresh> ParseRefresh(std::string_view text);

/// Everything about one attempt to fill one slot, settled before anything is asked of the world.
/// Not changed after it is made.
struct RunSpec {
  std::shared_ptr<const Pipeline> definition;
  PipelineName pipeline;
  DatasetName dataset;
  Slot slot;
  RunId run;
  nlohmann::json parameters = nlohmann::json::object();  ///< all declared ones, with defaults
  /// What placeholders stand for in this run: parameters, environment's variables, slot, names.
  PlaceholderValues placeholders;
  Refresh refresh = Refresh::kUnset;
  bool late = false;  ///< collect although the slot's window is over
  std::string environment = "local";
  bool simulated = false;
  int attempt = 1;
  int workers = 4;  ///< tasks at once
  std::optional<std::chrono::milliseconds> time_limit;
};

/// Values of all declared parameters: `given_values` (an object: texts or typed values by name or
/// alias), else the environment variable, else the default. Empty texts and unreplaced `Ref::…`
/// count as not given. `alias: slot` parameters are left out of the check for required. kInvalid:
/// unknown names with the nearest known, values of a wrong type; all problems, one a line.
Result<nlohmann::json> ResolveParameters(
    const Pipeline& pipeline, const nlohmann::json& given_values,
    const std::function<std::optional<std::string>(const std::string&)>& environment_variable);

}  // namespace catchment::core
