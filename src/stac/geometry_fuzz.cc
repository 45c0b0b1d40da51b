#include <cstdint>
#include <cstdlib>
#include <string>

#include "stac/geometry.h"

namespace catchment::stac {

/// GeoJSON to WKB and back gives the same WKB again; foreign WKB is read to the end or refused.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string wkb, json, again;
  const auto facts = GeoJsonToWkb(input, wkb);
  if (facts.ok()) {
    const auto read = ReadWkb(wkb);
    if (!read.ok() || read->type != facts->type) std::abort();
    if (!WkbToGeoJson(wkb, json).ok() || !GeoJsonToWkb(json, again).ok() || again != wkb) {
      std::abort();
    }
  }
  json.clear();
  again.clear();
  if (WkbToGeoJson(input, json).ok()) (void)GeoJsonToWkb(json, again);
  return 0;
}

}  // namespace catchment::stac
