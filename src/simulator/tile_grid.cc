#include "simulator/tile_grid_internal.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/result.h"
#include "simulator/faults_internal.h"

namespace catchment::simulator {
namespace {

constexpr double kDegrees = 180 / std::numbers::pi;
constexpr double kSquare = 100'000;
constexpr double kTileSize = 109'800;
constexpr double kRaster = 60;
constexpr double kZoneHalf = 4.1;  // degrees; tiles reach into the next zone
constexpr std::string_view kColumnSets[] = {"STUVWXYZ", "ABCDEFGH", "JKLMNPQR"};  // by zone mod 3
constexpr std::string_view kRows = "ABCDEFGHJKLMNPQRSTUV";
constexpr std::string_view kBands = "CDEFGHJKLMNPQRSTUVWX";

struct LandBox {
  double west, south, east, north;
};
constexpr LandBox kLand[] = {
    // Both sides of the antimeridian: Chukotka, Wrangel, Fiji.
    {166, 62, 180, 70},
    {-180, 63, -170, 68},
    {-180, 70, -175, 72},
    {176, -20, 180, -15},
    {-180, -20, -178, -15},
    // America.
    {-166, 58, -141, 71},
    {-141, 52, -95, 70},
    {-95, 47, -60, 62},
    {-124, 30, -80, 52},
    {-84, 37, -66, 47},
    {-115, 15, -97, 31},
    {-97, 14, -84, 21},
    {-120, 70, -70, 79},
    {-54, 61, -26, 82},
    {-80, -6, -50, 9},
    {-76, -20, -37, -6},
    {-72, -40, -53, -20},
    {-74, -54, -66, -40},
    // Africa.
    {-15, 5, 40, 32},
    {40, 0, 50, 11},
    {9, -18, 40, 5},
    {13, -34, 34, -18},
    {44, -25, 50, -13},
    // Europe and Asia.
    {-9, 37, 0, 43},
    {-4, 43, 26, 55},
    {-8, 50, 1, 58},
    {6, 56, 30, 70},
    {26, 41, 60, 69},
    {60, 40, 140, 72},
    {140, 60, 166, 70},
    {54, 71, 68, 77},
    {76, 72, 114, 77},
    {36, 13, 58, 37},
    {46, 26, 75, 41},
    {70, 9, 88, 30},
    {75, 28, 120, 42},
    {95, 11, 109, 28},
    {110, 23, 121, 42},
    {96, -7, 118, 5},
    {131, 32, 141, 44},
    {121, 7, 126, 18},
    // Oceania.
    {114, -34, 150, -13},
    {142, -38, 152, -25},
    {132, -9, 149, -2},
    {167, -46, 178, -35},
};

double WrapLongitude(double lon) { return lon - 360 * std::floor((lon + 180) / 360); }

// 0: no land; else the number of its rectangle, from 1.
size_t LandOf(double lon, double lat) {
  const double wrapped = WrapLongitude(lon);
  for (size_t i = 0; i < std::size(kLand); ++i) {
    const LandBox& box = kLand[i];
    if (wrapped >= box.west && wrapped <= box.east && lat >= box.south && lat <= box.north) {
      return i + 1;
    }
  }
  return 0;
}

LandTile MakeTile(int zone, size_t column, int row, double latitude) {
  const double middle = zone * 6.0 - 183;
  LandTile tile;
  const auto band = static_cast<size_t>(std::clamp((latitude + 80) / 8, 0.0, 19.0));
  const int letter = ((row + (zone % 2 == 0 ? 5 : 0)) % 20 + 20) % 20;
  tile.name = fmt::format("{:02}{}{}{}", zone, kBands[band], kColumnSets[zone % 3][column],
                          kRows[static_cast<size_t>(letter)]);
  tile.zone = zone;
  tile.south = latitude < 0;
  tile.easting = std::floor((static_cast<double>(column) + 1) * kSquare / kRaster) * kRaster;
  tile.northing = std::ceil((row + 1) * kSquare / kRaster) * kRaster;
  constexpr std::array<std::array<int, 2>, 4> kCorners = {{{0, 0}, {1, 0}, {1, 1}, {0, 1}}};
  for (size_t i = 0; i < kCorners.size(); ++i) {
    const LonLat point = InverseUtm(tile.easting + kCorners[i][0] * kTileSize,
                                    tile.northing - kCorners[i][1] * kTileSize);
    tile.corners[i] = {middle + point.lon, point.lat};
  }
  return tile;
}

struct Candidate {
  uint64_t rank;
  int zone;
  size_t column;
  int row;
  double latitude;
};

// All squares on land.
std::vector<Candidate> Candidates() {
  constexpr int kLowest = -62, kHighest = 92;  // rows of 100 km from the equator, 56° S to 82.8° N
  std::vector<Candidate> found;
  for (size_t column = 0; column < 8; ++column) {
    for (int row = kLowest; row < kHighest; ++row) {
      const LonLat centre =
          InverseUtm((static_cast<double>(column) + 1.5) * kSquare, (row + 0.5) * kSquare);
      if (std::abs(centre.lon) > kZoneHalf) continue;
      for (int zone = 1; zone <= 60; ++zone) {
        const size_t land = LandOf(zone * 6.0 - 183 + centre.lon, centre.lat);
        if (land == 0) continue;
        const std::string key = fmt::format("{}|{}|{}", zone, column, row);
        const uint64_t rank = land <= 5 ? 0 : SeededHash(18000, key);  // the rare ones stay
        found.push_back({rank, zone, column, row, centre.lat});
      }
    }
  }
  return found;
}

}  // namespace

LonLat InverseUtm(double easting, double northing) {
  constexpr double kMajor = 6378137, kFlattening = 1 / 298.257223563, kScale = 0.9996;
  constexpr double kN = kFlattening / (2 - kFlattening), kN2 = kN * kN, kN3 = kN2 * kN;
  constexpr double kMeridian = kMajor / (1 + kN) * (1 + kN2 / 4 + kN2 * kN2 / 64);
  constexpr double kBeta[] = {kN / 2 - 2 * kN2 / 3 + 37 * kN3 / 96, kN2 / 48 + kN3 / 15,
                              17 * kN3 / 480};
  constexpr double kDelta[] = {2 * kN - 2 * kN2 / 3 - 2 * kN3, 7 * kN2 / 3 - 8 * kN3 / 5,
                               56 * kN3 / 15};
  const double xi = northing / (kScale * kMeridian);
  const double eta = (easting - 500'000) / (kScale * kMeridian);
  double xi_sphere = xi, eta_sphere = eta;
  for (int j = 1; j <= 3; ++j) {
    xi_sphere -= kBeta[j - 1] * std::sin(2 * j * xi) * std::cosh(2 * j * eta);
    eta_sphere -= kBeta[j - 1] * std::cos(2 * j * xi) * std::sinh(2 * j * eta);
  }
  const double chi = std::asin(std::sin(xi_sphere) / std::cosh(eta_sphere));
  double latitude = chi;
  for (int j = 1; j <= 3; ++j) latitude += kDelta[j - 1] * std::sin(2 * j * chi);
  const double longitude = std::atan2(std::sinh(eta_sphere), std::cos(xi_sphere));
  return {longitude * kDegrees, latitude * kDegrees};
}

TileGrid::TileGrid(size_t count) {
  std::vector<Candidate> found = Candidates();
  const auto lower = [](const Candidate& a, const Candidate& b) { return a.rank < b.rank; };
  std::stable_sort(found.begin(), found.end(), lower);
  if (found.size() > count) found.resize(count);
  for (const Candidate& one : found) {
    tiles_.push_back(MakeTile(one.zone, one.column, one.row, one.latitude));
  }
  std::sort(tiles_.begin(), tiles_.end(),
            [](const LandTile& a, const LandTile& b) { return a.name < b.name; });
}

int TileGrid::Find(std::string_view name) const {
  const auto found = std::lower_bound(
      tiles_.begin(), tiles_.end(), name,
      [](const LandTile& tile, std::string_view wanted) { return tile.name < wanted; });
  if (found == tiles_.end() || found->name != name) return -1;
  return static_cast<int>(found - tiles_.begin());
}

}  // namespace catchment::simulator
