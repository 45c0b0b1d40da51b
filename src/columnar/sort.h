#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace catchment::columnar {

/// Sort by the columns, ascending, nulls first, text bytewise, NaN last, false before true; rows of
/// equal key keep their order. Rows already in order are returned as they are. kInvalid: a column
/// does not exist, or its type (list, struct) has no order.
Result<std::shared_ptr<arrow::Table>> SortRows(const std::shared_ptr<arrow::Table>& rows,
                                               const std::vector<std::string>& keys);

/// The first row (in the table's order) whose key a row before it has, rendered
/// `region_code=eastus, zone=null`; null if all keys differ. Nulls are equal. kInvalid: as
/// SortRows.
Result<std::optional<std::string>> FirstDuplicate(const std::shared_ptr<arrow::Table>& rows,
                                                  const std::vector<std::string>& keys);

}  // namespace catchment::columnar
