#include <cstdint>
#include <cstdlib>
#include <string>

#include "stac/datetime_internal.h"

using catchment::stac::AppendDatetime;
using catchment::stac::ParseDatetime;

/// What is read is written as the same instant.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  int64_t microseconds = 0, again = 0;
  bool long_fraction = false;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!ParseDatetime(text, microseconds, long_fraction)) return 0;
  std::string written;
  if (!AppendDatetime(microseconds, written)) std::abort();
  if (!ParseDatetime(written, again, long_fraction) || long_fraction || again != microseconds) {
    std::abort();
  }
  return 0;
}
