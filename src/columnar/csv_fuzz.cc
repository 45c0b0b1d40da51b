#include <arrow/table.h>
#include <arrow/type.h>

#include <cstdlib>

#include "columnar/csv_file.h"

using catchment::columnar::CsvReadOptions;
using catchment::columnar::FormatCsv;
using catchment::columnar::ParseCsv;

/// Whatever is read without error is written and read again as the same table.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CsvReadOptions options{
      .infer_rows = 4, .max_field_bytes = 1 << 16, .max_columns = 64, .max_rows = 1000};
  options.decompress.max_bytes = 1 << 20;
  if (size % 3 == 1) options.delimiter = ';';
  options.header = size % 2 == 0;
  const auto table = ParseCsv(text, "fuzz", options);
  if (!table.ok() || table->schema()->num_fields() == 0) return 0;
  const auto written = FormatCsv(*table);
  if (!written.ok()) return 0;
  CsvReadOptions again;
  again.schema = table->schema();
  const auto read = ParseCsv(*written, "again", again);
  if (!read.ok() || read->num_rows() != table->num_rows()) std::abort();
  return 0;
}
