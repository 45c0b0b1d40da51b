#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "columnar/table.h"
#include "sources/parameters.h"

namespace catchment::sources {

/// The columns that `with: columns` declares: a map {name: type}, in order of name, or a list of
/// {name, type, …}. Types as columnar/schema.h names them; `text` where none is given. Null: not
/// declared. kInvalid: names the entry.
Result<std::shared_ptr<arrow::Schema>> DeclaredColumns(const Parameters& with);

/// Rows of `tables` under each other, in order. kInvalid: their columns differ; names the second
/// table's `names`.
Result<columnar::Table> StackTables(const std::vector<columnar::Table>& tables,
                                    const std::vector<std::string>& names);

}  // namespace catchment::sources
