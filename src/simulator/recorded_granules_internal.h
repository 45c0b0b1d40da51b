#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "simulator/granules_internal.h"
#include "simulator/world.h"

namespace catchment::simulator {

/// Granules of recorded search answers and STAC items. An item without a recorded entry gets one
/// that is made from it; an entry without an item has none.
class RecordedGranules final : public GranuleCatalogue {
 public:
  /// kNotFound, kCorrupt: a file is missing or no such data; names file and line.
  static Result<std::unique_ptr<RecordedGranules>> Load(const CmrWorld& world);

  int64_t Find(const GranuleQuery& query, const std::optional<GranuleKey>& after, size_t most,
               std::vector<GranuleHandle>& found) const override;
  void AppendEntry(const GranuleHandle& granule, Time now, const EntryFaults& faults,
                   std::string& to) const override;
  std::optional<GranuleItem> Item(std::string_view title, Time now,
                                  const ItemFaults& faults) const override;

 private:
  struct Granule {
    GranuleKey key;
    size_t product = kL30;
    std::string title;
    Time start, end, updated;
    std::vector<GeoRing> rings;
    std::string entry, item;
  };
  RecordedGranules() = default;
  Status AddEntry(const std::string& text);
  Status AddItem(const std::string& text);
  Granule* Named(std::string_view title);

  // Constant after Load.
  std::vector<Granule> granules_;  // in the order of their keys
  std::map<std::string, size_t, std::less<>> by_title_;
};

}  // namespace catchment::simulator
