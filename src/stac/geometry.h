#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/result.h"

namespace catchment::stac {

/// The extent of positions; empty at first.
struct Box {
  double xmin = std::numeric_limits<double>::infinity(), ymin = xmin, zmin = xmin;
  double xmax = -xmin, ymax = -xmin, zmax = -xmin;
  bool empty() const { return xmin > xmax; }
  bool Contains(const Box& other) const;  ///< in x and y
  void Add(const Box& other);
  /// A position's x, y and, if it has one, z.
  void Include(const std::array<double, 3>& position, bool with_z);
};

/// What WKB of a geometry says.
struct GeometryFacts {
  uint32_t type = 0;  ///< 1 Point … 7 GeometryCollection; + 1000 with z
  Box box;            ///< as the coordinates are, also across the antimeridian
};

/// Turn a GeoJSON geometry into little-endian WKB, appended to `wkb`: x then y, then z if every
/// position has one. kInvalid: no geometry, or nested over 16 deep.
Result<GeometryFacts> GeoJsonToWkb(std::string_view json, std::string& wkb);
/// Append the geometry as GeoJSON to `json`. kCorrupt: not the WKB above, or cut short.
Status WkbToGeoJson(std::string_view wkb, std::string& json);
/// Type and extent. kCorrupt as above.
Result<GeometryFacts> ReadWkb(std::string_view wkb);

/// `Point`, `MultiPolygon Z`, …: what `geometry_types` of a file's metadata lists. Empty: no type.
std::string GeometryTypeName(uint32_t type);

}  // namespace catchment::stac
