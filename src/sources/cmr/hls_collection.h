#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace catchment::sources::cmr {

/// A collection that CMR lists.
struct CollectionInfo {
  std::string_view id;           ///< `HLSL30_2.0`
  std::string_view concept_id;   ///< `C2021957657-LPCLOUD`
  std::chrono::sys_days origin;  ///< first day that may have granules
};

/// The collections that need no `concept_id` in the pipeline file; null: not one of them.
/// Source: docs/pipelines/hls-stac.md, granule search.
inline std::optional<CollectionInfo> FindCollection(std::string_view id) {
  using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)
  if (id == "HLSL30_2.0")
    return CollectionInfo{"HLSL30_2.0", "C2021957657-LPCLOUD",
                          std::chrono::sys_days{2013y / 4 / 11}};
  if (id == "HLSS30_2.0")
    return CollectionInfo{"HLSS30_2.0", "C2021957295-LPCLOUD",
                          std::chrono::sys_days{2015y / 11 / 28}};
  return std::nullopt;
}

}  // namespace catchment::sources::cmr
