#include "app/bind_tasks.h"

#include <arrow/type.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/catalogue.h"
#include "app/sql_task.h"
#include "app/sql_values.h"
#include "app/transform_task.h"
#include "columnar/schema.h"
#include "lake/history.h"
#include "lake/local_store.h"

namespace catchment::app {
namespace {

using Columns = std::shared_ptr<arrow::Schema>;

/// Whether a document waits for a parameter that has no value, or an empty one, until a run.
bool WaitsForParameter(const nlohmann::json& document, const core::PlaceholderValues& values) {
  const std::vector<std::string> names = core::ListDocumentPlaceholders(document);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    if (!name.starts_with("param.")) return false;
    const auto value = values.parameters.find(name.substr(6));
    return value == values.parameters.end() || value->is_null() || *value == "";
  });
}

std::string NameOfTable(const std::string& task, const std::string& table) {
  return table.empty() ? task : task + "." + table;
}

/// Goes through the tasks, each after those that it needs.
class TaskBinder {
 public:
  TaskBinder(const Settings& settings, const core::Pipeline& pipeline,
             const core::PlaceholderValues& placeholders, const std::string& dataset)
      : settings_(settings),
        pipeline_(pipeline),
        placeholders_(placeholders),
        head_(ViewOf(dataset)) {}

  std::string Run() {
    while (done_.size() < pipeline_.tasks.size()) {
      const size_t before = done_.size();
      for (const core::TaskSpec& task : pipeline_.tasks) {
        if (!done_.contains(task.name) && NeedsAreDone(task)) Add(task);
      }
      if (done_.size() == before) break;  // a circle; the reader of the file refuses it
    }
    return problems_;
  }

 private:
  bool NeedsAreDone(const core::TaskSpec& task) const {
    return std::all_of(task.needs.begin(), task.needs.end(),
                       [&](const std::string& need) { return done_.contains(core::TaskOf(need)); });
  }

  void Add(const core::TaskSpec& task) {
    done_.insert(task.name);
    const Result<sources::TableColumns> tables = TablesOf(task);
    if (!tables.ok()) {
      if (tables.error().code == Code::kInvalid && !WaitsForParameter(task.with, placeholders_))
        problems_ += (problems_.empty() ? "" : "\n") + tables.error().message;
      return;
    }
    for (const auto& [name, columns] : *tables) {
      if (columns != nullptr) known_[NameOfTable(task.name, name)] = columns;
    }
  }

  Result<sources::TableColumns> TablesOf(const core::TaskSpec& task) const {
    switch (task.kind) {
      case core::TaskKind::kSource:
        return OfSource(task);
      case core::TaskKind::kSql:
        return OfSql(task);
      case core::TaskKind::kTransform:
        return OfTransform(task);
      case core::TaskKind::kRead:
        return OfRead(task);
      case core::TaskKind::kExec:
        break;
    }
    return sources::TableColumns();
  }

  Result<sources::TableColumns> OfSource(const core::TaskSpec& task) const {
    const sources::SourceEntry* entry = FindSource(task.what);
    if (entry == nullptr || !entry->columns) return sources::TableColumns();
    Result<nlohmann::json> with = core::ExpandDocument(task.with, placeholders_);
    if (!with.ok()) return sources::TableColumns();  // a name that the run gives
    sources::SourceInput input;
    input.task = task.name;
    input.parameters = std::move(with).value();
    input.base_folder = settings_.config.folder;
    return entry->columns(input);
  }

  Result<sources::TableColumns> OfSql(const core::TaskSpec& task) const {
    ASSIGN_OR_RETURN(const Columns columns,
                     BindSqlTask(pipeline_, task,
                                 MakeSqlParameters(placeholders_.parameters,
                                                   placeholders_.slot.value_or(Time{})),
                                 [&](const std::string& table) { return ColumnsOf(task, table); }));
    return sources::TableColumns{{"", columns}};
  }

  Result<sources::TableColumns> OfTransform(const core::TaskSpec& task) const {
    const Columns needed = task.needs.size() == 1 ? Known(task.needs[0]) : nullptr;
    if (needed == nullptr) return sources::TableColumns();
    ASSIGN_OR_RETURN(const Columns columns, TransformColumns(task, placeholders_, needed));
    return sources::TableColumns{{"", columns}};
  }

  Result<sources::TableColumns> OfRead(const core::TaskSpec& task) const {
    sources::TableColumns tables;
    const Result<std::string> dataset = core::ExpandPlaceholders(task.what, placeholders_);
    // Which publish is the newest of a day, the slot says.
    if (!dataset.ok() || !task.newest_for.empty()) return tables;
    const std::optional<lake::View> view = ViewOf(*dataset);
    if (!view) return tables;
    for (const auto& [name, table] : view->tables) {
      tables[name] = Published(table);
      if (view->tables.size() == 1) tables[""] = tables[name];
    }
    return tables;
  }

  /// Those of a table by the name that a task's SQL gives it; null: not known.
  Columns ColumnsOf(const core::TaskSpec& task, const std::string& name) const {
    if (name.starts_with("head.")) return ColumnsOfHead(task, name.substr(5));
    for (const std::string& need : task.needs) {
      if (name == need || name.starts_with(need + ".")) return Known(name);
    }
    return nullptr;
  }

  Columns ColumnsOfHead(const core::TaskSpec& task, const std::string& table) const {
    if (!head_) return nullptr;
    const auto published = head_->tables.find(table);
    if (published != head_->tables.end()) return Published(published->second);
    const Result<Columns> columns =
        ColumnsBeforePublish(pipeline_, table, [&](const std::string& from) {
          return from.starts_with("head.") ? nullptr : ColumnsOf(task, from);
        });
    return columns.ok() ? *columns : nullptr;
  }

  Columns Known(const std::string& table) const {
    const auto found = known_.find(table);
    return found == known_.end() ? nullptr : found->second;
  }

  static Columns Published(const lake::TableView& table) {
    const Result<Columns> columns = columnar::SchemaFromJson(table.schema);
    return columns.ok() ? *columns : nullptr;
  }

  /// A dataset as it is published, without tables where it is not yet; null: it cannot be read.
  std::optional<lake::View> ViewOf(const std::string& dataset) const {
    const auto store = lake::LocalStore::OpenRead(settings_.lake_root);
    if (!store.ok() && store.error().code == Code::kNotFound) return lake::View();
    if (!store.ok()) return std::nullopt;
    Result<lake::View> view = lake::LoadView(**store, dataset);
    return view.ok() ? std::optional<lake::View>(std::move(view).value()) : std::nullopt;
  }

  // Constant after construction.
  const Settings& settings_;
  const core::Pipeline& pipeline_;
  const core::PlaceholderValues& placeholders_;
  const std::optional<lake::View> head_;
  // What is found on the way.
  std::set<std::string> done_;
  std::map<std::string, Columns> known_;  ///< by `task` and `task.table`
  std::string problems_;
};

}  // namespace

std::string BindTasks(const Settings& settings, const core::Pipeline& pipeline,
                      const core::PlaceholderValues& placeholders, const std::string& dataset) {
  return TaskBinder(settings, pipeline, placeholders, dataset).Run();
}

}  // namespace catchment::app
