#include <cstdint>
#include <string_view>

#include "sources/azure/retail_parse.h"

namespace catchment::sources::azure {

// Any bytes: a page or kCorrupt; every text of a page can be read.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto page = ParseRetailPage({reinterpret_cast<const char*>(data), size});
  if (!page.ok()) return 0;
  size_t total = 0;
  for (const RetailPage::Item& item : page->items) {
    for (size_t field = 0; field < kRetailFields; ++field) {
      total += page->Text(item, static_cast<RetailField>(field)).size();
    }
  }
  if (total != page->texts.size()) __builtin_trap();
  return 0;
}

}  // namespace catchment::sources::azure
