#include "app/publish_tables.h"

#include <arrow/api.h>

#include <algorithm>

#include "app/catalogue.h"
#include "app/coverage_table.h"
#include "app/table_artifact.h"
#include "columnar/schema.h"

namespace catchment::app {
namespace {

const core::TableContract* FindContract(const core::Pipeline& pipeline,
                                        const core::PublishedTable& table) {
  for (const core::TableContract& contract : pipeline.contracts) {
    if (contract.table == table.table || contract.table == table.from) return &contract;
  }
  return nullptr;
}

/// SQL tasks order their rows themselves; so do sources.
std::vector<std::string> SortKey(const core::Pipeline& pipeline,
                                 const core::PublishedTable& table) {
  const core::TableContract* contract = FindContract(pipeline, table);
  return contract == nullptr ? std::vector<std::string>() : contract->key;
}

/// The table with the types and the `not null` of its contract.
Result<columnar::Table> Conform(columnar::Table table, const core::TableContract* contract) {
  if (contract == nullptr) return table;
  arrow::FieldVector fields = table.schema()->fields();
  bool differs = false;
  for (const core::ColumnContract& column : contract->columns) {
    const int at = table.schema()->GetFieldIndex(column.column);
    if (at < 0) continue;
    std::shared_ptr<arrow::Field>& field = fields[static_cast<size_t>(at)];
    std::shared_ptr<arrow::DataType> type = field->type();
    if (!column.type.empty()) {
      ASSIGN_OR_RETURN(type, columnar::TypeFromName(column.type));
    }
    const bool nullable = field->nullable() && !column.not_null;
    if (nullable == field->nullable() && type->Equals(field->type())) continue;
    field = arrow::field(field->name(), std::move(type), nullable);
    differs = true;
  }
  if (!differs) return table;
  ASSIGN_OR_RETURN(const auto rows, table.Load());
  ASSIGN_OR_RETURN(auto cast, columnar::CastToSchema(rows, arrow::schema(std::move(fields))));
  return columnar::Table::FromArrow(std::move(cast));
}

bool FromDiff(const core::Pipeline& pipeline, const core::PublishedTable& table) {
  const core::TaskSpec* task = pipeline.FindTask(core::TaskOf(table.from));
  return task != nullptr && task->kind == core::TaskKind::kTransform && task->what == "diff";
}

}  // namespace

std::vector<std::string> ContractKey(const core::Pipeline& pipeline, const std::string& from) {
  for (const core::PublishedTable& table : pipeline.publish) {
    const core::TableContract* contract =
        table.from == from ? FindContract(pipeline, table) : nullptr;
    if (contract != nullptr) return contract->key;
  }
  return {};
}

Result<std::vector<PublishedRows>> CollectTables(const core::Pipeline& pipeline,
                                                 const core::Artifacts& outputs,
                                                 const std::vector<SourceReport>& reports,
                                                 Time slot) {
  std::vector<PublishedRows> tables;
  for (const core::PublishedTable& definition : pipeline.publish) {
    PublishedRows made;
    made.definition = &definition;
    if (definition.from == "run.coverage") {
      ASSIGN_OR_RETURN(made.rows, CoverageTable(reports, slot));
    } else {
      const auto output = outputs.find(definition.from);
      if (output == outputs.end()) continue;  // the task gave none: the table keeps head's rows
      made.finished = IsFinished(*output->second) && !TableOf(*output->second).in_memory();
      ASSIGN_OR_RETURN(made.rows,
                       Conform(TableOf(*output->second),
                               made.finished ? nullptr : FindContract(pipeline, definition)),
                       "table '{}'", definition.table);
      made.key = SortKey(pipeline, definition);
    }
    made.from_diff = FromDiff(pipeline, definition);
    tables.push_back(std::move(made));
  }
  return tables;
}

Result<nlohmann::json> FoldState(const nlohmann::json& before, std::vector<SourceReport> reports,
                                 const core::RunSpec& spec, const std::string& exchanges) {
  nlohmann::json state = before.is_object() ? before : nlohmann::json::object();
  state["version"] = 1;
  std::sort(reports.begin(), reports.end(),
            [](const auto& a, const auto& b) { return a.source < b.source; });
  for (SourceReport& report : reports) {
    const auto touched = report.state_patch.find("sources");
    if (touched != report.state_patch.end() && touched->is_object()) {
      for (auto& [unit, entry] : touched->items()) {
        if (!entry.is_object()) continue;
        entry["run"] = spec.run.text;
        entry["slot_time"] = FormatTime(spec.slot.start);
        entry["task"] = report.source;
        entry["exchanges"] = exchanges;
      }
    }
    const core::TaskSpec* task = spec.definition->FindTask(report.source);
    const sources::SourceEntry* source = task == nullptr ? nullptr : FindSource(task->what);
    if (source != nullptr && source->fold_state) {
      ASSIGN_OR_RETURN(state, source->fold_state(state, report.state_patch), "task '{}'",
                       report.source);
    } else {
      state.merge_patch(report.state_patch);
    }
  }
  return state;
}

}  // namespace catchment::app
