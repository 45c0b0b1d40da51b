#pragma once

#include <arrow/type_fwd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "columnar/output_file.h"
#include "columnar/table.h"
#include "columnar/value_text_internal.h"
#include "columnar/written_text.h"

namespace catchment::columnar {

/// Text on its way to a file, packed as asked.
class TextOutput {
 public:
  static Result<std::unique_ptr<TextOutput>> Open(const std::filesystem::path& path,
                                                  const TextFileOptions& options);
  ~TextOutput();
  Status Write(std::string_view text);
  /// Put the file in place.
  Result<WrittenText> Finish(int64_t rows);

 private:
  struct Zstd;
  TextOutput();
  Status WriteZstd(std::string_view text, bool end);

  Compression compression_ = Compression::kNone;
  int level_ = 0;
  std::unique_ptr<FileSink> sink_;
  std::unique_ptr<Zstd> zstd_;
  std::string whole_;  // gzip: one member is packed at once
};

/// Takes a part of a text.
using PutText = std::function<Status(std::string_view)>;
/// Puts a whole text, part by part; how many rows it has.
using MakeText = std::function<Result<int64_t>(const PutText&)>;
/// The text that `make` puts.
Result<std::string> CollectText(const MakeText& make);
/// Write it to a file.
Result<WrittenText> WriteText(const std::filesystem::path& path, const TextFileOptions& options,
                              const MakeText& make);

/// How the cells of one kind of file become rows.
class RowFormat {
 public:
  virtual ~RowFormat() = default;
  virtual CellStyle style(int column) const = 0;
  /// Append the rows whose cells are given, one ColumnText a column. `first` is the number of rows
  /// before.
  virtual void AppendRows(const std::vector<ColumnText>& cells, size_t rows, int64_t first,
                          std::string& out) const = 0;
};

/// Feed all rows of `table` through `format` into `put`, in order, on the calling thread; blocks of
/// rows are made on a second thread too. Returns the number of rows.
Result<int64_t> FormatAll(const Table& table, const RowFormat& format, const PutText& put);

/// kInvalid if a column is named twice.
Status CheckNames(const arrow::Schema& schema);

}  // namespace catchment::columnar
