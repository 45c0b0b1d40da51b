#include "app/transform_task.h"

#include <arrow/api.h>

#include <algorithm>

#include "app/lake_head.h"
#include "app/table_artifact.h"
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
    ASSIGN_OR_RETURN(const nlohmann::json with,
                     core::ExpandDocument(task_.with, input.spec->placeholders));
    transforms::DiffOptions options;
    ASSIGN_OR_RETURN(options.key, Names(with, "key"), "task '{}'", task_.name);
    ASSIGN_OR_RETURN(options.compare, Names(with, "compare"), "task '{}'", task_.name);
    ASSIGN_OR_RETURN(options.keep, Names(with, "keep"), "task '{}'", task_.name);
    ASSIGN_OR_RETURN(options, transforms::PlaceKeptColumns(std::move(options), after), "task '{}'",
                     task_.name);
    ASSIGN_OR_RETURN(const std::optional<columnar::Table> before,
                     HeadOf(*input.head).Table(against_));
    ASSIGN_OR_RETURN(
        columnar::Table changes,
        transforms::Diff(before ? &*before : nullptr, after, options, input.spec->slot.start),
        "task '{}'", task_.name);
    core::TaskOutput output;
    output.tables[""] = MakeArtifact(std::move(changes));
    return output;
  }

 private:
  const core::TaskSpec& task_;
  const std::string against_;
};

}  // namespace

Result<std::unique_ptr<core::TaskBody>> MakeTransformTask(const core::Pipeline& pipeline,
                                                          const core::TaskSpec& task) {
  if (task.what != "diff")
    return Invalid("task '{}': there is no transform '{}'", task.name, task.what);
  if (task.needs.size() != 1) return Invalid("task '{}': diff needs exactly one table", task.name);
  std::string against = task.with.value("against", task.needs[0]);
  const auto published = [&](const core::PublishedTable& table) { return table.table == against; };
  if (std::none_of(pipeline.publish.begin(), pipeline.publish.end(), published)) {
    return Invalid(
        "task '{}': '{}' is not published, so there is nothing to compare with; publish it or name "
        "another "
        "table under 'against'",
        task.name, against);
  }
  return std::unique_ptr<core::TaskBody>(std::make_unique<DiffTask>(task, std::move(against)));
}

}  // namespace catchment::app
