#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace catchment::sources::cmr {

/// Depth to which a page may be nested.
inline constexpr int kMostPageDepth = 32;

/// What is used of an entry of CMR's granule search.
struct CmrEntry {
  std::string concept_id;  ///< `G3790086838-LPCLOUD`
  std::string title;       ///< the id of its STAC item; empty if absent
  Time updated{};
  Time time_start{};
  std::optional<Time> time_end;
  /// The first link of the scheme that ends with `_stac.json`; empty if there is none.
  std::string https_link, s3_link;
};

/// Parses pages of `granules.json`; keeps its buffers from one to the next. Not thread-safe.
///
/// A page has up to 2,000 entries and 29 MB, of which little is used. kCorrupt: not JSON, cut off,
/// nested deeper than kMostPageDepth, an entry without id, or with a time that is none.
/// Source: docs/pipelines/hls-stac.md, granule search. Sample: tests/data/hls.
class CmrPageParser {
 public:
  CmrPageParser();
  ~CmrPageParser();
  /// `body` is changed: padding is put behind it.
  Result<std::vector<CmrEntry>> Parse(std::string& body);

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

/// What a title of HLS says: `HLS.L30.T15TVL.2025276T165850.v2.0`.
struct HlsTitle {
  std::string_view sensor;  ///< `L30`, `S30`
  std::string_view tile;    ///< `15TVL`
};
/// Null: not such a title.
std::optional<HlsTitle> ParseHlsTitle(std::string_view title);

enum class ItemScheme { kHttps, kS3 };

/// Where the item of a title lies by the archive's rule; empty for what is no title of HLS.
std::string DerivedItemLink(std::string_view title, ItemScheme scheme);

/// The text of the member `id` of a STAC item, after a look at the whole text.
enum class ItemLook { kGood, kNotJson, kBadUtf8, kNotAnItem, kNoId };
struct ItemId {
  ItemLook look = ItemLook::kNotJson;
  std::string id;
};

/// Looks at bodies that should be items. Not thread-safe.
class ItemLooker {
 public:
  ItemLooker();
  ~ItemLooker();
  /// Whether `body` is one JSON object, and its `id`. Grammar is checked down to the values of the
  /// members of the top; what is below is for whoever reads the item.
  ItemId Look(std::string_view body);

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

}  // namespace catchment::sources::cmr
