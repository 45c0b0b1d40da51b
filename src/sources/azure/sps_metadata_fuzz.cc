#include <cstdint>
#include <string_view>

#include "sources/azure/placement_state.h"

// Any bytes: a start or kInvalid.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto start =
      catchment::sources::azure::ParseSpsMetadata({reinterpret_cast<const char*>(data), size});
  if (!start.ok() && start.error().message.empty()) __builtin_trap();
  return 0;
}
