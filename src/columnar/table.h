#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace catchment::columnar {

/// Rows in pieces, in order. Not thread-safe: one thread at a time.
class BatchReader {
 public:
  virtual ~BatchReader() = default;

  /// The schema of every piece.
  virtual std::shared_ptr<arrow::Schema> schema() const = 0;
  /// The next piece; null after the last. After an error, ask no more.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
};

/// A table that flows between tasks: rows in memory, or a list of Parquet files of one schema. A
/// value; cheap to copy; never changes. Files are borrowed: they must stay until the last reader is
/// done.
class Table {
 public:
  /// No columns, no rows.
  Table();

  static Table FromArrow(std::shared_ptr<arrow::Table> rows);
  /// Open the files' footers. Schemas must be equal, metadata aside. kNotFound: a file is missing;
  /// kCorrupt: a file is no Parquet, or its footer is damaged; kInvalid: no file, or schemas differ
  /// (names the column).
  static Result<Table> FromParquetFiles(std::vector<std::filesystem::path> files);
  /// No rows.
  static Table Empty(std::shared_ptr<arrow::Schema> schema);

  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  int64_t num_rows() const { return num_rows_; }
  /// Empty if the rows are in memory.
  const std::vector<std::filesystem::path>& files() const { return files_; }
  bool in_memory() const { return files_.empty(); }

  /// All rows in memory; reads the files if there are any.
  Result<std::shared_ptr<arrow::Table>> Load() const;
  /// Only these columns, in this order. kNotFound: names a column that is not there.
  Result<std::shared_ptr<arrow::Table>> Load(const std::vector<std::string>& columns) const;
  /// Rows in pieces; files are read as asked.
  Result<std::unique_ptr<BatchReader>> Read() const;

 private:
  explicit Table(std::shared_ptr<arrow::Table> rows);

  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::Table> rows_;  // null: in files_
  std::vector<std::filesystem::path> files_;
  int64_t num_rows_ = 0;
};

/// Read to the end into memory.
Result<Table> ReadAll(BatchReader& reader);

}  // namespace catchment::columnar
