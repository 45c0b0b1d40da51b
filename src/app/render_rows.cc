#include "app/render_rows.h"

#include <arrow/api.h>

#include <sstream>

#include "base/text.h"
#include "columnar/arrow_status.h"
#include "columnar/json_file.h"

namespace catchment::app {
namespace {

std::string Cell(const nlohmann::ordered_json& value) {
  if (value.is_null()) return "null";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return FormatDouble(value.get<double>());
  return value.dump();
}

/// The first rows, in memory; no more is read than they need.
Result<columnar::Table> FirstRows(const columnar::Table& table, int64_t limit) {
  if (table.in_memory() || table.num_rows() <= limit) {
    ASSIGN_OR_RETURN(const auto all, table.Load());
    return columnar::Table::FromArrow(all->Slice(0, limit));
  }
  arrow::RecordBatchVector batches;
  ASSIGN_OR_RETURN(const auto reader, table.Read());
  for (int64_t rows = 0; rows < limit;) {
    ASSIGN_OR_RETURN(const auto batch, reader->Next());
    if (batch == nullptr) break;
    batches.push_back(batch->Slice(0, limit - rows));
    rows += batches.back()->num_rows();
  }
  ASSIGN_ARROW_OR_RETURN(auto first, arrow::Table::FromRecordBatches(reader->schema(), batches));
  return columnar::Table::FromArrow(std::move(first));
}

}  // namespace

Result<RowsAnswer> RenderRows(const columnar::Table& table, int64_t limit) {
  RowsAnswer answer;
  answer.total = table.num_rows();
  for (const auto& field : table.schema()->fields()) answer.columns.push_back(field->name());
  ASSIGN_OR_RETURN(const columnar::Table shown, FirstRows(table, limit));
  ASSIGN_OR_RETURN(const std::string text,
                   columnar::FormatJson(shown, {.shape = columnar::JsonShape::kLines}));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    nlohmann::ordered_json row = nlohmann::ordered_json::parse(line, nullptr, false);
    if (row.is_discarded()) return Internal("a row could not be rendered");
    std::vector<std::string>& cells = answer.cells.emplace_back();
    for (const std::string& column : answer.columns) cells.push_back(Cell(row[column]));
    answer.rows.push_back(std::move(row));
  }
  return answer;
}

}  // namespace catchment::app
