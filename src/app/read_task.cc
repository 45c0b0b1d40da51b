#include "app/read_task.h"

#include "app/table_artifact.h"
#include "lake/history.h"
#include "lake/table_read.h"

namespace catchment::app {
namespace {

class ReadTask final : public core::TaskBody {
 public:
  ReadTask(const core::TaskSpec& task, const TaskServices& services)
      : task_(task), services_(services) {}

  bool derives() const override { return true; }

  Result<core::TaskOutput> Run(const core::TaskInput& input, const OpContext&) override {
    ASSIGN_OR_RETURN(const std::string dataset,
                     core::ExpandPlaceholders(task_.what, input.spec->placeholders));
    core::TaskOutput output;
    const Result<lake::View> view = View(dataset, input.spec->slot.start);
    if (!view.ok() && view.error().code != Code::kNotFound) return view.status();
    if (!view.ok() || view->number == 0) {
      if (task_.optional) return output;
      return NotFound("task '{}': dataset '{}' has no publish{}; run its pipeline first",
                      task_.name, dataset, task_.newest_for.empty() ? "" : " for this slot's day");
    }
    for (const auto& [name, table] : view->tables) {
      ASSIGN_OR_RETURN(columnar::Table rows, lake::ReadTable(*services_.store, *view, name));
      core::ArtifactPtr artifact = MakeArtifact(std::move(rows));
      if (view->tables.size() == 1) output.tables[""] = artifact;
      output.tables[name] = std::move(artifact);
    }
    output.notes.push_back(fmt::format("read publish {} of {}", view->number, dataset));
    return output;
  }

 private:
  Result<lake::View> View(const std::string& dataset, Time slot) const {
    if (task_.newest_for.empty()) return lake::LoadView(*services_.store, dataset);
    const Time end_of_day = std::chrono::floor<std::chrono::days>(slot) + std::chrono::days(1) -
                            std::chrono::microseconds(1);
    ASSIGN_OR_RETURN(const int64_t number, lake::AsOfSlot(*services_.store, dataset, end_of_day));
    return lake::LoadView(*services_.store, dataset, number);
  }

  const core::TaskSpec& task_;
  const TaskServices& services_;
};

}  // namespace

Result<std::unique_ptr<core::TaskBody>> MakeReadTask(const core::TaskSpec& task,
                                                     const TaskServices& services) {
  if (task.otherwise) {
    return Invalid(
        "task '{}': 'else: {{run: …}}' is not available in this version; use 'optional: true' and "
        "run the "
        "pipeline '{}' first",
        task.name, task.otherwise->run);
  }
  return std::unique_ptr<core::TaskBody>(std::make_unique<ReadTask>(task, services));
}

}  // namespace catchment::app
