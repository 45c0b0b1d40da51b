#pragma once

#include <arrow/type_fwd.h>

#include <memory>

#include "base/result.h"

namespace catchment::columnar {

/// The schema with each dictionary column (and each column of views or large text) as its plain
/// type, without metadata but Parquet field ids: what files and SQL get to see.
std::shared_ptr<arrow::Schema> PlainSchema(const arrow::Schema& schema);

/// Bring a batch to the PlainSchema of its schema; as it is if nothing changes.
Result<std::shared_ptr<arrow::RecordBatch>> Plain(
    const std::shared_ptr<arrow::RecordBatch>& batch,
    const std::shared_ptr<arrow::Schema>& plain_schema);

}  // namespace catchment::columnar
