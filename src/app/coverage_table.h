#pragma once

#include <vector>

#include "base/coverage.h"
#include "base/result.h"
#include "columnar/table.h"

namespace catchment::app {

/// The table `run.coverage`: one row per coverage row of all reports, in their order.
///
///   slot ts, date date32, source text   not null
///   region_code text?  desired_count int16?
///   unit text, expected, asked, answered, scored, excluded_invalid, left_out, missing_budget,
///   missing_deadline, missing_failed, missing_rejected, missing_credentials, missing_no_answer
///   int32, not null
///
/// expected = answered + left_out + Σ missing; another reason of a report counts as `failed`.
Result<columnar::Table> CoverageTable(const std::vector<SourceReport>& reports, Time slot);

}  // namespace catchment::app
