#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "columnar/compress.h"
#include "columnar/table.h"
#include "columnar/written_text.h"

namespace catchment::columnar {

enum class JsonShape {
  kArray,  ///< one array of objects, no envelope
  kLines,  ///< NDJSON: one object a line
};

struct JsonReadOptions {
  /// Columns and their types. Null: inferred from the first `infer_rows` objects (bool, int64,
  /// float64, text, timestamp[us, UTC] where every text is RFC 3339, lists, structs).
  std::shared_ptr<arrow::Schema> schema;
  bool ignore_unknown_members =
      false;  ///< members of an object which the schema lacks; else kInvalid
  int64_t infer_rows = 10'000;
  int64_t batch_rows = 32'768;
  size_t max_object_bytes = 64u << 20;
  size_t max_depth = 64;
  size_t max_columns = 10'000;
  int64_t max_rows = int64_t{1} << 40;
  DecompressLimits decompress;
};

/// Read an array of objects or NDJSON, told by the first character; `.gz` and `.zst` are unpacked.
/// A member that an object lacks is null. Errors name file and line:
///   items.ndjson:12: "cloud_cover": expected float64, found text "abc"
/// kInvalid: content and schema do not fit, or over a limit. kCorrupt: not JSON, not UTF-8, cut
/// short.
Result<std::unique_ptr<BatchReader>> OpenJson(const std::filesystem::path& path,
                                              const JsonReadOptions& options = {});
Result<Table> ReadJson(const std::filesystem::path& path, const JsonReadOptions& options = {});
/// Read from memory; `name` is for messages.
Result<Table> ParseJson(std::string_view bytes, std::string_view name,
                        const JsonReadOptions& options = {});

struct JsonFormat {
  JsonShape shape = JsonShape::kArray;
  bool skip_nulls = false;  ///< leave out members whose value is null
};

/// No spaces. An array ends without a line end; each line of kLines with `\n`. Doubles: the
/// shortest text that reads back the same, always with `.` or an exponent; NaN and infinities are
/// null. Decimals are numbers with all their digits, times RFC 3339 text, bytes base64. kInvalid: a
/// column named twice.
Result<std::string> FormatJson(const Table& table, const JsonFormat& format = {});

/// Write a file that appears whole or not at all.
Result<WrittenText> WriteJson(const Table& table, const std::filesystem::path& path,
                              const JsonFormat& format = {}, const TextFileOptions& options = {});

}  // namespace catchment::columnar
