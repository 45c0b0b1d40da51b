#include <cstdlib>
#include <thread>

#include "app/catalogue.h"
#include "app/run_pipeline.h"
#include "core/pipeline_parse.h"
#include "core/placeholders.h"
#include "core/slot.h"
#include "net/endpoints.h"

extern char** environ;

namespace catchment::app {
namespace {

std::optional<std::string> EnvironmentVariable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

/// The slot's text: `--slot`, or the parameter that is its alias.
std::string SlotText(const core::Pipeline& pipeline, const RunRequest& request) {
  for (const core::Parameter& parameter : pipeline.parameters) {
    if (parameter.alias != "slot") continue;
    for (const std::string& name : {parameter.name, parameter.alias}) {
      const auto given = request.parameters.find(name);
      if (given != request.parameters.end() && given->is_string()) return given->get<std::string>();
    }
  }
  return request.slot;
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

std::vector<std::string> EachValue(const core::Pipeline& pipeline,
                                   const core::PlaceholderValues& placeholders) {
  if (!pipeline.for_each) return {""};
  const Result<nlohmann::json> values =
      core::ExpandDocument(pipeline.for_each->values, placeholders);
  std::vector<std::string> each;
  if (!values.ok() || !values->is_array()) return each;
  for (const nlohmann::json& value : *values)
    each.push_back(value.is_string() ? value.get<std::string>() : value.dump());
  return each;
}

}  // namespace

Result<std::shared_ptr<const core::Pipeline>> LoadPipelineByName(const Settings& settings,
                                                                 const std::string& name_or_path) {
  ASSIGN_OR_RETURN(const std::filesystem::path file, FindPipelineFile(settings, name_or_path));
  ASSIGN_OR_RETURN(core::Pipeline pipeline, core::LoadPipeline(file, MakeCatalogue()));
  return std::make_shared<const core::Pipeline>(std::move(pipeline));
}

Result<std::vector<RunPlan>> ResolveRuns(const Settings& settings, const RunRequest& request) {
  RETURN_IF_ERROR(net::Endpoints::FromEnvironment(environ, {}).status());
  ASSIGN_OR_RETURN(const auto pipeline, LoadPipelineByName(settings, request.pipeline));
  core::PlaceholderValues placeholders;
  ASSIGN_OR_RETURN(placeholders.parameters,
                   core::ResolveParameters(*pipeline, request.parameters, EnvironmentVariable));
  placeholders.variables = settings.environment.vars;
  const std::string slot_text = SlotText(*pipeline, request);
  ASSIGN_OR_RETURN(const Time now, NowForSlots(settings, slot_text));
  const std::vector<std::string> each_values = EachValue(*pipeline, placeholders);
  if (each_values.empty())
    return Invalid("for_each: '{}' gave no values", pipeline->for_each->variable);

  std::vector<RunPlan> plans;
  for (const std::string& each : each_values) {
    RunPlan plan;
    core::RunSpec& spec = plan.spec;
    spec.definition = pipeline;
    spec.pipeline.text = pipeline->name;
    ASSIGN_OR_RETURN(spec.slot, core::ResolveSlot(*pipeline, slot_text, now, each));
    spec.parameters = placeholders.parameters;
    spec.placeholders = placeholders;
    spec.placeholders.slot = spec.slot.start;
    if (pipeline->for_each) spec.placeholders.names[pipeline->for_each->variable] = each;
    ASSIGN_OR_RETURN(spec.dataset.text,
                     core::ExpandPlaceholders(pipeline->dataset, spec.placeholders), "dataset");
    spec.run = NewRunId();
    spec.refresh = request.refresh;
    spec.late = request.late;
    spec.environment = settings.environment.name;
    spec.simulated = settings.simulated;
    spec.workers = request.workers > 0
                       ? request.workers
                       : static_cast<int>(std::max(2u, std::thread::hardware_concurrency()));
    spec.time_limit = pipeline->timeout;
    plan.outside_window =
        settings.clock != "slot" && core::OutsideWindow(*pipeline, spec.slot, now);
    plans.push_back(std::move(plan));
  }
  return plans;
}

}  // namespace catchment::app
