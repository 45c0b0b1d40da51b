#include "app/transform_task.h"

#include <arrow/api.h>

#include <algorithm>

#include "app/lake_head.h"
#include "app/stac_month_task.h"
#include "app/table_artifact.h"
#include "columnar/table.h"
#include "transforms/capacity_state.h"
#include "transforms/diff.h"

namespace catchment::app {
namespace {

Result<std::vector<std::string>> Names(const nlohmann::json& with, const char* key) {
  std::vector<std::string> names;
  const auto found = with.find(key);
  if (found == with.end()) return names;
  if (!found->is_array()) return Invalid("'{}' must be a list of column names", key);
  for (const nlohmann::json& name : *found) {
    if (!name.is_string()) return Invalid("'{}' must be a list of column names", key);
    names.push_back(name.get<std::string>());
  }
  return names;
}

/// What a `diff` task gives.
Result<columnar::Table> DiffOf(const core::TaskSpec& task,
                               const core::PlaceholderValues& placeholders,
                               const columnar::Table* before, const columnar::Table& after,
                               Time slot) {
  ASSIGN_OR_RETURN(const nlohmann::json with, core::ExpandDocument(task.with, placeholders));
  transforms::DiffOptions options;
  ASSIGN_OR_RETURN(options.key, Names(with, "key"), "task '{}'", task.name);
  ASSIGN_OR_RETURN(options.compare, Names(with, "compare"), "task '{}'", task.name);
  ASSIGN_OR_RETURN(options.keep, Names(with, "keep"), "task '{}'", task.name);
  ASSIGN_OR_RETURN(options, transforms::PlaceKeptColumns(std::move(options), after), "task '{}'",
                   task.name);
  ASSIGN_OR_RETURN(columnar::Table changes, transforms::Diff(before, after, options, slot),
                   "task '{}'", task.name);
  return changes;
}

class DiffTask final : public core::TaskBody {
 public:
  DiffTask(const core::TaskSpec& task, std::string against)
      : task_(task), against_(std::move(against)) {}

  bool derives() const override { return true; }

  Result<core::TaskOutput> Run(const core::TaskInput& input, const OpContext&) override {
    const auto need = input.needs.find(task_.needs[0]);
    if (need == input.needs.end())
      return NotFound("task '{}': '{}' gave no table", task_.name, task_.needs[0]);
    const columnar::Table& after = TableOf(*need->second);
    ASSIGN_OR_RETURN(const std::optional<columnar::Table> before,
                     HeadOf(*input.head).Table(against_));
    ASSIGN_OR_RETURN(columnar::Table changes,
                     DiffOf(task_, input.spec->placeholders, before ? &*before : nullptr, after,
                            input.spec->slot.start));
    core::TaskOutput output;
    output.tables[""] = MakeArtifact(std::move(changes));
    return output;
  }

 private:
  const core::TaskSpec& task_;
  const std::string against_;
};

/// What the keys of a `capacity_state` task mean; `with` has its placeholders filled.
Result<transforms::CapacityOptions> ReadCapacityOptions(const nlohmann::json& with) {
  transforms::CapacityOptions options;
  ASSIGN_OR_RETURN(options.key, Names(with, "key"));
  options.zone_column = with.value("zone_column", options.zone_column);
  options.fold_case = with.value("fold_case", options.fold_case);
  options.score_column = with.value("score_column", options.score_column);
  options.count_column = with.value("count_column", options.count_column);
  const std::string rule = with.value("t2", std::string("at_least"));
  if (rule != "at_least" && rule != "exactly")
    return Invalid("'t2' is '{}'; it may be at_least or exactly", rule);
  options.t2 = rule == "exactly" ? transforms::T2Rule::kExactly : transforms::T2Rule::kAtLeast;
  if (const auto counts = with.find("counts"); counts != with.end()) {
    if (!counts->is_array()) return Invalid("'counts' must be a list of whole numbers");
    for (const nlohmann::json& count : *counts) {
      if (!count.is_number_integer()) return Invalid("'counts' must be a list of whole numbers");
      options.counts.push_back(count.get<int64_t>());
    }
  }
  if (const auto ttl = with.find("zone_ttl"); ttl != with.end() && ttl->is_string()) {
    ASSIGN_OR_RETURN(options.zone_ttl, ParseDuration(ttl->get<std::string>()), "'zone_ttl'");
  }
  return options;
}

/// What a `capacity_state` task gives.
Result<columnar::Table> CapacityOf(const core::TaskSpec& task,
                                   const core::PlaceholderValues& placeholders,
                                   const columnar::Table& answers, const columnar::Table* before,
                                   Time slot) {
  ASSIGN_OR_RETURN(const nlohmann::json with, core::ExpandDocument(task.with, placeholders));
  ASSIGN_OR_RETURN(const transforms::CapacityOptions options, ReadCapacityOptions(with),
                   "task '{}'", task.name);
  ASSIGN_OR_RETURN(columnar::Table capacity,
                   transforms::CapacityState(answers, before, options, slot), "task '{}'",
                   task.name);
  return capacity;
}

class CapacityTask final : public core::TaskBody {
 public:
  CapacityTask(const core::TaskSpec& task, std::string state)
      : task_(task), state_(std::move(state)) {}

  bool derives() const override { return true; }

  Result<core::TaskOutput> Run(const core::TaskInput& input, const OpContext&) override {
    const auto need = input.needs.find(task_.needs[0]);
    const columnar::Table nothing = columnar::Table::Empty(arrow::schema({}));
    const columnar::Table& answers = need == input.needs.end() ? nothing : TableOf(*need->second);
    ASSIGN_OR_RETURN(const std::optional<columnar::Table> before,
                     HeadOf(*input.head).Table(state_));
    ASSIGN_OR_RETURN(columnar::Table capacity,
                     CapacityOf(task_, input.spec->placeholders, answers,
                                before ? &*before : nullptr, input.spec->slot.start));
    core::TaskOutput output;
    output.tables[""] = MakeArtifact(std::move(capacity));
    return output;
  }

 private:
  const core::TaskSpec& task_;
  const std::string state_;
};

/// The published table that a task looks back at: its `key` entry, else `fallback`.
Result<std::string> LooksBackAt(const core::Pipeline& pipeline, const core::TaskSpec& task,
                                const char* key, const std::string& fallback) {
  std::string name = task.with.value(key, fallback);
  const auto published = [&](const core::PublishedTable& table) { return table.table == name; };
  if (std::any_of(pipeline.publish.begin(), pipeline.publish.end(), published)) return name;
  return Invalid(
      "task '{}': '{}' is not published, so there is nothing to look back at; publish it or name "
      "another table under '{}'",
      task.name, name, key);
}

}  // namespace

Result<std::shared_ptr<arrow::Schema>> TransformColumns(
    const core::TaskSpec& task, const core::PlaceholderValues& placeholders,
    const std::shared_ptr<arrow::Schema>& needed) {
  const columnar::Table nothing = columnar::Table::Empty(needed);
  if (task.what == "diff") {
    ASSIGN_OR_RETURN(const columnar::Table changes,
                     DiffOf(task, placeholders, nullptr, nothing, Time{}));
    return changes.schema();
  }
  if (task.what == "capacity_state") {
    ASSIGN_OR_RETURN(const columnar::Table capacity,
                     CapacityOf(task, placeholders, nothing, nullptr, Time{}));
    return capacity.schema();
  }
  return std::shared_ptr<arrow::Schema>();
}

Result<std::unique_ptr<core::TaskBody>> MakeTransformTask(const core::Pipeline& pipeline,
                                                          const core::TaskSpec& task,
                                                          const TaskServices& services) {
  if (task.what == "stac_month") return MakeStacMonthTask(task, services);
  if (task.needs.size() != 1)
    return Invalid("task '{}': {} needs exactly one table", task.name, task.what);
  if (task.what == "diff") {
    ASSIGN_OR_RETURN(std::string against, LooksBackAt(pipeline, task, "against", task.needs[0]));
    return std::unique_ptr<core::TaskBody>(std::make_unique<DiffTask>(task, std::move(against)));
  }
  if (task.what == "capacity_state") {
    ASSIGN_OR_RETURN(std::string state, LooksBackAt(pipeline, task, "state", "snapshot"));
    return std::unique_ptr<core::TaskBody>(std::make_unique<CapacityTask>(task, std::move(state)));
  }
  return Invalid("task '{}': there is no transform '{}'", task.name, task.what);
}

}  // namespace catchment::app
