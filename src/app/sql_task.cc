#include "app/sql_task.h"

#include <arrow/api.h>

#include <algorithm>
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
      RETURN_IF_ERROR(AddNeed(*engine, name, TableOf(*artifact)));
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

  static Status AddNeed(columnar::SqlEngine& engine, const std::string& name,
                        const columnar::Table& table) {
    const size_t dot = name.find('.');
    if (dot == std::string::npos) return engine.AddTable("", name, table);
    return engine.AddTable(name.substr(0, dot), name.substr(dot + 1), table);
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

  /// What `head.<table>` is before the dataset's first publish: no rows, with the columns that its
  /// contract declares, or those of the needed task it is published from.
  Result<columnar::Table> BeforeFirstPublish(const std::string& table,
                                             const core::TaskInput& input) const {
    const core::Pipeline& pipeline = *input.spec->definition;
    for (const core::TableContract& contract : pipeline.contracts) {
      if (contract.table != table) continue;
      arrow::FieldVector fields;
      for (const core::ColumnContract& column : contract.columns) {
        if (column.type.empty()) continue;
        ASSIGN_OR_RETURN(auto type, columnar::TypeFromName(column.type), "contract of '{}'", table);
        fields.push_back(arrow::field(column.column, std::move(type), !column.not_null));
      }
      if (!fields.empty()) return columnar::Table::Empty(arrow::schema(std::move(fields)));
    }
    for (const core::PublishedTable& published : pipeline.publish) {
      const auto need = input.needs.find(published.from);
      if (published.table == table && need != input.needs.end()) {
        return columnar::Table::Empty(TableOf(*need->second).schema());
      }
    }
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

Result<std::unique_ptr<core::TaskBody>> MakeSqlTask(const core::Pipeline& pipeline,
                                                    const core::TaskSpec& task) {
  const std::filesystem::path file = pipeline.folder / task.what;
  ASSIGN_OR_RETURN(std::string text, ReadFile(file, 1 << 20), "task '{}'", task.name);
  columnar::SqlText sql{std::move(text), file.string()};
  ASSIGN_OR_RETURN(auto engine, columnar::SqlEngine::Open());
  ASSIGN_OR_RETURN(columnar::SqlUse use, engine->Inspect(sql));
  return std::unique_ptr<core::TaskBody>(std::make_unique<SqlTask>(
      std::move(sql), std::move(use), ContractKey(pipeline, task.name), std::move(engine)));
}

}  // namespace catchment::app
