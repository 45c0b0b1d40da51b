#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "simulator/granules_internal.h"

namespace catchment::simulator {

/// Length of `HLS.S30.T01WEV.2024153T000609.v2.0`: that of every title.
constexpr size_t kHlsTitleLength = 34;

/// All that the texts of one granule are made of.
struct GranuleFacts {
  size_t product = kL30;
  std::string title;
  int64_t number = 0;  ///< of its concept id
  Time start, end;     ///< entries show milliseconds, items microseconds
  Time updated;
  int cloud_cover = 0;             ///< percent
  bool whole_cloud_cover = false;  ///< spelled `18`, not `18.0`
  std::string_view platform;
  bool has_projection = true;  ///< proj:transform and proj:shape
  double easting = 0, northing = 0;
  int epsg = 0;
  double sun_azimuth = 0, azimuth = 0;
  bool has_software = false;
  bool has_thumbnail = true;
  std::vector<GeoRing> rings;  ///< clockwise, not closed, within −180 and 180
  GeoBox bounds;
};

/// Writes entries and items of granules: memory is copied, a title put in wherever one stands.
/// Immutable.
class HlsText {
 public:
  HlsText();

  /// Append an entry of granules.json, with all of its 48 or 54 links.
  void AppendEntry(const GranuleFacts& facts, const EntryFaults& faults, std::string& to) const;
  /// Append a STAC item, spaced as published.
  void AppendItem(const GranuleFacts& facts, const ItemFaults& faults, std::string& to) const;

 private:
  // A text in which one title, or parts of it, stand at known places.
  struct Titled {
    std::string text;
    std::vector<size_t> places;
  };
  static Titled MakeTitled(std::string text);
  static void Append(const Titled& titled, std::string_view title, std::string& to);
  static std::string LinksOfEntry(const HlsProduct& product, const EntryFaults& faults);

  struct Texts {
    Titled entry_links, entry_links_missing, entry_links_other;
    Titled item_links;
    Titled assets, assets_new;
    Titled thumbnail;
  };
  std::vector<Texts> texts_;  // of each product
};

/// The rings of a ring whose longitudes may pass ±180: one, or one on each side. Rounded to six
/// decimals. `ring` is convex.
std::vector<GeoRing> SplitAtAntimeridian(const GeoRing& ring);

/// The smallest box around `rings`; if there are several, from −180 to 180.
GeoBox BoundsOf(const std::vector<GeoRing>& rings);

}  // namespace catchment::simulator
