#include "app/plan.h"

#include <fmt/ranges.h>

#include "app/bind_tasks.h"
#include "app/catalogue.h"
#include "app/delivery.h"
#include "app/export_writer.h"
#include "app/placement_forecast.h"
#include "base/text.h"
#include "lake/history.h"
#include "lake/local_store.h"

namespace catchment::app {
namespace {

/// The dataset as it is; empty if the lake does not exist yet.
Result<lake::ViewForRun> ViewsOf(const Settings& settings, const core::RunSpec& spec) {
  const auto store = lake::LocalStore::OpenRead(settings.lake_root);
  if (!store.ok() && store.error().code == Code::kNotFound) return lake::ViewForRun();
  if (!store.ok()) return store.status();
  return lake::LoadForSlot(**store, spec.dataset.text, spec.slot.id, spec.slot.start);
}

std::string StandingText(const RunPlan& plan, const lake::ViewForRun& views) {
  const auto& published = views.standing.published;
  if (!published.empty() && plan.spec.refresh == core::Refresh::kUnset && !plan.open) {
    return fmt::format("already published as {}; nothing would be done without --refresh",
                       published.back());
  }
  if (plan.outside_window && published.empty())
    return "outside its window: only sources that look back, or --late";
  const std::string next = fmt::format("would be published as {}", views.head.number + 1);
  if (!published.empty())
    return fmt::format("{}, a revision of publish {}", next, published.front());
  return views.standing.late_rules() ? next + ", late" : next;
}

std::string DueText(const core::TaskSpec& task, const lake::ViewForRun& views, Time slot) {
  const sources::SourceEntry* entry = FindSource(task.what);
  if (entry == nullptr || !task.refresh || entry->info.units.empty()) return "asks the world";
  std::string text;
  for (const std::string& unit : entry->info.units) {
    const nlohmann::json& state = views.head.state;
    const std::string at =
        state.value(nlohmann::json::json_pointer("/sources/" + unit + "/slot_time"), std::string());
    const Result<Time> collected = ParseTime(at);
    const bool due = !collected.ok() || slot - *collected >= *task.refresh ||
                     std::chrono::floor<std::chrono::days>(*collected) <
                         std::chrono::floor<std::chrono::days>(slot);
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", unit,
                        due ? "asks the world" : "uses the answer of " + at);
  }
  return text;
}

std::string WhatText(const core::TaskSpec& task, const lake::ViewForRun& views, Time slot) {
  switch (task.kind) {
    case core::TaskKind::kSource:
      return fmt::format("{}: {}", task.what, DueText(task, views, slot));
    case core::TaskKind::kSql:
      return task.what;
    case core::TaskKind::kTransform:
      return task.what;
    case core::TaskKind::kRead:
      return "reads dataset " + task.what;
    case core::TaskKind::kExec:
      return fmt::format("runs {}", fmt::join(task.command, " "));
  }
  return "";
}

/// `sink timestream spotlake-test/azure-test`, `messages by slack on failed, gap`.
Result<std::string> SinkText(const core::SinkSpec& sink, const core::RunSpec& spec,
                             const std::string& suffix) {
  if (const auto variable = MissingVariable(sink, spec)) {
    return fmt::format("nothing by {}: the environment has no '{}' under vars", sink.kind,
                       *variable);
  }
  if (sink.table.empty())
    return fmt::format("messages by {} on {}", sink.kind, fmt::join(sink.on, ", "));
  ASSIGN_OR_RETURN(const nlohmann::json keys, SinkKeysOf(sink, spec, suffix), "sink {}", sink.kind);
  std::string text = "sink " + sink.kind;
  for (const char* key : {"to", "path", "database", "bucket"}) {
    const auto found = keys.find(key);
    if (found != keys.end() && found->is_string()) text += " " + found->get<std::string>();
  }
  return text;
}

std::string ForecastText(const sources::azure::PlacementForecast& forecast) {
  return fmt::format(
      "{}count {}: {} calls for {} pairs (bound {}, {:+.1f}%), {} allowed now, {} pairs left out",
      forecast.first ? "first run of the day, " : "", forecast.count, FormatCount(forecast.calls),
      FormatCount(forecast.pairs), FormatCount(forecast.bound), forecast.gap_percent,
      FormatCount(forecast.allowance), FormatCount(forecast.left_out));
}

/// Say of a task that asks within budgets how many calls it would make.
void AddForecast(const Settings& settings, const core::RunSpec& spec, const core::TaskSpec& task,
                 const lake::ViewForRun& views, PlannedTask& planned) {
  if (task.what != sources::azure::kPlacementApi) return;
  const auto store = lake::LocalStore::OpenRead(settings.lake_root);
  if (!store.ok()) return;
  const auto forecast = ForecastPlacement(settings, spec, task, **store, views.head);
  if (!forecast.ok()) {
    planned.what += "; calls unknown: " + forecast.error().message;
  } else if (!*forecast) {
    planned.what += "; calls are known after the first publish";
  } else {
    const sources::azure::PlacementForecast& known = **forecast;
    planned.what += "; " + ForecastText(known);
    planned.figures = {{"first_of_day", known.first},  {"count", known.count},
                       {"pairs", known.pairs},         {"calls", known.calls},
                       {"bound", known.bound},         {"gap_percent", known.gap_percent},
                       {"allowance", known.allowance}, {"left_out", known.left_out}};
  }
}

}  // namespace

Result<std::vector<PlanAnswer>> PlanRuns(const Settings& unresolved, const RunRequest& request) {
  ASSIGN_OR_RETURN(const ResolvedRuns resolved, ResolveRuns(unresolved, request));
  const Settings& settings = resolved.settings;
  std::vector<PlanAnswer> answers;
  for (const RunPlan& plan : resolved.plans) {
    const core::RunSpec& spec = plan.spec;
    ASSIGN_OR_RETURN(const lake::ViewForRun views, ViewsOf(settings, spec));
    const std::string problems =
        BindTasks(settings, *spec.definition, spec.placeholders, spec.dataset.text);
    if (!problems.empty()) return Invalid("{}", problems);
    PlanAnswer& answer = answers.emplace_back();
    answer.dataset = spec.dataset.text;
    answer.slot = spec.slot.id.text;
    answer.environment = spec.environment;
    answer.standing = StandingText(plan, views);
    for (const core::TaskSpec& task : spec.definition->tasks) {
      answer.tasks.push_back({task.name, std::string(core::TaskKindName(task.kind)),
                              fmt::format("{}", fmt::join(task.needs, ", ")),
                              WhatText(task, views, spec.slot.start)});
      AddForecast(settings, spec, task, views, answer.tasks.back());
    }
    std::vector<std::string> published;
    for (const core::PublishedTable& table : spec.definition->publish) {
      published.push_back(table.table);
      answer.writes.push_back(fmt::format("table {} ({}) in {}", table.table,
                                          core::TableModeName(table.mode),
                                          (settings.lake_root / spec.dataset.text).string()));
    }
    ASSIGN_OR_RETURN(const auto exports, MakeExportRecords(spec, published, nullptr, {}));
    for (const lake::ExportRecord& record : exports) {
      const auto root = settings.export_roots.find(record.root);
      answer.writes.push_back(
          fmt::format("export {}{}",
                      root == settings.export_roots.end() ? record.root + ":" + record.path
                                                          : (root->second / record.path).string(),
                      record.datasets.empty()
                          ? ""
                          : fmt::format(", one file for {}", fmt::join(record.datasets, ", "))));
    }
    for (const core::SinkSpec& sink : spec.definition->sinks) {
      ASSIGN_OR_RETURN(const std::string text, SinkText(sink, spec, settings.environment.suffix));
      answer.writes.push_back(text);
    }
    if (!settings.environment.reads.empty()) {
      answer.notes.push_back(fmt::format(
          "calls are real and count against the budgets of '{}'; the machine costs what it costs "
          "there",
          settings.environment.reads));
    }
  }
  return answers;
}

}  // namespace catchment::app
