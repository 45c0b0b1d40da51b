#include "stac/hilbert.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace catchment::stac {
namespace {

constexpr uint32_t kCells = 16'384;
constexpr double kTileMetres = 100'000;
constexpr double kRowCycleMetres = 2'000'000;
constexpr double kFalseNorthing = 10'000'000;
constexpr double kFalseEasting = 500'000;
constexpr double kScale = 0.9996;
constexpr double kSemiMajor = 6'378'137;
constexpr double kFlattening = 1 / 298.257223563;
constexpr std::string_view kBands = "CDEFGHJKLMNPQRSTUVWX";
constexpr std::string_view kRows = "ABCDEFGHJKLMNPQRSTUV";
constexpr std::string_view kColumnSets[] = {"STUVWXYZ", "ABCDEFGH", "JKLMNPQR"};  // zone mod 3

/// Krüger's series of the transverse Mercator projection, to the third power of the third
/// flattening.
struct KruegerSeries {
  double radius;  ///< of the rectifying sphere
  double alpha[3], beta[3], delta[3];
};

constexpr KruegerSeries MakeKruegerSeries() {
  const double n = kFlattening / (2 - kFlattening);
  const double n2 = n * n;
  const double n3 = n2 * n;
  return {.radius = kSemiMajor / (1 + n) * (1 + n2 / 4 + n2 * n2 / 64),
          .alpha = {n / 2 - n2 * 2 / 3 + n3 * 5 / 16, n2 * 13 / 48 - n3 * 3 / 5, n3 * 61 / 240},
          .beta = {n / 2 - n2 * 2 / 3 + n3 * 37 / 96, n2 / 48 + n3 / 15, n3 * 17 / 480},
          .delta = {n * 2 - n2 * 2 / 3 - n3 * 2, n2 * 7 / 3 - n3 * 8 / 5, n3 * 56 / 15}};
}
constexpr KruegerSeries kSeries = MakeKruegerSeries();

constexpr double kDegree = std::numbers::pi / 180;

/// Northing of a parallel on the central meridian, without false northing.
double NorthingOnMeridian(double latitude) {
  const double sine = std::sin(latitude * kDegree);
  const double n = kFlattening / (2 - kFlattening);
  const double root = 2 * std::sqrt(n) / (1 + n);
  const double t = std::sinh(std::atanh(sine) - root * std::atanh(root * sine));
  const double xi = std::atan(t);
  double sum = xi;
  for (int j = 1; j <= 3; ++j) sum += kSeries.alpha[j - 1] * std::sin(2 * j * xi);
  return kScale * kSeries.radius * sum;
}

GlobePoint InverseTransverseMercator(double easting, double northing, int zone) {
  const double xi = northing / (kScale * kSeries.radius);
  const double eta = (easting - kFalseEasting) / (kScale * kSeries.radius);
  double xi_prime = xi;
  double eta_prime = eta;
  for (int j = 1; j <= 3; ++j) {
    xi_prime -= kSeries.beta[j - 1] * std::sin(2 * j * xi) * std::cosh(2 * j * eta);
    eta_prime -= kSeries.beta[j - 1] * std::cos(2 * j * xi) * std::sinh(2 * j * eta);
  }
  const double chi = std::asin(std::sin(xi_prime) / std::cosh(eta_prime));
  double latitude = chi;
  for (int j = 1; j <= 3; ++j) latitude += kSeries.delta[j - 1] * std::sin(2 * j * chi);
  const double central = 6.0 * zone - 183;
  return {.longitude = central + std::atan2(std::sinh(eta_prime), std::cos(xi_prime)) / kDegree,
          .latitude = latitude / kDegree};
}

double RoundToMillionth(double degrees) { return std::round(degrees * 1e6) / 1e6; }

int DigitOf(char c) { return c >= '0' && c <= '9' ? c - '0' : -1; }

bool AllDigits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return DigitOf(c) >= 0; });
}

}  // namespace

std::optional<GlobePoint> TileCentre(std::string_view tile) {
  if (tile.size() != 5 || !AllDigits(tile.substr(0, 2))) return std::nullopt;
  const int zone = DigitOf(tile[0]) * 10 + DigitOf(tile[1]);
  if (zone < 1 || zone > 60) return std::nullopt;
  const size_t band = kBands.find(tile[2]);
  const size_t column = kColumnSets[zone % 3].find(tile[3]);
  const size_t row = kRows.find(tile[4]);
  constexpr size_t kNone = std::string_view::npos;
  if (band == kNone || column == kNone || row == kNone) return std::nullopt;

  const double west_edge = static_cast<double>(column + 1) * kTileMetres;
  const size_t row_of_zone = zone % 2 == 0 ? (row + kRows.size() - 5) % kRows.size() : row;
  const bool south = tile[2] < 'N';
  const double band_south = -80.0 + 8.0 * static_cast<double>(band);
  const double false_northing = south ? kFalseNorthing : 0;
  const double least = NorthingOnMeridian(band_south) + false_northing - 2 * kTileMetres;
  double south_edge = static_cast<double>(row_of_zone) * kTileMetres;
  while (south_edge < least) south_edge += kRowCycleMetres;

  GlobePoint centre = InverseTransverseMercator(
      west_edge + kTileMetres / 2, south_edge + kTileMetres / 2 - false_northing, zone);
  centre.longitude = RoundToMillionth(centre.longitude);
  centre.latitude = RoundToMillionth(centre.latitude);
  if (centre.longitude >= 180) centre.longitude = RoundToMillionth(centre.longitude - 360);
  if (centre.longitude < -180) centre.longitude = RoundToMillionth(centre.longitude + 360);
  return centre;
}

std::optional<std::string_view> TileOfGranule(std::string_view id) {
  // HLS.L30.T15TVL.2024001T000609.v2.0
  if (id.size() != 34) return std::nullopt;
  const std::string_view product = id.substr(0, 9);
  if (product != "HLS.L30.T" && product != "HLS.S30.T") return std::nullopt;
  if (id[14] != '.' || id[22] != 'T' || id.substr(29) != ".v2.0") return std::nullopt;
  if (!AllDigits(id.substr(15, 7)) || !AllDigits(id.substr(23, 6))) return std::nullopt;
  return id.substr(9, 5);
}

GridCell CellOf(const GlobePoint& place) {
  const auto cell = [](double part) {
    const double scaled = std::floor(part * kCells);
    if (!(scaled > 0)) return uint32_t{0};  // also NaN
    return static_cast<uint32_t>(std::min<double>(scaled, kCells - 1));
  };
  return {.x = cell((place.longitude + 180) / 360), .y = cell((place.latitude + 90) / 180)};
}

uint32_t HilbertIndex(const GridCell& cell) {
  uint32_t x = cell.x;
  uint32_t y = cell.y;
  uint32_t index = 0;
  for (uint32_t side = kCells / 2; side > 0; side /= 2) {
    const uint32_t right = (x & side) != 0 ? 1 : 0;
    const uint32_t upper = (y & side) != 0 ? 1 : 0;
    index += side * side * ((3 * right) ^ upper);
    if (upper == 0) {
      if (right == 1) {
        x = kCells - 1 - x;
        y = kCells - 1 - y;
      }
      std::swap(x, y);
    }
  }
  return index;
}

uint32_t HilbertIndexOfBox(double west, double south, double east, double north) {
  double longitude = west <= east ? (west + east) / 2 : (west + east + 360) / 2;
  if (longitude >= 180) longitude -= 360;
  return HilbertIndex(CellOf({.longitude = longitude, .latitude = (south + north) / 2}));
}

uint32_t HilbertIndexOfItem(std::string_view id, double west, double south, double east,
                            double north) {
  if (const auto tile = TileOfGranule(id)) {
    if (const auto centre = TileCentre(*tile)) return HilbertIndex(CellOf(*centre));
  }
  return HilbertIndexOfBox(west, south, east, north);
}

}  // namespace catchment::stac
