#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace catchment::simulator {

struct LonLat {
  double lon = 0;
  double lat = 0;
};

/// One square of the military grid as Sentinel-2 and HLS tile it: 109.8 km wide, its upper left
/// corner on a multiple of 60 m.
struct LandTile {
  std::string name;     ///< `15TVL`
  int zone = 0;         ///< 1 to 60
  bool south = false;   ///< of the equator
  double easting = 0;   ///< of the upper left corner, m
  double northing = 0;  ///< the same; negative in the south
  /// Clockwise from the upper left, degrees; longitudes are those near the zone's middle, so they
  /// pass −180 or 180 where the tile does.
  std::array<LonLat, 4> corners;
};

/// Longitude (relative to the zone's middle) and latitude of a point in UTM; metres, northing
/// negative in the south. WGS 84, Krüger's series to the third order.
LonLat InverseUtm(double easting, double northing);

/// 18,000 tiles on land, roughly: continents are rectangles here. The same list for everyone.
/// Immutable.
class TileGrid {
 public:
  explicit TileGrid(size_t count);

  const std::vector<LandTile>& tiles() const { return tiles_; }
  /// The number of a tile, or −1.
  int Find(std::string_view name) const;

 private:
  std::vector<LandTile> tiles_;  // by name
};

}  // namespace catchment::simulator
