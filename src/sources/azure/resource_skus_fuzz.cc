#include <cstdint>
#include <string_view>

#include "sources/azure/resource_skus_parse.h"

namespace catchment::sources::azure {

// Any bytes: a page or kCorrupt; its rows can be made unique.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto page = ParseResourceSkusPage({reinterpret_cast<const char*>(data), size});
  if (!page.ok()) return 0;
  const size_t before = page->rows.size();
  const int64_t dropped = MakeSkusUnique(page->rows);
  if (page->rows.size() + static_cast<size_t>(dropped) != before) __builtin_trap();
  return 0;
}

}  // namespace catchment::sources::azure
