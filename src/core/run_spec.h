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
  bool late = false;          ///< collect although the slot's window is over
  bool allow_shrink = false;  ///< publish fewer rows than the slot had
  bool takeover = false;      ///< exports replace files of other datasets
  /// The datasets whose rows stand in one file at `{layout}`, sorted; empty: each has its own.
  std::vector<std::string> together;
  std::string environment = "local";
  bool simulated = false;
  int attempt = 1;
  int workers = 4;  ///< tasks at once
  std::optional<std::chrono::milliseconds> time_limit;
};

using EnvironmentVariables = std::function<std::optional<std::string>(const std::string& variable)>;

/// What was said of one parameter: in `given_values` (an object: texts or typed values by name or
/// alias), else by its environment variable. Null: nothing, an empty text, or an unreplaced
/// `Ref::…` (what AWS Batch leaves where a parameter was not submitted).
nlohmann::json GivenValue(const Parameter& parameter, const nlohmann::json& given_values,
                          const EnvironmentVariables& environment_variable);

/// Values of all declared parameters: those given (GivenValue), else the defaults. kInvalid:
/// unknown names with the nearest known, values of a wrong type, not allowed or out of range, a
/// text that is no slot for `alias: slot` (`yearMonth: expected YYYYMM, e.g. 202401`); all
/// problems, one a line.
Result<nlohmann::json> ResolveParameters(const Pipeline& pipeline,
                                         const nlohmann::json& given_values,
                                         const EnvironmentVariables& environment_variable);

/// Whether a typed value is among the `allowed` ones and in range; null is. kInvalid: what is
/// expected.
Status CheckParameter(const Parameter& parameter, const nlohmann::json& value);

/// What the slot parameter of a pipeline takes: `expected YYYYMM, e.g. 202401`.
std::string ExpectedSlotText(Period period);

/// How long after its end the spec's slot stays open: `slot.open` with placeholders filled; zero
/// without one. kInvalid: no duration.
Result<std::chrono::milliseconds> OpenTime(const RunSpec& spec);

}  // namespace catchment::core
