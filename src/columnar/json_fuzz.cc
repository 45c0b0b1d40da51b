#include <arrow/table.h>
#include <arrow/type.h>

#include <cstdlib>

#include "columnar/json_file.h"

using catchment::columnar::FormatJson;
using catchment::columnar::JsonReadOptions;
using catchment::columnar::ParseJson;

/// Whatever is read without error is written and read again as the same rows.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  JsonReadOptions options{
      .infer_rows = 4, .max_object_bytes = 1 << 16, .max_depth = 16, .max_columns = 64};
  options.max_rows = 1000;
  options.decompress.max_bytes = 1 << 20;
  const auto table = ParseJson(text, "fuzz", options);
  if (!table.ok()) return 0;
  const auto written = FormatJson(*table);
  if (!written.ok()) return 0;
  JsonReadOptions again;
  again.schema = table->schema();
  const auto read = ParseJson(*written, "again", again);
  if (!read.ok() || read->num_rows() != table->num_rows()) std::abort();
  const auto twice = FormatJson(*read);
  if (!twice.ok() || *twice != *written) std::abort();
  return 0;
}
