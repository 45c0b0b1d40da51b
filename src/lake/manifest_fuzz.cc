#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lake/history.h"
#include "lake/json_fields_internal.h"
#include "lake/manifest.h"

namespace catchment::lake {

// Manifests and checkpoints are read from stores that others may write to. The digest at a
// manifest's end would stop nearly every input, so that each is also read with a digest that fits.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(ParseManifest(bytes).ok());
  static_cast<void>(ParseCheckpoint(bytes).ok());
  if (bytes.empty()) return 0;
  const std::string sealed = Seal(bytes);
  static_cast<void>(ParseCheckpoint(sealed).ok());
  const auto manifest = ParseManifest(sealed);
  if (!manifest.ok()) return 0;
  // What is read can be written, and reads back the same.
  const auto written = SerialiseManifest(*manifest);
  if (!written.ok()) return 0;
  const auto again = ParseManifest(*written);
  if (!again.ok() || again->tables != manifest->tables) std::abort();
  return 0;
}

}  // namespace catchment::lake
