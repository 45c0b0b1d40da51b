#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace catchment::sources::azure {

/// What one VM size is in one region, to the subscription that asked.
struct ResourceSku {
  std::string sku;     ///< in the service's spelling
  std::string region;  ///< in lower case
  std::optional<std::string> family;
  std::optional<int32_t> vcpus;
  std::optional<double> memory_gib;
  std::string zones;  ///< `1,2,3`; empty: the region has none for it
};

struct ResourceSkusPage {
  std::vector<ResourceSku> rows;  ///< one per machine and region, in the order of the page
  int64_t other_resources = 0;    ///< disks, snapshots, …
  int64_t unreadable_values = 0;  ///< capabilities that are no numbers
  std::string next_link;          ///< empty: the last page
};

/// Parse one page of the list of resource SKUs. Only `virtualMachines` are read. kCorrupt: not
/// JSON, no array `value`, a machine without name, a field of another type. Source:
/// docs/pipelines/azure-spot.md, resource SKUs.
Result<ResourceSkusPage> ParseResourceSkusPage(std::string_view body);

/// Sort by lower-case (SKU, region) and keep one row of each: the smallest of all its fields.
/// Returns how many were dropped.
int64_t MakeSkusUnique(std::vector<ResourceSku>& rows);

}  // namespace catchment::sources::azure
