#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <thread>

#include "app/catalogue.h"
#include "app/layout.h"
#include "app/run_pipeline.h"
#include "core/pipeline_parse.h"
#include "core/placeholders.h"
#include "core/slot.h"
#include "core/values.h"
#include "lake/history.h"
#include "lake/local_store.h"
#include "lake/manifest.h"
#include "net/endpoints.h"

extern char** environ;

namespace catchment::app {
namespace {

std::optional<std::string> EnvironmentVariable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

/// The slot's text: `--slot`, or the parameter that is another name of it. Where a pipeline has
/// such a parameter it must be said; otherwise the newest due slot is meant.
Result<std::string> SlotText(const core::Pipeline& pipeline, const RunRequest& request,
                             const nlohmann::json& parameters) {
  const core::Parameter* alias = pipeline.FindAlias("slot");
  if (alias == nullptr) return request.slot.value_or("due");
  const nlohmann::json value = parameters.value(alias->name, nlohmann::json());
  if (value.is_null() && !request.slot) {
    return Invalid("{}: {}; --slot due takes the newest", alias->name,
                   core::ExpectedSlotText(pipeline.slot.period));
  }
  if (value.is_null()) return *request.slot;
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  if (request.slot && *request.slot != text)
    return Invalid("{} is {}, and --slot is {}; give one", alias->name, text, *request.slot);
  return text;
}

/// What time it is for deciding on slots. A clock that stands at the run's slot knows no `due`, and
/// no future.
Result<Time> NowForSlots(const Settings& settings, const std::string& slot_text) {
  if (settings.clock != "slot") {
    ASSIGN_OR_RETURN(const auto clock, MakeClock(settings, Time{}));
    return clock->Now();
  }
  if (slot_text == "due")
    return Invalid("the simulated clock stands at the run's slot; name it with --slot");
  return Time(std::chrono::sys_days(std::chrono::year(2200) / 1 / 1));
}

/// The values that one run takes one after the other; one empty text without `for_each`.
Result<std::vector<std::string>> EachValue(const core::Pipeline& pipeline,
                                           const core::PlaceholderValues& placeholders) {
  if (!pipeline.for_each) return std::vector<std::string>{""};
  ASSIGN_OR_RETURN(const nlohmann::json values,
                   core::ExpandDocument(pipeline.for_each->values, placeholders), "for_each");
  std::vector<std::string> each;
  for (const nlohmann::json& value : values.is_array() ? values : nlohmann::json::array({values})) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (std::find(each.begin(), each.end(), text) != each.end())
      return Invalid("for_each: '{}' stands twice among its values", text);
    each.push_back(text);
  }
  if (each.empty()) return Invalid("for_each: '{}' gave no values", pipeline.for_each->variable);
  return each;
}

/// A bucket given by a parameter is the one that the environment's roots name, or fill in.
Status CheckBucket(const core::Pipeline& pipeline, const core::Environment& environment,
                   const nlohmann::json& parameters) {
  const core::Parameter* bucket = pipeline.FindAlias("bucket");
  if (bucket == nullptr) return {};
  const nlohmann::json value = parameters.value(bucket->name, nlohmann::json());
  if (!value.is_string()) return {};
  const auto text = value.get<std::string>();
  std::vector<std::string> roots = {environment.lake};
  for (const auto& [name, root] : environment.exports) roots.push_back(root);
  for (const std::string& root : roots) {
    const std::string filled = "{param." + bucket->name + "}";
    if (root.find(filled) != std::string::npos || root == "s3://" + text ||
        root.starts_with("s3://" + text + "/"))
      continue;
    return Invalid(
        "{}: environment '{}' writes to {} whatever is said here; leave {} out, or choose an "
        "environment whose roots hold {}",
        bucket->name, environment.name, root, bucket->name, filled);
  }
  return {};
}

/// Of a region asked for by a parameter: a dataset of its own, so that it cannot replace the whole.
std::string BoxSuffix(const core::Pipeline& pipeline, const nlohmann::json& parameters) {
  std::string suffix;
  for (const core::Parameter& parameter : pipeline.parameters) {
    const nlohmann::json value = parameters.value(parameter.name, nlohmann::json());
    if (parameter.type != "box" || !value.is_string()) continue;
    const Result<core::Box> box = core::ParseBox(value.get_ref<const std::string&>());
    if (box.ok()) suffix += "." + core::BoxName(*box);
  }
  return suffix;
}

Result<core::PlaceholderValues> MakePlaceholders(const Settings& settings,
                                                 const core::Pipeline& pipeline,
                                                 const nlohmann::json& given) {
  core::PlaceholderValues placeholders;
  ASSIGN_OR_RETURN(placeholders.parameters,
                   core::ResolveParameters(pipeline, given, EnvironmentVariable));
  placeholders.variables = settings.environment.vars;
  return placeholders;
}

/// What all values of `for_each` have in common.
struct Common {
  std::shared_ptr<const core::Pipeline> pipeline;
  core::PlaceholderValues placeholders;
  core::Refresh refresh = core::Refresh::kUnset;
  std::string slot_text;
  Time now;
  std::vector<std::string> each_values;
};

Result<Common> ResolveCommon(const Settings& settings, const RunRequest& request) {
  Common common;
  ASSIGN_OR_RETURN(common.pipeline, LoadPipelineByName(settings, request.pipeline));
  const core::Pipeline& pipeline = *common.pipeline;
  ASSIGN_OR_RETURN(common.placeholders, MakePlaceholders(settings, pipeline, request.parameters));
  const core::PlaceholderValues& placeholders = common.placeholders;
  RETURN_IF_ERROR(CheckBucket(pipeline, settings.environment, placeholders.parameters));
  common.refresh = request.refresh;
  const core::Parameter* refresh = pipeline.FindAlias("refresh");
  if (refresh != nullptr && common.refresh == core::Refresh::kUnset) {
    const nlohmann::json given =
        core::GivenValue(*refresh, request.parameters, EnvironmentVariable);
    if (given.is_string()) {
      ASSIGN_OR_RETURN(common.refresh, core::ParseRefresh(given.get<std::string>()));
    }
  }
  ASSIGN_OR_RETURN(common.slot_text, SlotText(pipeline, request, placeholders.parameters));
  ASSIGN_OR_RETURN(common.now, NowForSlots(settings, common.slot_text));
  ASSIGN_OR_RETURN(common.each_values, EachValue(pipeline, placeholders));
  return common;
}

Result<core::RunSpec> SpecOfEach(const Settings& settings, const RunRequest& request,
                                 const Common& common, const std::string& each) {
  const core::Pipeline& pipeline = *common.pipeline;
  core::RunSpec spec;
  spec.definition = common.pipeline;
  spec.pipeline.text = pipeline.name;
  Result<core::Slot> slot = core::ResolveSlot(pipeline, common.slot_text, common.now, each);
  if (!slot.ok()) {
    return common.each_values.size() == 1
               ? slot.status()
               : Status(Invalid("{} '{}': {}; nothing is collected of the others either",
                                pipeline.for_each->variable, each, slot.error().message));
  }
  spec.slot = std::move(slot).value();
  spec.parameters = common.placeholders.parameters;
  spec.placeholders = common.placeholders;
  spec.placeholders.slot = spec.slot.start;
  if (pipeline.for_each) spec.placeholders.names[pipeline.for_each->variable] = each;
  AddLayout(pipeline, common.each_values, each, spec.placeholders);
  ASSIGN_OR_RETURN(spec.dataset.text, core::ExpandPlaceholders(pipeline.dataset, spec.placeholders),
                   "dataset");
  spec.dataset.text += BoxSuffix(pipeline, spec.parameters);
  RETURN_IF_ERROR(lake::CheckDatasetName(spec.dataset.text), "dataset");
  spec.run = NewRunId();
  spec.refresh = common.refresh;
  spec.late = request.late;
  spec.allow_shrink = request.allow_shrink;
  spec.takeover = request.takeover;
  spec.environment = settings.environment.name;
  spec.simulated = settings.simulated;
  spec.workers = request.workers > 0
                     ? request.workers
                     : static_cast<int>(std::max(2u, std::thread::hardware_concurrency()));
  spec.time_limit = pipeline.timeout;
  return spec;
}

void ShareOneFile(std::vector<RunPlan>& plans) {
  std::set<std::string> datasets;
  for (const RunPlan& plan : plans) datasets.insert(plan.spec.dataset.text);
  for (RunPlan& plan : plans) plan.spec.together.assign(datasets.begin(), datasets.end());
}

/// When each slot of a dataset was last published; empty if the lake does not exist yet.
Result<std::map<SlotId, Time>> PublishedSlots(const Settings& settings,
                                              const std::string& dataset) {
  std::map<SlotId, Time> published;
  const auto store = lake::LocalStore::OpenRead(settings.lake_root);
  if (!store.ok() && store.error().code == Code::kNotFound) return published;
  if (!store.ok()) return store.status();
  ASSIGN_OR_RETURN(const auto publishes, lake::ListPublishes(**store, dataset));
  for (const lake::PublishSummary& publish : publishes) {
    if (publish.kind != lake::PublishKind::kPrune && publish.kind != lake::PublishKind::kCompact)
      published[publish.slot] = publish.published;
  }
  return published;
}

/// The runs that a request means: each `for_each` value's of one slot, or of all slots that are
/// due, oldest slot first.
Result<std::vector<core::RunSpec>> SpecsOf(const Settings& settings, const RunRequest& request,
                                           const Common& common) {
  std::vector<core::RunSpec> specs;
  const bool several = common.slot_text == "due" && !common.pipeline->slot.open.empty();
  for (const std::string& each : common.each_values) {
    ASSIGN_OR_RETURN(core::RunSpec spec, SpecOfEach(settings, request, common, each));
    if (!several) {
      specs.push_back(std::move(spec));
      continue;
    }
    ASSIGN_OR_RETURN(const auto open, core::OpenTime(spec));
    ASSIGN_OR_RETURN(const auto published, PublishedSlots(settings, spec.dataset.text));
    for (const core::Slot& slot :
         core::DueSlots(*common.pipeline, open, published, common.now, each)) {
      Common of_slot = common;
      of_slot.slot_text = slot.id.text;
      ASSIGN_OR_RETURN(specs.emplace_back(), SpecOfEach(settings, request, of_slot, each));
    }
  }
  std::stable_sort(specs.begin(), specs.end(), [](const auto& one, const auto& other) {
    return one.slot.start < other.slot.start;
  });
  return specs;
}

}  // namespace

Result<std::shared_ptr<const core::Pipeline>> LoadPipelineByName(const Settings& settings,
                                                                 const std::string& name_or_path) {
  ASSIGN_OR_RETURN(const std::filesystem::path file, FindPipelineFile(settings, name_or_path));
  ASSIGN_OR_RETURN(core::Pipeline pipeline, core::LoadPipeline(file, MakeCatalogue()));
  return std::make_shared<const core::Pipeline>(std::move(pipeline));
}

Result<core::PlaceholderValues> DefaultPlaceholders(const Settings& settings,
                                                    const core::Pipeline& pipeline) {
  ASSIGN_OR_RETURN(core::PlaceholderValues placeholders,
                   MakePlaceholders(settings, pipeline, nlohmann::json::object()));
  ASSIGN_OR_RETURN(const std::vector<std::string> each, EachValue(pipeline, placeholders));
  if (pipeline.for_each) placeholders.names[pipeline.for_each->variable] = each.front();
  return placeholders;
}

Result<ResolvedRuns> ResolveRuns(const Settings& settings, const RunRequest& request) {
  RETURN_IF_ERROR(net::Endpoints::FromEnvironment(environ, {}).status());
  ASSIGN_OR_RETURN(const Common common, ResolveCommon(settings, request));
  ResolvedRuns resolved;
  ASSIGN_OR_RETURN(resolved.settings, WithRoots(settings, common.placeholders));
  ASSIGN_OR_RETURN(std::vector<core::RunSpec> specs, SpecsOf(resolved.settings, request, common));
  for (core::RunSpec& spec : specs) {
    RunPlan plan;
    plan.spec = std::move(spec);
    plan.outside_window = settings.clock != "slot" &&
                          core::OutsideWindow(*common.pipeline, plan.spec.slot, common.now);
    ASSIGN_OR_RETURN(const auto open, core::OpenTime(plan.spec));
    plan.open = settings.clock != "slot" &&
                core::IsOpen(*common.pipeline, plan.spec.slot, open, common.now);
    resolved.plans.push_back(std::move(plan));
  }
  if (OneFileForAll(common.placeholders.parameters, common.each_values))
    ShareOneFile(resolved.plans);
  if (!request.dataset.empty()) {
    std::erase_if(resolved.plans,
                  [&](const RunPlan& plan) { return plan.spec.dataset.text != request.dataset; });
  }
  if (resolved.plans.empty() && !request.dataset.empty()) {
    return NotFound("{} with these parameters has no dataset '{}'", common.pipeline->name,
                    request.dataset);
  }
  return resolved;
}

}  // namespace catchment::app
