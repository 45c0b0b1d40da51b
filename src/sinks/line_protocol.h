#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "sinks/row_values.h"

namespace catchment::sinks {

/// Which columns make a line.
struct LineShape {
  std::string measurement;
  std::vector<std::string> tags;    ///< any order: tags and fields are written sorted by name
  std::vector<std::string> fields;  ///< empty: every column that is no tag
};

/// Writes rows as InfluxDB line protocol:
///   azure_spot,region_code=eastus,zone=1 present=true,score=3i,spot_price=0.018816
///   1769559000000000000
/// Integers end with `i`, doubles are the shortest text that reads back the same (`3`), texts stand
/// in quotes; null and empty tags and null fields are left out. What no tag can hold is replaced:
/// line breaks by spaces, a backslash at the end by `/`. A value.
class LineWriter {
 public:
  /// kNotFound: names a tag or field that is no column. kInvalid: no field.
  static Result<LineWriter> Make(const LineShape& shape, const std::vector<std::string>& columns);

  /// Append the row's line with `\n`; false, and nothing appended, if all its fields are null.
  bool Append(const RowValues& rows, int64_t row, Time time, std::string& out) const;

 private:
  struct Column {
    std::string name;  ///< escaped
    size_t index = 0;
  };
  std::string measurement_;
  std::vector<Column> tags_, fields_;  ///< sorted by name
};

}  // namespace catchment::sinks
