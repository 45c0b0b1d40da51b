#pragma once

#include "app/answers.h"
#include "cli/verb.h"

namespace catchment::cli {

/// Print rows as a text table, or as one JSON document {columns, rows, total}.
void ReportRows(const app::RowsAnswer& answer, const Session& session);

}  // namespace catchment::cli
