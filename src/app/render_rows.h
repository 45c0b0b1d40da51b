#pragma once

#include "app/answers.h"
#include "base/result.h"
#include "columnar/table.h"

namespace catchment::app {

/// The first `limit` rows of a table as text and JSON.
Result<RowsAnswer> RenderRows(const columnar::Table& table, int64_t limit);

}  // namespace catchment::app
