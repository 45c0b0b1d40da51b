#include "sources/tables.h"

#include <arrow/api.h>

#include "columnar/arrow_status.h"
#include "columnar/schema.h"

namespace catchment::sources {

Result<std::shared_ptr<arrow::Schema>> DeclaredColumns(const Parameters& with) {
  if (!with.Has("columns")) return std::shared_ptr<arrow::Schema>();
  const nlohmann::json& columns = with.At("columns");
  arrow::FieldVector fields;
  const auto add = [&](const std::string& name, const nlohmann::json& type) -> Status {
    if (!type.is_string()) return with.Bad("columns: " + name, "the name of a type");
    ASSIGN_OR_RETURN(auto known, columnar::TypeFromName(type.get_ref<const std::string&>()),
                     "columns: {}", name);
    fields.push_back(arrow::field(name, std::move(known)));
    return {};
  };
  if (columns.is_object()) {
    for (const auto& [name, type] : columns.items()) RETURN_IF_ERROR(add(name, type));
  } else if (columns.is_array()) {
    for (const nlohmann::json& column : columns) {
      if (!column.is_object() || !column.contains("name") || !column["name"].is_string()) {
        return with.Bad("columns", "a list of {name: NAME, type: TYPE}");
      }
      RETURN_IF_ERROR(
          add(column["name"], column.contains("type") ? column["type"] : nlohmann::json("text")));
    }
  } else {
    return with.Bad("columns", "a map {name: type} or a list of {name, type}");
  }
  if (fields.empty()) return with.Bad("columns", "at least one column");
  return arrow::schema(std::move(fields));
}

Result<columnar::Table> StackTables(const std::vector<columnar::Table>& tables,
                                    const std::vector<std::string>& names) {
  if (tables.size() == 1) return tables[0];
  std::vector<std::shared_ptr<arrow::Table>> rows;
  for (size_t table = 0; table < tables.size(); ++table) {
    if (!tables[table].schema()->Equals(*tables[0].schema(), /*check_metadata=*/false)) {
      return Invalid("{} has other columns than {}; declare them under `columns`", names[table],
                     names[0]);
    }
    ASSIGN_OR_RETURN(auto loaded, tables[table].Load(), "{}", names[table]);
    rows.push_back(std::move(loaded));
  }
  ASSIGN_ARROW_OR_RETURN(auto stacked, arrow::ConcatenateTables(rows));
  return columnar::Table::FromArrow(std::move(stacked));
}

}  // namespace catchment::sources
