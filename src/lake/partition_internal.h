#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lake/manifest.h"

namespace catchment::lake {

/// The rows of one partition, in the order they had.
struct Part {
  PartitionValues values;
  std::shared_ptr<arrow::Table> rows;
};

/// Split rows by the values of partition names: columns, or parts of the slot. In the order of the
/// values, nulls first; no rows give no part. kInvalid: a name is neither, or a column's type
/// cannot name a partition.
Result<std::vector<Part>> SplitByPartition(const std::shared_ptr<arrow::Table>& rows,
                                           const std::vector<std::string>& names, Time slot_time);

}  // namespace catchment::lake
