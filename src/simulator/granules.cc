#include "simulator/granules_internal.h"

#include <algorithm>
#include <cmath>

namespace catchment::simulator {
namespace {

bool RingHolds(const GeoRing& ring, double lon, double lat) {
  bool inside = false;
  for (size_t i = 0, before = ring.size() - 1; i < ring.size(); before = i++) {
    const LonLat &a = ring[i], &b = ring[before];
    if ((a.lat > lat) != (b.lat > lat) &&
        lon < (b.lon - a.lon) * (lat - a.lat) / (b.lat - a.lat) + a.lon) {
      inside = !inside;
    }
  }
  return inside;
}

// Whether a segment has a point in the box: what is left of it between each pair of sides.
bool SegmentMeets(const LonLat& a, const LonLat& b, double west, double south, double east,
                  double north) {
  double from = 0, to = 1;
  const auto clip = [&](double begin, double step, double low, double high) {
    if (step == 0) return begin >= low && begin <= high;
    double enter = (low - begin) / step, leave = (high - begin) / step;
    if (enter > leave) std::swap(enter, leave);
    from = std::max(from, enter);
    to = std::min(to, leave);
    return from <= to;
  };
  return clip(a.lon, b.lon - a.lon, west, east) && clip(a.lat, b.lat - a.lat, south, north);
}

bool RingMeetsPlainBox(const GeoRing& ring, double west, double south, double east, double north) {
  double low_lon = 1e9, high_lon = -1e9, low_lat = 1e9, high_lat = -1e9;
  for (const LonLat& point : ring) {
    low_lon = std::min(low_lon, point.lon);
    high_lon = std::max(high_lon, point.lon);
    low_lat = std::min(low_lat, point.lat);
    high_lat = std::max(high_lat, point.lat);
  }
  if (low_lon > east || high_lon < west || low_lat > north || high_lat < south) return false;
  for (size_t i = 0, before = ring.size() - 1; i < ring.size(); before = i++) {
    if (SegmentMeets(ring[before], ring[i], west, south, east, north)) return true;
  }
  return RingHolds(ring, west, south);  // the box lies within, or outside
}

}  // namespace

bool RingMeetsBox(const GeoRing& ring, const GeoBox& box) {
  if (ring.empty()) return false;
  const double east = box.west > box.east ? box.east + 360 : box.east;
  for (const double turn : {0.0, 360.0, -360.0}) {
    if (RingMeetsPlainBox(ring, box.west + turn, box.south, east + turn, box.north)) return true;
  }
  return false;
}

}  // namespace catchment::simulator
