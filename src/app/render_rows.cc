#include "app/render_rows.h"

#include <arrow/api.h>

#include <sstream>

#include "base/text.h"
#include "columnar/json_file.h"

namespace catchment::app {
namespace {

std::string Cell(const nlohmann::ordered_json& value) {
  if (value.is_null()) return "null";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return FormatDouble(value.get<double>());
  return value.dump();
}

}  // namespace

Result<RowsAnswer> RenderRows(const columnar::Table& table, int64_t limit) {
  RowsAnswer answer;
  answer.total = table.num_rows();
  for (const auto& field : table.schema()->fields()) answer.columns.push_back(field->name());
  ASSIGN_OR_RETURN(const auto all, table.Load());
  const columnar::Table shown = columnar::Table::FromArrow(all->Slice(0, limit));
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
