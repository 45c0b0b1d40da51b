#include "app/validate.h"

#include <algorithm>
#include <functional>

#include "app/bind_tasks.h"
#include "app/catalogue.h"
#include "app/run_pipeline.h"
#include "app/task_bodies.h"
#include "base/file.h"
#include "base/text.h"
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

/// What is wrong with a file of SQL; empty if nothing is. `unknown` says why it may not name a
/// table, empty if it may.
std::string CheckSql(const core::Pipeline& pipeline, const std::string& name,
                     const std::function<std::string(const std::string&)>& unknown) {
  const std::filesystem::path file = pipeline.folder / name;
  const Result<std::string> text = ReadFile(file, 1 << 20);
  if (!text.ok()) return text.error().message;
  const Result<columnar::SqlUse> use = columnar::InspectSql({*text, file.string()});
  if (!use.ok()) return use.error().message;
  std::string problems;
  for (const std::string& table : use->tables) {
    const std::string why = unknown(table);
    if (why.empty()) continue;
    problems +=
        fmt::format("{}{}: table '{}' {}", problems.empty() ? "" : "\n", file.string(), table, why);
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

std::string CheckTaskSql(const core::Pipeline& pipeline, const core::TaskSpec& task) {
  return CheckSql(pipeline, task.what, [&](const std::string& table) {
    return Knows(pipeline, task, table)
               ? std::string()
               : fmt::format("is neither needed by task '{}' nor published as head.…", task.name);
  });
}

/// SQL of an export or sink: over a publish (publish_contents.h).
std::string CheckPublishSql(const core::Pipeline& pipeline, const std::string& file) {
  if (file.empty()) return "";
  std::vector<std::string> known = {"run.tasks", "run.memory", "run.machine", "run.manifest"};
  for (const core::PublishedTable& published : pipeline.publish) {
    known.push_back(published.table);
    known.push_back("publish." + published.table);
  }
  return CheckSql(pipeline, file, [&](const std::string& table) -> std::string {
    if (std::find(known.begin(), known.end(), table) != known.end()) return "";
    const std::string nearest = Nearest(table, known);
    return "is not published" +
           (nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest));
  });
}

/// What a run without parameters would find wrong with its tables' columns. A pipeline that cannot
/// run without them is checked by `plan`, which is given them.
std::string CheckColumns(const Settings& settings, const core::Pipeline& pipeline) {
  Result<core::PlaceholderValues> placeholders = DefaultPlaceholders(settings, pipeline);
  if (!placeholders.ok()) return "";
  placeholders->slot = Time{};  // only its type counts
  const Result<std::string> dataset = core::ExpandPlaceholders(pipeline.dataset, *placeholders);
  return dataset.ok() ? BindTasks(settings, pipeline, *placeholders, *dataset) : "";
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
    if (task.kind == core::TaskKind::kSql) add(CheckTaskSql(*pipeline, task));
  }
  for (const core::ExportSpec& definition : pipeline->exports)
    add(CheckPublishSql(*pipeline, definition.sql));
  for (const core::SinkSpec& sink : pipeline->sinks) add(CheckPublishSql(*pipeline, sink.sql));
  if (problems.empty()) {
    TaskServices services;
    services.settings = &settings;
    if (const auto bodies = MakeTaskBodies(*pipeline, services); !bodies.ok())
      add(bodies.error().message);
  }
  if (problems.empty()) add(CheckColumns(settings, *pipeline));
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
