#pragma once

// Small tables as JSON text. Only tests include this.

#include <arrow/api.h>
#include <arrow/json/from_string.h>

#include <memory>
#include <string>

#include "base/test.h"
#include "columnar/table.h"

namespace catchment::transforms {

/// `rows` is a JSON array of objects.
inline columnar::Table TableOf(const arrow::FieldVector& fields, const std::string& rows) {
  const auto type = arrow::struct_(fields);
  const auto array = arrow::json::ArrayFromJSONString(type, rows);
  EXPECT_TRUE(array.ok()) << array.status().ToString();
  const auto batch = arrow::RecordBatch::FromStructArray(*array);
  EXPECT_TRUE(batch.ok()) << batch.status().ToString();
  return columnar::Table::FromArrow(*arrow::Table::FromRecordBatches({*batch}));
}

}  // namespace catchment::transforms
