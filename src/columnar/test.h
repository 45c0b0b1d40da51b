#pragma once

// Tables for tests. Only tests include this.

#include <arrow/array.h>
#include <arrow/json/from_string.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/test.h"
#include "columnar/csv_file.h"
#include "columnar/json_file.h"
#include "columnar/schema.h"
#include "columnar/table.h"

namespace catchment::columnar {

/// One column: its type as columnar/schema.h names it (`text!` is not null), its values as a JSON
/// array; times are whole numbers in the type's unit, decimals text.
struct TestColumn {
  std::string name, type, values;
};

/// Make a table; a mistake in the test ends it.
inline Table TestTable(const std::vector<TestColumn>& columns) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const TestColumn& column : columns) {
    const bool required = column.type.ends_with('!');
    const auto type = TypeFromName(column.type.substr(0, column.type.size() - (required ? 1 : 0)));
    EXPECT_OK(type);
    auto array = arrow::json::ArrayFromJSONString(*type, column.values);
    EXPECT_TRUE(array.ok()) << array.status().message();
    fields.push_back(arrow::field(column.name, *type, !required));
    arrays.push_back(*array);
  }
  return Table::FromArrow(arrow::Table::Make(arrow::schema(fields), arrays));
}

/// All rows as NDJSON, for comparing.
inline std::string Rows(const Table& table) {
  const auto text = FormatJson(table, {.shape = JsonShape::kLines});
  EXPECT_OK(text);
  return text.ok() ? *text : "";
}
inline std::string Rows(const std::shared_ptr<arrow::Table>& table) {
  return Rows(Table::FromArrow(table));
}

/// `name:type` of each column, `!` where it is not null.
inline std::string Columns(const Table& table) {
  std::string text;
  for (const auto& field : table.schema()->fields()) {
    text += (text.empty() ? "" : " ") + field->name() + ":" + TypeName(*field->type()) +
            (field->nullable() ? "" : "!");
  }
  return text;
}

}  // namespace catchment::columnar
