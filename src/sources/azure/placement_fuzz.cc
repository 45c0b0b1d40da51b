#include <cstdint>
#include <string_view>

#include "sources/azure/placement_parse.h"

namespace catchment::sources::azure {

// Any bytes as an answer of any status: a verdict whose parts fit together. The first byte chooses
// the status.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static constexpr int kStatuses[] = {200, 400, 429, 401, 403, 404, 502};
  const int status = kStatuses[data[0] % std::size(kStatuses)];
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const PlacementVerdict verdict = JudgePlacementAnswer(status, body, std::nullopt);
  if (!verdict.cells.empty() && verdict.answer != PlacementAnswer::kScores) __builtin_trap();
  const bool invalid = verdict.answer == PlacementAnswer::kInvalidRegion ||
                       verdict.answer == PlacementAnswer::kInvalidSku;
  if (invalid == verdict.value.empty()) __builtin_trap();
  if (const auto locations = ParseSupportedLocations(body); locations.ok() && locations->empty())
    __builtin_trap();
  return 0;
}

}  // namespace catchment::sources::azure
