#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "columnar/table.h"

namespace catchment::sinks {

/// One cell: null, or what stores know. Times, dates and decimals are texts; text is borrowed from
/// the RowValues.
using RowValue = std::variant<std::monostate, bool, int64_t, double, std::string_view>;

/// The rows of a batch, cell by cell. A value.
class RowValues {
 public:
  /// Read these columns, or all if none is named. kNotFound: names a column that is not there.
  /// kInvalid: a column of lists, structs or bytes.
  static Result<RowValues> Make(const columnar::Table& rows,
                                const std::vector<std::string>& columns = {});

  int64_t num_rows() const;
  const std::vector<std::string>& columns() const { return columns_; }
  /// NaN and infinities are null: no store takes them.
  RowValue at(int64_t row, size_t column) const;
  /// `InstanceType=D2s_v3, Region=US East`: how messages name a row, at most 200 bytes; the first
  /// `columns` columns.
  std::string NameOf(int64_t row, size_t columns) const;

 private:
  std::vector<std::string> columns_;
  std::shared_ptr<arrow::RecordBatch> rows_;
};

/// A value as text: doubles always with `.` or an exponent (`3.0`), null empty.
std::string TextOf(const RowValue& value);

}  // namespace catchment::sinks
