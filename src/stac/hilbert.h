#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace catchment::stac {

/// A point in degrees of WGS 84.
struct GlobePoint {
  double longitude = 0;
  double latitude = 0;
};

/// The cell of the grid of 16,384 × 16,384 cells that covers the globe, in each of which items are
/// neighbours.
struct GridCell {
  uint32_t x = 0;  ///< from west, longitude −180
  uint32_t y = 0;  ///< from south, latitude −90
};

/// Centre of a Military Grid tile of 100 km as HLS and Sentinel-2 name them, e.g. `15TVL`, rounded
/// to a millionth of a degree; longitude in [−180, 180). Nothing: no such name. A name whose
/// letters are well formed but lie off its zone gets the place that its arithmetic gives. Source:
/// DMA TM 8358.1; inverse transverse Mercator by Krüger's series to n³.
std::optional<GlobePoint> TileCentre(std::string_view tile);

/// The tile in an HLS granule's id, e.g. `15TVL` of `HLS.L30.T15TVL.2024001T000609.v2.0`. Nothing:
/// not of that form.
std::optional<std::string_view> TileOfGranule(std::string_view id);

/// The cell in which a place lies; the outermost cells take what lies outside.
GridCell CellOf(const GlobePoint& place);

/// Index of a cell on the Hilbert curve of order 14, 0 … 2^28 − 1. The first four are (0,0), (1,0),
/// (1,1), (0,1); the last is (16383,0).
uint32_t HilbertIndex(const GridCell& cell);

/// The index of items that have no geometry: after all others.
inline constexpr uint32_t kNowhere = uint32_t{1} << 28;

/// The index of a box: that of its centre. `west` > `east` crosses the antimeridian.
uint32_t HilbertIndexOfBox(double west, double south, double east, double north);

/// The index an item is ordered by: of its tile if its id names one, else of its box.
uint32_t HilbertIndexOfItem(std::string_view id, double west, double south, double east,
                            double north);

}  // namespace catchment::stac
