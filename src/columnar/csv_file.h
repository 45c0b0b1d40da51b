#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "columnar/compress.h"
#include "columnar/table.h"
#include "columnar/written_text.h"

namespace catchment::columnar {

/// How to read CSV (RFC 4180; lines end with LF or CRLF; UTF-8, a byte order mark is skipped).
struct CsvReadOptions {
  /// Columns and their types: bool, integers, floats, decimals, text, date32, timestamps (a time
  /// without offset is UTC). With a header they are found by name, in any order; else by position.
  /// Null: all columns of the file, types inferred from its first `infer_rows` rows (int64,
  /// float64, bool, date32, timestamp[us, UTC], text).
  std::shared_ptr<arrow::Schema> schema;
  char delimiter = ',';
  bool header = true;
  /// Unquoted fields with one of these texts are null. An empty field in quotes is an empty text.
  std::vector<std::string> null_texts = {""};
  bool ignore_unknown_columns =
      false;  ///< columns of the file which the schema lacks; else kInvalid
  bool missing_columns_are_null = false;  ///< nullable columns which the file lacks; else kInvalid
  int64_t infer_rows = 10'000;
  int64_t batch_rows = 65'536;
  size_t max_field_bytes = 16u << 20;
  size_t max_columns = 10'000;
  int64_t max_rows = int64_t{1} << 40;
  DecompressLimits decompress;
};

/// Read a file as it is asked for; `.gz` and `.zst` are unpacked. Errors name file, line, column
/// and what was expected:
///   prices.csv:12: 3 fields, expected 5
///   prices.csv:12:7: column "spot_price": expected float64, found "abc"
/// kInvalid: content and schema do not fit, a NUL byte. kCorrupt: damaged compression, a quote that
/// never ends, not UTF-8.
Result<std::unique_ptr<BatchReader>> OpenCsv(const std::filesystem::path& path,
                                             const CsvReadOptions& options = {});
/// Read a whole file.
Result<Table> ReadCsv(const std::filesystem::path& path, const CsvReadOptions& options = {});
/// Read from memory; `name` is for messages.
Result<Table> ParseCsv(std::string_view bytes, std::string_view name,
                       const CsvReadOptions& options = {});

/// How values are written.
struct CsvFormat {
  char delimiter = ',';
  bool header = true;
  std::string null_text;                          ///< for all columns
  std::map<std::string, std::string> null_texts;  ///< by column; goes before `null_text`
  /// An empty text is written as "" in quotes where a null would be written as nothing.
  bool quote_empty_text = true;
};

/// Lines end with `\n`. Doubles are the shortest text that reads back the same, with at least one
/// decimal; times RFC 3339; lists and structs JSON; fields with delimiter, quote or line end are
/// quoted. A column named twice is kInvalid.
Result<std::string> FormatCsv(const Table& table, const CsvFormat& format = {});

/// Write a file that appears whole or not at all, packed as `options.compression` says (default: by
/// the name). Streams: memory is bounded by a batch unless gzip is asked for.
Result<WrittenText> WriteCsv(const Table& table, const std::filesystem::path& path,
                             const CsvFormat& format = {}, const TextFileOptions& options = {});

}  // namespace catchment::columnar
