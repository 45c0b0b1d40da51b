#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "columnar/sql_internal.h"

namespace catchment::columnar {

/// Rows that DuckDB reads where they lie: a query costs the columns it names, and no copy of a
/// table. Outlives the queries.
class TableScan {
 public:
  /// `converter` is a connection that runs no query; it outlives this. The batches are of `schema`.
  static Result<std::unique_ptr<TableScan>> Make(duckdb_connection converter,
                                                 std::shared_ptr<arrow::Schema> schema,
                                                 arrow::RecordBatchVector batches);

  const arrow::Schema& schema() const { return *schema_; }

  /// Make the rows known as the table function `name`, without arguments.
  Status Register(duckdb_connection connection, const std::string& name);

 private:
  struct Progress;
  TableScan(duckdb_connection converter, std::shared_ptr<arrow::Schema> schema,
            arrow::RecordBatchVector batches);

  Status FindTypes();
  Status Begin(duckdb_init_info info, Progress& progress) const;
  Status Next(Progress& progress, duckdb_data_chunk output) const;

  // Called by DuckDB, which is C here: nothing may be thrown through them.
  static void OnBind(duckdb_bind_info info);
  static void OnBegin(duckdb_init_info info);
  static void OnNext(duckdb_function_info info, duckdb_data_chunk output);

  const duckdb_connection converter_;
  const std::shared_ptr<arrow::Schema> schema_;
  const arrow::RecordBatchVector batches_;
  std::vector<OwnedType> types_;  // by column
  int64_t rows_ = 0;
};

/// An error that DuckDB hands out by itself.
Status FromErrorData(duckdb_error_data data);

}  // namespace catchment::columnar
