#pragma once

#include <cstdint>

#include "stac/column_node_internal.h"
#include "stac/geometry.h"
#include "stac/json_tokens_internal.h"

namespace catchment::stac {

/// What became of a GeoJSON geometry.
struct GeometryRead {
  GeometryFacts facts;
  bool unknown_members = false;  ///< others than its type and coordinates, not null
  bool coordinates_cut = false;  ///< WKB holds only a part: of positions of unequal length, …
};

/// Walk over a geometry and append its WKB. False: `tokens.fault` is bad_geometry, or what Check
/// says; then `wkb` has rests behind its former size.
bool AppendGeometry(JsonTokens& tokens, uint32_t& token, int depth, GrowingBytes& wkb,
                    GeometryRead& read);

/// Whether `key` is one that WKB carries.
bool IsGeometryMember(std::string_view key);

}  // namespace catchment::stac
