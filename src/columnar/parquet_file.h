#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "columnar/table.h"

namespace catchment::columnar {

struct ParquetOptions {
  std::string compression = "zstd";  ///< zstd, snappy, gzip or none
  int level = 3;
  int64_t row_group_rows = 131'072;
  std::string created_by =
      "catchment version 1.0.0 (build 1)";  ///< fixed: equal rows, equal bytes; this form lets old
                                            ///< readers trust statistics
  /// Report smallest and largest value of these; a name that is no column is kInvalid.
  std::vector<std::string> key_columns;
  std::map<std::string, std::string> metadata;  ///< more keys of the footer
  bool durable = true;                          ///< fsync file and folder before the name appears
  bool replace = true;                          ///< false: kExists if the name is taken
  bool store_arrow_schema = true;
};

/// Values as JSON: numbers, true/false, text; times and dates as text (RFC 3339, YYYY-MM-DD),
/// decimals as text. Null: no value but nulls. NaN counts as neither.
struct ColumnRange {
  nlohmann::json min, max;
  int64_t nulls = 0;
};

struct WrittenFile {
  int64_t rows = 0;
  int64_t bytes = 0;
  std::string sha256;
  std::map<std::string, ColumnRange> ranges;  ///< by key column
};

/// Write rows to a file that appears whole or not at all. Equal rows and options give equal bytes,
/// however the rows were divided into pieces. kInvalid: a column's type has no Parquet form, or an
/// option is wrong.
Result<WrittenFile> WriteParquet(const Table& table, const std::filesystem::path& path,
                                 const ParquetOptions& options = {});

/// The same into memory.
Result<std::pair<std::string, WrittenFile>> WriteParquetToBuffer(
    const Table& table, const ParquetOptions& options = {});

/// Write rows as they come. Not thread-safe.
///
///   ASSIGN_OR_RETURN(auto writer, ParquetWriter::Open(path, schema, options));
///   while (…) RETURN_IF_ERROR(writer->Write(*batch));
///   ASSIGN_OR_RETURN(WrittenFile written, writer->Finish());
///
/// Without Finish nothing appears at `path`. Holds at most one row group of rows in memory.
class ParquetWriter {
 public:
  static Result<std::unique_ptr<ParquetWriter>> Open(const std::filesystem::path& path,
                                                     const std::shared_ptr<arrow::Schema>& schema,
                                                     const ParquetOptions& options = {});
  ~ParquetWriter();
  /// Batches have the schema of Open, metadata aside; else kInvalid.
  Status Write(const std::shared_ptr<arrow::RecordBatch>& batch);
  Result<WrittenFile> Finish();

 private:
  struct State;
  explicit ParquetWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct ParquetReadOptions {
  std::vector<std::string> columns;  ///< empty: all. kNotFound: a name that is no column
  uint64_t max_footer_bytes = 256u << 20;
  int64_t max_rows = int64_t{1} << 40;
  int64_t batch_rows = 65'536;
  /// Compare page checksums where a file carries them.
  bool verify_checksums = true;
};

/// What a footer says. Reads no rows.
struct ParquetInfo {
  std::shared_ptr<arrow::Schema> schema;
  int64_t rows = 0;
  int row_groups = 0;
  int64_t bytes = 0;
  std::string created_by;
  std::map<std::string, std::string> metadata;
};
/// kNotFound, kDenied: as base/file.h. kCorrupt: no Parquet, or damaged; names the file.
Result<ParquetInfo> InspectParquet(const std::filesystem::path& path,
                                   const ParquetReadOptions& options = {});

/// Read a whole file, on Arrow's pool. Errors as InspectParquet.
Result<std::shared_ptr<arrow::Table>> ReadParquet(const std::filesystem::path& path,
                                                  const ParquetReadOptions& options = {});
/// Read from memory; `name` is for messages. `bytes` must outlive the result.
Result<std::shared_ptr<arrow::Table>> ReadParquetBytes(std::string_view bytes,
                                                       std::string_view name,
                                                       const ParquetReadOptions& options = {});
/// Read one row group's worth at a time.
Result<std::unique_ptr<BatchReader>> OpenParquet(const std::filesystem::path& path,
                                                 const ParquetReadOptions& options = {});

}  // namespace catchment::columnar
