#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sources/cmr/cmr_parse.h"

namespace catchment::sources::cmr {

// Any bytes: a page or kCorrupt; an item or not; a title or not.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string body(reinterpret_cast<const char*>(data), size);
  ItemLooker looker;
  const ItemId item = looker.Look(body);
  if (item.look != ItemLook::kGood && item.look != ItemLook::kNoId &&
      item.look != ItemLook::kNotJson && item.look != ItemLook::kBadUtf8 &&
      item.look != ItemLook::kNotAnItem)
    abort();
  if (!DerivedItemLink(body, ItemScheme::kHttps).empty() && !ParseHlsTitle(body)) abort();
  CmrPageParser parser;
  const auto page = parser.Parse(body);
  if (!page.ok()) return 0;
  for (const CmrEntry& entry : *page) {
    if (entry.concept_id.empty()) abort();
    if (!entry.https_link.empty() && !entry.https_link.ends_with("_stac.json")) abort();
  }
  return 0;
}

}  // namespace catchment::sources::cmr
