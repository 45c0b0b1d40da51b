#include "app/validate.h"

#include <algorithm>

#include "app/catalogue.h"
#include "app/run_pipeline.h"
#include "app/task_bodies.h"
#include "base/file.h"
#include "columnar/sql.h"
#include "core/pipeline_schema.h"
#include "simulator/world.h"

namespace catchment::app {
namespace {

bool Knows(const core::Pipeline& pipeline, const core::TaskSpec& task, const std::string& table) {
  if (table.starts_with("head.")) {
    return std::any_of(
        pipeline.publish.begin(), pipeline.publish.end(),
        [&](const core::PublishedTable& published) { return "head." + published.table == table; });
  }
  return std::any_of(task.needs.begin(), task.needs.end(), [&](const std::string& need) {
    return table == need || table.starts_with(need + ".");
  });
}

/// What is wrong with an SQL task's file; empty if nothing is.
std::string CheckSql(const core::Pipeline& pipeline, const core::TaskSpec& task) {
  const std::filesystem::path file = pipeline.folder / task.what;
  const Result<std::string> text = ReadFile(file, 1 << 20);
  if (!text.ok()) return text.error().message;
  const Result<columnar::SqlUse> use = columnar::InspectSql({*text, file.string()});
  if (!use.ok()) return use.error().message;
  std::string problems;
  for (const std::string& table : use->tables) {
    if (Knows(pipeline, task, table)) continue;
    problems +=
        fmt::format("{}{}: table '{}' is neither needed by task '{}' nor published as head.…",
                    problems.empty() ? "" : "\n", file.string(), table, task.name);
  }
  for (const std::string& parameter : use->parameters) {
    const bool declared =
        parameter == "slot" ||
        (parameter.starts_with("param_") && pipeline.FindParameter(parameter.substr(6)) != nullptr);
    if (!declared) {
      problems +=
          fmt::format("{}{}: ${} is not known; use $slot or $param_<name> of a declared parameter",
                      problems.empty() ? "" : "\n", file.string(), parameter);
    }
  }
  return problems;
}

}  // namespace

Result<PipelineSummary> ValidatePipeline(const Settings& settings,
                                         const std::string& name_or_path) {
  ASSIGN_OR_RETURN(const auto pipeline, LoadPipelineByName(settings, name_or_path));
  std::string problems;
  const auto add = [&](const std::string& problem) {
    if (!problem.empty()) problems += (problems.empty() ? "" : "\n") + problem;
  };
  for (const core::TaskSpec& task : pipeline->tasks) {
    if (task.kind == core::TaskKind::kSql) add(CheckSql(*pipeline, task));
  }
  for (const core::ExportSpec& definition : pipeline->exports) {
    if (!definition.from.empty()) {
      add(
          fmt::format("{}:{}:{}: exports `from:` a task are not written by this version; publish "
                      "the table and name it "
                      "under `table:`",
                      pipeline->file.string(), definition.mark.line, definition.mark.column));
    }
  }
  if (problems.empty()) {
    TaskServices services;
    services.settings = &settings;
    if (const auto bodies = MakeTaskBodies(*pipeline, services); !bodies.ok())
      add(bodies.error().message);
  }
  if (!problems.empty()) return Invalid("{}", problems);
  return PipelineSummary{pipeline->file.string(), pipeline->tasks.size()};
}

Result<nlohmann::json> SchemaOf(const std::string& kind) {
  if (kind == "pipeline") return core::PipelineSchema(MakeCatalogue());
  if (kind == "config") return core::ConfigSchema();
  if (kind == "world") return simulator::WorldSchema();
  return Invalid("there is no schema '{}'; use pipeline, config or world", kind);
}

}  // namespace catchment::app
