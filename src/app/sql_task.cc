#include "app/sql_task.h"

#include <arrow/api.h>

#include <algorithm>
#include <set>
#include <utility>

#include "app/lake_head.h"
#include "app/publish_tables.h"
#include "app/sql_values.h"
#include "app/table_artifact.h"
#include "base/file.h"
#include "columnar/schema.h"
#include "columnar/sort.h"
#include "columnar/sql.h"

namespace catchment::app {
namespace {

std::vector<std::string> SortableColumns(const arrow::Schema& schema) {
  std::vector<std::string> names;
  for (const auto& field : schema.fields()) {
    if (!arrow::is_nested(field->type()->id())) names.push_back(field->name());
  }
  return names;
}

/// Make a table known to an engine as `task`, `task.table` or `head.table`.
Status AddNamed(columnar::SqlEngine& engine, const std::string& name,
                const columnar::Table& table) {
  const size_t dot = name.find('.');
  if (dot == std::string::npos) return engine.AddTable("", name, table);
  return engine.AddTable(name.substr(0, dot), name.substr(dot + 1), table);
}

/// The text of a SQL task, an engine that knows no table yet, and what it found in the text.
struct ReadSql {
  columnar::SqlText sql;
  std::unique_ptr<columnar::SqlEngine> engine;
  columnar::SqlUse use;
};

Result<ReadSql> ReadTaskSql(const core::Pipeline& pipeline, const core::TaskSpec& task) {
  ReadSql read;
  const std::filesystem::path file = pipeline.folder / task.what;
  ASSIGN_OR_RETURN(read.sql.text, ReadFile(file, 1 << 20), "task '{}'", task.name);
  read.sql.file = file.string();
  ASSIGN_OR_RETURN(read.engine, columnar::SqlEngine::Open());
  ASSIGN_OR_RETURN(read.use, read.engine->Inspect(read.sql));
  return read;
}

class SqlTask final : public core::TaskBody {
 public:
  /// `engine` knows no table yet.
  SqlTask(columnar::SqlText sql, columnar::SqlUse use, std::vector<std::string> key,
          std::unique_ptr<columnar::SqlEngine> engine)
      : sql_(std::move(sql)),
        use_(std::move(use)),
        key_(std::move(key)),
        engine_(std::move(engine)) {}

  bool derives() const override { return true; }

  Result<core::TaskOutput> Run(const core::TaskInput& input, const OpContext& context) override {
    std::unique_ptr<columnar::SqlEngine> engine = std::move(engine_);
    if (engine == nullptr) {  // a derivation that is repeated
      ASSIGN_OR_RETURN(engine, columnar::SqlEngine::Open());
    }
    RETURN_IF_ERROR(CheckNeeds(input));
    for (const auto& [name, artifact] : input.needs)
      RETURN_IF_ERROR(AddNamed(*engine, name, TableOf(*artifact)));
    RETURN_IF_ERROR(AddHeadTables(*engine, input));
    const columnar::SqlParameters parameters = MakeSqlParameters(*input.spec);
    ASSIGN_OR_RETURN(columnar::Table rows, engine->Query(sql_, parameters, {.context = &context}));
    core::TaskOutput output;
    output.tables[""] = MakeArtifact(Sorted(std::move(rows)));
    return output;
  }

 private:
  /// Rows in the order they are published in: diff, contract and publish each need it, and find
  /// rows that are in order at little cost. A key that cannot be sorted by is refused there.
  /// Without a key and an ORDER BY of its own, the order is that of all columns: DuckDB's may
  /// differ from run to run.
  columnar::Table Sorted(columnar::Table rows) const {
    if (key_.empty() && use_.ordered) return rows;
    const auto loaded = rows.Load();
    if (!loaded.ok()) return rows;
    const auto sorted =
        columnar::SortRows(*loaded, key_.empty() ? SortableColumns(*rows.schema()) : key_);
    return sorted.ok() ? columnar::Table::FromArrow(*sorted) : rows;
  }

  /// kUnavailable: a source that is not required gave nothing, and the text reads its table.
  Status CheckNeeds(const core::TaskInput& input) const {
    for (const std::string& need : input.task->needs) {
      if (input.needs.contains(need)) continue;
      if (std::find(use_.tables.begin(), use_.tables.end(), need) == use_.tables.end()) continue;
      return Unavailable("{}: '{}' gave no table in this run, and the text reads it", sql_.file,
                         need);
    }
    return {};
  }

  Status AddHeadTables(columnar::SqlEngine& engine, const core::TaskInput& input) const {
    const LakeHead& head = HeadOf(*input.head);
    for (const std::string& name : use_.tables) {
      if (!name.starts_with("head.")) continue;
      const std::string table = name.substr(5);
      if (!head.Has(table)) {
        ASSIGN_OR_RETURN(columnar::Table empty, BeforeFirstPublish(table, input));
        RETURN_IF_ERROR(engine.AddTable("head", table, std::move(empty)));
        continue;
      }
      RETURN_IF_ERROR(
          engine.AddLazyTable("head", table, [&head, table]() -> Result<columnar::Table> {
            ASSIGN_OR_RETURN(const std::optional<columnar::Table> rows, head.Table(table));
            return *rows;
          }));
    }
    return {};
  }

  Result<columnar::Table> BeforeFirstPublish(const std::string& table,
                                             const core::TaskInput& input) const {
    ASSIGN_OR_RETURN(
        const auto columns,
        ColumnsBeforePublish(*input.spec->definition, table,
                             [&](const std::string& from) -> std::shared_ptr<arrow::Schema> {
                               const auto need = input.needs.find(from);
                               return need == input.needs.end() ? nullptr
                                                                : TableOf(*need->second).schema();
                             }));
    if (columns != nullptr) return columnar::Table::Empty(columns);
    return NotFound(
        "{}: head.{} has not been published yet, and its columns are not known; give their types "
        "under "
        "'contract: {{{}: {{columns: …}}}}'",
        sql_.file, table, table);
  }

  const columnar::SqlText sql_;
  const columnar::SqlUse use_;
  const std::vector<std::string> key_;           ///< of the contract that the published rows have
  std::unique_ptr<columnar::SqlEngine> engine_;  ///< that read the text; null once it has run
};

}  // namespace

Result<std::shared_ptr<arrow::Schema>> ColumnsBeforePublish(
    const core::Pipeline& pipeline, const std::string& table,
    const std::function<std::shared_ptr<arrow::Schema>(const std::string& from)>& needed) {
  for (const core::TableContract& contract : pipeline.contracts) {
    if (contract.table != table) continue;
    arrow::FieldVector fields;
    for (const core::ColumnContract& column : contract.columns) {
      if (column.type.empty()) continue;
      ASSIGN_OR_RETURN(auto type, columnar::TypeFromName(column.type), "contract of '{}'", table);
      fields.push_back(arrow::field(column.column, std::move(type), !column.not_null));
    }
    if (!fields.empty()) return arrow::schema(std::move(fields));
  }
  for (const core::PublishedTable& published : pipeline.publish) {
    if (published.table != table) continue;
    if (auto columns = needed(published.from); columns != nullptr) return columns;
  }
  return std::shared_ptr<arrow::Schema>();
}

Result<std::shared_ptr<arrow::Schema>> BindSqlTask(
    const core::Pipeline& pipeline, const core::TaskSpec& task,
    const columnar::SqlParameters& parameters,
    const std::function<std::shared_ptr<arrow::Schema>(const std::string& table)>& columns) {
  ASSIGN_OR_RETURN(const ReadSql read, ReadTaskSql(pipeline, task));
  for (const std::string& name : read.use.parameters) {
    const auto value = parameters.find(name);
    if (value == parameters.end() || std::holds_alternative<std::monostate>(value->second))
      return std::shared_ptr<arrow::Schema>();
  }
  std::set<std::string> names(read.use.tables.begin(), read.use.tables.end());
  for (const std::string& name : read.use.with_names) {
    const bool needed = std::any_of(task.needs.begin(), task.needs.end(),
                                    [&](const std::string& need) { return need == name; });
    if (needed) names.insert(name);
  }
  for (const std::string& name : names) {
    const std::shared_ptr<arrow::Schema> known = columns(name);
    if (known == nullptr) return known;
    RETURN_IF_ERROR(AddNamed(*read.engine, name, columnar::Table::Empty(known)));
  }
  return read.engine->Bind(read.sql, parameters);
}

Result<std::unique_ptr<core::TaskBody>> MakeSqlTask(const core::Pipeline& pipeline,
                                                    const core::TaskSpec& task) {
  ASSIGN_OR_RETURN(ReadSql read, ReadTaskSql(pipeline, task));
  return std::unique_ptr<core::TaskBody>(
      std::make_unique<SqlTask>(std::move(read.sql), std::move(read.use),
                                ContractKey(pipeline, task.name), std::move(read.engine)));
}

}  // namespace catchment::app
