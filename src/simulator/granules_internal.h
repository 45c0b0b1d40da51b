#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "simulator/tile_grid_internal.h"

namespace catchment::simulator {

/// One of the two HLS collections.
struct HlsProduct {
  std::string_view collection;  ///< HLSL30_2.0
  std::string_view concept_id;  ///< C2021957657-LPCLOUD
  std::string_view directory;   ///< HLSL30.020
  std::string_view sensor;      ///< L30
  std::string_view origin;      ///< first day
};
constexpr std::array<HlsProduct, 2> kHlsProducts = {
    {{"HLSL30_2.0", "C2021957657-LPCLOUD", "HLSL30.020", "L30", "2013-04-11"},
     {"HLSS30_2.0", "C2021957295-LPCLOUD", "HLSS30.020", "S30", "2015-11-28"}}};
constexpr size_t kL30 = 0, kS30 = 1;

/// A rectangle of longitudes and latitudes; west > east crosses the antimeridian.
struct GeoBox {
  double west = -180, south = -90, east = 180, north = 90;
};

/// A ring, not closed. Longitudes of one ring do not jump: they may pass −180 or 180.
using GeoRing = std::vector<LonLat>;

/// Whether the area of `ring` and `box` have a point in common, seen as plane figures.
bool RingMeetsBox(const GeoRing& ring, const GeoBox& box);

struct GranuleQuery {
  std::array<bool, kHlsProducts.size()> products{};
  std::optional<Time> from, to;  ///< both included; a granule counts if its time touches them
  std::optional<GeoBox> box;
  std::optional<Time> updated_since;
  Time now;
};

/// The order of answers.
struct GranuleKey {
  int64_t start_ms = 0;  ///< of its beginning, since 1970
  int64_t number = 0;    ///< of `G<number>-LPCLOUD`
  auto operator<=>(const GranuleKey&) const = default;
};

/// One granule of a catalogue, to be handed back to it.
struct GranuleHandle {
  GranuleKey key;
  uint32_t product = 0;
  int32_t day = 0;  ///< since 1970
  int32_t index = 0;
};

/// What an entry of the search answer is made otherwise for.
struct EntryFaults {
  bool no_link = false;     ///< none of the links to the item
  bool other_link = false;  ///< another one than its title tells
};

/// What an item is made otherwise for.
struct ItemFaults {
  bool wrong_type = false;     ///< eo:cloud_cover is text
  bool null_geometry = false;  ///< geometry null, bbox absent
  bool other_id = false;       ///< of another granule
  bool new_property = false;
  bool new_asset = false;
};

struct GranuleItem {
  std::string body;
  std::string etag;  ///< with its quotes
};

/// The granules of a world. Thread-safe: nothing changes.
class GranuleCatalogue {
 public:
  virtual ~GranuleCatalogue() = default;
  /// How many match; the first `most` of them behind `after` go to `found`, in order.
  virtual int64_t Find(const GranuleQuery& query, const std::optional<GranuleKey>& after,
                       size_t most, std::vector<GranuleHandle>& found) const = 0;
  /// Append an entry of a search answer, as JSON.
  virtual void AppendEntry(const GranuleHandle& granule, Time now, const EntryFaults& faults,
                           std::string& to) const = 0;
  /// The STAC item of that title, if it is there at `now`.
  virtual std::optional<GranuleItem> Item(std::string_view title, Time now,
                                          const ItemFaults& faults) const = 0;
};

}  // namespace catchment::simulator
