#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "columnar/compress.h"
#include "columnar/csv_file.h"

namespace catchment::columnar {

/// One record as it stands: its fields, unquoted, and where they stood.
struct CsvRecord {
  struct Field {
    std::string_view text;
    bool quoted = false;
    uint32_t offset = 0;  ///< of its first byte in the record
  };
  int64_t line = 0;  ///< where it begins, from 1
  std::string_view raw;
  std::vector<Field> fields;

  /// `12:7`: line and column (in characters) of a field.
  std::string Place(size_t field) const { return PlaceOf(fields[field].offset); }
  /// The same of a byte of `raw`.
  std::string PlaceOf(size_t offset) const;
};

/// Cuts CSV into records. Views are good until the next call.
class CsvRecords {
 public:
  CsvRecords(std::unique_ptr<ByteReader> bytes, const CsvReadOptions& options);

  /// False at the end. Lines without a byte are records of one empty field. kInvalid, kCorrupt:
  /// with file and line.
  Result<bool> Next(CsvRecord& record);
  const std::string& name() const { return bytes_->name(); }

 private:
  enum class Scan { kRecord, kNeedsMore };
  Result<Scan> ScanRecord(CsvRecord& record);
  Result<Scan> ScanQuoted(size_t& at, CsvRecord& record);
  Status Refill();
  Status Unquote(CsvRecord& record);

  const std::unique_ptr<ByteReader> bytes_;
  const char delimiter_;
  const size_t max_field_bytes_, max_columns_;
  std::string buffer_;
  size_t begin_ = 0;  // of the next record in buffer_
  size_t size_ = 0;   // bytes of buffer_ that are filled
  bool at_end_ = false;
  bool started_ = false;
  int64_t line_ = 1;
  std::string unquoted_;  // fields that had doubled quotes
};

}  // namespace catchment::columnar
