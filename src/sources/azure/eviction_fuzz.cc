#include <cstdint>
#include <string_view>

#include "sources/azure/eviction_parse.h"

namespace catchment::sources::azure {

// Any bytes: a page or kCorrupt; its rows can be combined.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto page = ParseEvictionPage({reinterpret_cast<const char*>(data), size});
  if (!page.ok()) return 0;
  const EvictionRates rates = CombineEvictionRows(page->rows);
  if (rates.rates.size() + static_cast<size_t>(rates.repeats) != page->rows.size())
    __builtin_trap();
  return 0;
}

}  // namespace catchment::sources::azure
