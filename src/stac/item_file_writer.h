#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "columnar/parquet_file.h"
#include "stac/geo_metadata.h"
#include "stac/item_schema.h"

namespace catchment::stac {

/// The level of `zstd:LEVEL`, or of `zstd`: 9. kInvalid: says the rule.
Result<int> ParseZstdLevel(std::string_view text);

struct ItemFileOptions {
  int level = 9;  ///< of zstd, 1 … 22
  int64_t row_group_rows = 8192;
  bool durable = true;  ///< fsync file and folder before the name appears
  bool replace = true;  ///< false: kExists if the name is taken
};

/// Writes items to a GeoParquet file in row groups of exactly `row_group_rows`, but for the last.
/// The same batches give the same bytes, whatever the threads. Without Finish nothing appears at
/// `path`.
///
///   ASSIGN_OR_RETURN(auto writer, ItemFileWriter::Open(path, schema, options));
///   RETURN_IF_ERROR(writer->Write(batch));   // as often as needed
///   ASSIGN_OR_RETURN(auto written, writer->Finish(facts));
///
/// Leaves are independent tasks: who has other work for the same threads calls Begin, runs the
/// tasks among its own, then calls End. What is held in memory are the packed pages of one group.
/// Not thread-safe otherwise.
class ItemFileWriter {
 public:
  /// kInvalid: an option is wrong, or the schema has a type that Parquet has not.
  static Result<std::unique_ptr<ItemFileWriter>> Open(const std::filesystem::path& path,
                                                      const ItemSchema& schema,
                                                      const ItemFileOptions& options = {});
  ~ItemFileWriter();

  /// Rows that the row group which is being filled still takes; at least 1.
  int64_t room() const;
  /// Take the rows of `batches`, which have the schema of Open, `room()` at most.
  Status Begin(arrow::RecordBatchVector batches);
  /// How many tasks there are between Begin and End; each must run once, on any thread.
  int tasks() const;
  Status RunTask(int task);
  Status End();
  /// All three for any number of rows, on Arrow's pool.
  Status Write(const std::shared_ptr<arrow::RecordBatch>& batch);

  int64_t rows() const;
  /// `rows` of `facts` is filled in.
  Result<columnar::WrittenFile> Finish(ItemFileFacts facts);

 private:
  struct State;
  explicit ItemFileWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace catchment::stac
