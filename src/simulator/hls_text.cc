#include "simulator/hls_text_internal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <span>

#include "base/result.h"

namespace catchment::simulator {
namespace {

constexpr std::string_view kTitleMark = "HLS.###.T#####.#######T######.v2.0";
static_assert(kTitleMark.size() == kHlsTitleLength);

constexpr std::string_view kHost = "https://data.lpdaac.earthdatacloud.nasa.gov";

struct Band {
  std::string_view name;
  std::string_view common_name;  // empty: none
  std::string_view center_wavelength, full_width_half_max;
};
constexpr Band kBandsOfL30[] = {
    {"B01", "coastal", "0.48", "0.02"}, {"B02", "blue", "0.44", "0.06"},
    {"B03", "green", "0.56", "0.06"},   {"B04", "red", "0.65", "0.04"},
    {"B05", "nir", "0.86", "0.03"},     {"B06", "swir16", "1.6", "0.08"},
    {"B07", "swir22", "2.2", "0.2"},    {"B09", "cirrus", "1.37", "0.02"},
    {"B10", "lwir11", "10.9", "0.8"},   {"B11", "lwir12", "12.0", "1.0"}};
constexpr Band kBandsOfS30[] = {
    {"B01", "coastal", "0.4439", "0.027"}, {"B02", "blue", "0.4966", "0.098"},
    {"B03", "green", "0.56", "0.045"},     {"B04", "red", "0.6645", "0.038"},
    {"B05", "", "0.7039", "0.019"},        {"B06", "", "0.7402", "0.018"},
    {"B07", "", "0.7825", "0.028"},        {"B08", "nir", "0.8351", "0.145"},
    {"B8A", "", "0.8648", "0.033"},        {"B09", "", "0.945", "0.026"},
    {"B10", "cirrus", "1.3735", "0.075"},  {"B11", "swir16", "1.6137", "0.143"},
    {"B12", "swir22", "2.22024", "0.242"}};
constexpr std::string_view kQuality[] = {"Fmask", "SZA", "SAA", "VZA", "VAA"};
// In the order of one recorded answer each.
constexpr std::string_view kFilesOfL30[] = {"B10", "B01", "B05",   "B03", "B09",
                                            "SAA", "VZA", "Fmask", "B11", "B02",
                                            "B04", "SZA", "B07",   "B06", "VAA"};
constexpr std::string_view kFilesOfS30[] = {"B04", "SAA", "B08", "B10",   "B11", "B12",
                                            "VZA", "B05", "B07", "VAA",   "B09", "B8A",
                                            "B06", "SZA", "B03", "Fmask", "B01", "B02"};

bool IsL30(const HlsProduct& product) { return product.sensor == "L30"; }

std::span<const Band> BandsOf(const HlsProduct& product) {
  if (IsL30(product)) return kBandsOfL30;
  return kBandsOfS30;
}

std::span<const std::string_view> FilesOf(const HlsProduct& product) {
  if (IsL30(product)) return kFilesOfL30;
  return kFilesOfS30;
}

std::string_view DoiOf(const HlsProduct& product) {
  return IsL30(product) ? "10.5067/HLS/HLSL30.002" : "10.5067/HLS/HLSS30.002";
}

std::string AssetText(const HlsProduct& product, std::string_view name, std::string_view band) {
  return fmt::format(
      R"("{1}": {{"href": "{0}/lp-prod-protected/{2}/{3}/{3}.{1}.tif", "type": )"
      R"("image/tiff; application=geotiff; profile=cloud-optimized", "eo:bands": [{{{4}}}], )"
      R"("roles": ["data"]}}, )",
      kHost, name, product.directory, kTitleMark, band);
}

std::string AssetsText(const HlsProduct& product, bool new_asset) {
  std::string text;
  for (const Band& band : BandsOf(product)) {
    std::string fields = fmt::format(R"("name": "{}", )", band.name);
    if (!band.common_name.empty())
      fields += fmt::format(R"("common_name": "{}", )", band.common_name);
    fields += fmt::format(R"("center_wavelength": {}, "full_width_half_max": {})",
                          band.center_wavelength, band.full_width_half_max);
    text += AssetText(product, band.name, fields);
  }
  for (const std::string_view name : kQuality) {
    text += AssetText(product, name, fmt::format(R"("name": "{}")", name));
  }
  if (new_asset) text += AssetText(product, "Shadow", R"("name": "Shadow")");
  text.resize(text.size() - 2);
  return text;
}

void AppendNumber(int64_t number, std::string& to) {
  std::array<char, 24> digits;
  to.append(digits.data(), std::to_chars(digits.begin(), digits.end(), number).ptr);
}

void AppendPadded(uint64_t number, size_t width, std::string& to) {
  std::array<char, 20> digits;
  for (size_t i = width; i-- > 0; number /= 10) digits[i] = static_cast<char>('0' + number % 10);
  to.append(digits.data(), width);
}

// Rounded to so many decimals, without closing zeros, but with one decimal at least.
void AppendDecimal(double value, size_t decimals, std::string& to) {
  int64_t unit = 1;
  for (size_t i = 0; i < decimals; ++i) unit *= 10;
  const int64_t scaled = std::llround(value * static_cast<double>(unit));
  if (scaled < 0) to += '-';
  const auto size = static_cast<uint64_t>(std::abs(scaled));
  AppendNumber(static_cast<int64_t>(size / static_cast<uint64_t>(unit)), to);
  to += '.';
  AppendPadded(size % static_cast<uint64_t>(unit), decimals, to);
  for (size_t i = 1; i < decimals && to.back() == '0'; ++i) to.pop_back();
}

void AppendTime(Time time, size_t decimals, std::string& to) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto micros = static_cast<uint64_t>((time - day).count());
  AppendPadded(static_cast<uint64_t>(static_cast<int>(date.year())), 4, to);
  to += '-';
  AppendPadded(static_cast<unsigned>(date.month()), 2, to);
  to += '-';
  AppendPadded(static_cast<unsigned>(date.day()), 2, to);
  to += 'T';
  AppendPadded(micros / 3'600'000'000, 2, to);
  to += ':';
  AppendPadded(micros / 60'000'000 % 60, 2, to);
  to += ':';
  AppendPadded(micros / 1'000'000 % 60, 2, to);
  to += '.';
  AppendPadded(decimals == 3 ? micros / 1000 % 1000 : micros % 1'000'000, decimals, to);
  to += 'Z';
}

// "lat lon lat lon …", counter-clockwise and closed.
void AppendPolygon(const GeoRing& ring, std::string& to) {
  for (size_t i = 0; i <= ring.size(); ++i) {
    const LonLat& point = ring[(ring.size() - i) % ring.size()];
    if (i > 0) to += ' ';
    AppendDecimal(point.lat, 7, to);
    to += ' ';
    AppendDecimal(point.lon, 7, to);
  }
}

void AppendGeometry(const std::vector<GeoRing>& rings, std::string& to) {
  to += R"({"type": "MultiPolygon", "coordinates": [)";
  for (size_t i = 0; i < rings.size(); ++i) {
    to += i == 0 ? "[[" : ", [[";
    for (size_t k = 0; k <= rings[i].size(); ++k) {
      const LonLat& point = rings[i][k % rings[i].size()];
      to += k == 0 ? "[" : ", [";
      AppendDecimal(point.lon, 6, to);
      to += ", ";
      AppendDecimal(point.lat, 6, to);
      to += ']';
    }
    to += "]]";
  }
  to += "]}";
}

void AppendProperties(const GranuleFacts& facts, const ItemFaults& faults, std::string& to) {
  const HlsProduct& product = kHlsProducts[facts.product];
  to += R"(", "properties": {"start_datetime": ")";
  AppendTime(facts.start, 6, to);
  to += R"(", "end_datetime": ")";
  AppendTime(facts.end, 6, to);
  to += R"(", "platform": ")";
  to += facts.platform;
  to += IsL30(product) ? R"(", "instruments": ["oli"], "eo:cloud_cover": )"
                       : R"(", "instruments": ["msi"], "eo:cloud_cover": )";
  if (faults.wrong_type) to += '"';
  AppendNumber(facts.cloud_cover, to);
  if (faults.wrong_type) {
    to += " percent\"";
  } else if (!facts.whole_cloud_cover) {
    to += ".0";
  }
  if (facts.has_projection) {
    to += R"(, "proj:transform": [30.0, 0.0, )";
    AppendDecimal(facts.easting, 1, to);
    to += ", 0.0, -30.0, ";
    AppendDecimal(facts.northing, 1, to);
    to += R"(, 0.0, 0.0, 1.0], "proj:shape": [3660, 3660])";
  }
  to += R"(, "proj:epsg": )";
  AppendNumber(facts.epsg, to);
  to += R"(, "view:sun_azimuth": )";
  AppendDecimal(facts.sun_azimuth, 8, to);
  to += R"(, "view:azimuth": )";
  AppendDecimal(facts.azimuth, 8, to);
  to += R"(, "sci:doi": ")";
  to += DoiOf(product);
  to += R"(", "datetime": ")";
  AppendTime(facts.start, 6, to);
  to += '"';
  if (facts.has_software) {
    to += R"(, "processing:software": {"Cloud Masking": "Fmask 4.7", "Atmospheric Correction": )"
          R"("LaSRC 3.5.8"})";
  }
  if (faults.new_property) {
    to += R"(, "hls:quality": {"score": 0.75, "flags": ["haze", null]})";
  }
  to += '}';
}

}  // namespace

HlsText::HlsText() {
  for (const HlsProduct& product : kHlsProducts) {
    Texts& texts = texts_.emplace_back();
    texts.entry_links = MakeTitled(LinksOfEntry(product, {}));
    texts.entry_links_missing = MakeTitled(LinksOfEntry(product, {.no_link = true}));
    texts.entry_links_other = MakeTitled(LinksOfEntry(product, {.other_link = true}));
    texts.item_links = MakeTitled(fmt::format(
        R"(, "links": [{{"rel": "self", "href": "{0}/lp-prod-public/{1}/{2}/{2}_stac.json", )"
        R"("type": "application/json"}}, {{"rel": "cite-as", "href": "https://doi.org/{3}"}}])",
        kHost, product.directory, kTitleMark, DoiOf(product)));
    texts.assets = MakeTitled(AssetsText(product, false));
    texts.assets_new = MakeTitled(AssetsText(product, true));
    texts.thumbnail = MakeTitled(
        fmt::format(R"(, "thumbnail": {{"href": "{0}/lp-prod-public/{1}/{2}/{2}.jpg", "type": )"
                    R"("image/jpeg", "roles": ["thumbnail"]}})",
                    kHost, product.directory, kTitleMark));
  }
}

HlsText::Titled HlsText::MakeTitled(std::string text) {
  Titled titled{std::move(text), {}};
  for (size_t at = titled.text.find(kTitleMark); at != std::string::npos;
       at = titled.text.find(kTitleMark, at + kHlsTitleLength)) {
    titled.places.push_back(at);
  }
  return titled;
}

void HlsText::Append(const Titled& titled, std::string_view title, std::string& to) {
  const size_t begin = to.size();
  to += titled.text;
  for (const size_t place : titled.places) {
    std::memcpy(to.data() + begin + place, title.data(), kHlsTitleLength);
  }
}

std::string HlsText::LinksOfEntry(const HlsProduct& product, const EntryFaults& faults) {
  constexpr std::string_view kS3Title =
      "This link provides direct download access via S3 to the granule";
  std::string text;
  const auto link = [&](std::string_view kind, std::string_view title, std::string_view href) {
    text += fmt::format(
        R"({{"rel":"http://esipfed.org/ns/fedsearch/1.1/{}#","title":"{}","hreflang":"en-US",)"
        R"("href":"{}"}},)",
        kind, title, href);
  };
  const auto inherited = [&](std::string_view kind, std::string_view href,
                             std::string_view more = "") {
    text += fmt::format(R"({{"inherited":true,{}"rel":"http://esipfed.org/ns/fedsearch/1.1/{}#",)"
                        R"("hreflang":"en-US","href":"{}"}},)",
                        more, kind, href);
  };
  const auto path = [&](std::string_view bucket, std::string_view ending) {
    return fmt::format("{0}/{1}/{2}/{2}{3}", bucket, product.directory, kTitleMark, ending);
  };
  const auto download = [&](std::string_view ending, std::string_view more = "") {
    return fmt::format("Download {}{}{}", kTitleMark, ending, more);
  };
  constexpr std::string_view kExtended = " (EXTENDED METADATA)";
  for (const std::string_view file : FilesOf(product)) {
    const std::string ending = fmt::format(".{}.tif", file);
    link("data", download(ending), fmt::format("{}/{}", kHost, path("lp-prod-protected", ending)));
  }
  for (const std::string_view file : FilesOf(product)) {
    link("s3", kS3Title, "s3://" + path("lp-prod-protected", fmt::format(".{}.tif", file)));
  }
  const std::string item = faults.other_link ? "/v2/" + path("lp-prod-public", "_stac.json")
                                             : "/" + path("lp-prod-public", "_stac.json");
  if (!faults.no_link) {
    link("metadata", download("_stac.json", kExtended), fmt::format("{}{}", kHost, item));
  }
  link("metadata", download(".cmr.xml", kExtended),
       fmt::format("{}/{}", kHost, path("lp-prod-protected", ".cmr.xml")));
  if (!faults.no_link) {
    link("metadata", fmt::format("{}{}", kS3Title, kExtended),
         "s3://" + path("lp-prod-public", "_stac.json"));
  }
  link("metadata", fmt::format("{}{}", kS3Title, kExtended),
       "s3://" + path("lp-prod-protected", ".cmr.xml"));
  link("metadata",
       "api endpoint to retrieve temporary credentials valid for same-region direct s3 access "
       "(VIEW RELATED INFORMATION)",
       fmt::format("{}/s3credentials", kHost));
  link("browse", download(".jpg"), fmt::format("{}/{}", kHost, path("lp-prod-public", ".jpg")));
  link("browse", kS3Title, "s3://" + path("lp-prod-public", ".jpg"));
  inherited("data",
            fmt::format("https://search.earthdata.nasa.gov/search?q={}", product.concept_id),
            R"("length":"20MB",)");
  inherited("metadata", fmt::format("https://doi.org/{}", DoiOf(product)));
  inherited("metadata", "https://www.earthdata.nasa.gov/centers/lp-daac");
  inherited("documentation", "https://lpdaac.usgs.gov/documents/1698/HLS_User_Guide_V2.pdf");
  inherited("documentation", "https://lpdaac.usgs.gov/documents/769/HLS_ATBD_V15_provisional.pdf");
  inherited("documentation", "https://lpdaac.usgs.gov/documents/1117/HLS_Quick_Guide_v02.pdf");
  for (const char* part :
       {"blob/main/python/tutorials/HLS_Tutorial.ipynb", "tree/main/python/scripts/HLS_SuPER",
        "tree/main/bash/hls-bulk-download", "blob/main/r/HLS_Tutorial.Rmd"}) {
    inherited("documentation", fmt::format("https://github.com/nasa/HLS-Data-Resources/{}", part));
  }
  inherited("data", "https://appeears.earthdatacloud.nasa.gov/");
  text.pop_back();
  return text;
}

void HlsText::AppendEntry(const GranuleFacts& facts, const EntryFaults& faults,
                          std::string& to) const {
  const HlsProduct& product = kHlsProducts[facts.product];
  to += R"({"producer_granule_id":")";
  to += std::string_view(facts.title).substr(0, kHlsTitleLength - 5);  // without the version
  to += R"(","time_start":")";
  AppendTime(facts.start, 3, to);
  to += R"(","cloud_cover":")";
  AppendNumber(facts.cloud_cover, to);
  to += R"(","updated":")";
  AppendTime(facts.updated, 3, to);
  to += IsL30(product)
            ? R"(","dataset_id":"HLS Landsat Operational Land Imager Surface Reflectance and TOA )"
              R"(Brightness Daily Global 30m v2.0)"
            : R"(","dataset_id":"HLS Sentinel-2 Multi-spectral Instrument Surface Reflectance )"
              R"(Daily Global 30m v2.0)";
  to += R"(","data_center":"LPCLOUD","title":")";
  to += facts.title;
  to += R"(","coordinate_system":"GEODETIC","day_night_flag":"DAY","time_end":")";
  AppendTime(facts.end, 3, to);
  to += R"(","id":"G)";
  AppendNumber(facts.number, to);
  to += R"(-LPCLOUD","original_format":"ECHO10","browse_flag":true,"polygons":[)";
  for (size_t i = 0; i < facts.rings.size(); ++i) {
    to += i == 0 ? "[\"" : ",[\"";
    AppendPolygon(facts.rings[i], to);
    to += "\"]";
  }
  to += R"(],"collection_concept_id":")";
  to += product.concept_id;
  to += R"(","online_access_flag":true,"links":[)";
  const Texts& texts = texts_[facts.product];
  Append(faults.no_link      ? texts.entry_links_missing
         : faults.other_link ? texts.entry_links_other
                             : texts.entry_links,
         facts.title, to);
  to += "]}";
}

void HlsText::AppendItem(const GranuleFacts& facts, const ItemFaults& faults,
                         std::string& to) const {
  const Texts& texts = texts_[facts.product];
  to += R"({"type": "Feature", "stac_version": "1.0.0", "id": ")";
  to += facts.title;
  if (faults.other_id) to += "-other";
  AppendProperties(facts, faults, to);
  to += R"(, "geometry": )";
  if (faults.null_geometry) {
    to += "null";
  } else {
    AppendGeometry(facts.rings, to);
  }
  Append(texts.item_links, facts.title, to);
  to += R"(, "assets": {)";
  Append(faults.new_asset ? texts.assets_new : texts.assets, facts.title, to);
  if (facts.has_thumbnail) Append(texts.thumbnail, facts.title, to);
  to += '}';
  if (!faults.null_geometry) {
    to += R"(, "bbox": [)";
    AppendDecimal(facts.bounds.west, 6, to);
    to += ", ";
    AppendDecimal(facts.bounds.south, 6, to);
    to += ", ";
    AppendDecimal(facts.bounds.east, 6, to);
    to += ", ";
    AppendDecimal(facts.bounds.north, 6, to);
    to += ']';
  }
  to += R"(, "stac_extensions": ["https://stac-extensions.github.io/eo/v1.0.0/schema.json", )"
        R"("https://stac-extensions.github.io/projection/v1.0.0/schema.json", )"
        R"("https://stac-extensions.github.io/view/v1.0.0/schema.json", )"
        R"("https://stac-extensions.github.io/scientific/v1.0.0/schema.json"]})";
}

std::vector<GeoRing> SplitAtAntimeridian(const GeoRing& ring) {
  const auto rounded = [](double degrees) { return std::round(degrees * 1e6) / 1e6; };
  double low = 1e9, high = -1e9;
  for (const LonLat& point : ring) {
    low = std::min(low, point.lon);
    high = std::max(high, point.lon);
  }
  // Keeps the side of `edge` where `sign * lon` is smaller, moved by `turn`.
  const auto side = [&](double edge, double sign, double turn) {
    GeoRing kept;
    for (size_t i = 0; i < ring.size(); ++i) {
      const LonLat &a = ring[i], &b = ring[(i + 1) % ring.size()];
      const bool a_in = sign * a.lon <= sign * edge, b_in = sign * b.lon <= sign * edge;
      if (a_in) kept.push_back({rounded(a.lon + turn), rounded(a.lat)});
      if (a_in != b_in) {
        const double lat = a.lat + (b.lat - a.lat) * (edge - a.lon) / (b.lon - a.lon);
        kept.push_back({rounded(edge + turn), rounded(lat)});
      }
    }
    return kept;
  };
  if (high > 180 && low < 180) return {side(180, 1, 0), side(180, -1, -360)};
  if (low < -180 && high > -180) return {side(-180, 1, 360), side(-180, -1, 0)};
  const double turn = low >= 180 ? -360 : high <= -180 ? 360 : 0;
  return {side(1e6, 1, turn)};
}

GeoBox BoundsOf(const std::vector<GeoRing>& rings) {
  GeoBox bounds{1e9, 1e9, -1e9, -1e9};
  for (const GeoRing& ring : rings) {
    for (const LonLat& point : ring) {
      bounds.west = std::min(bounds.west, point.lon);
      bounds.east = std::max(bounds.east, point.lon);
      bounds.south = std::min(bounds.south, point.lat);
      bounds.north = std::max(bounds.north, point.lat);
    }
  }
  if (rings.size() > 1) bounds.west = -180, bounds.east = 180;
  return bounds;
}

}  // namespace catchment::simulator
