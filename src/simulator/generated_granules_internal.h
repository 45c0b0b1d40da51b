#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "simulator/granules_internal.h"
#include "simulator/hls_text_internal.h"
#include "simulator/world.h"

namespace catchment::simulator {

/// Granules made up from the world's seed: nothing is kept but the tiles; each granule follows from
/// (seed, collection, day, number within the day), and a title leads back to that number, as the
/// tiles of a day are a permutation that can be undone.
class GeneratedGranules final : public GranuleCatalogue {
 public:
  /// `seed` of the world.
  GeneratedGranules(const CmrWorld& world, uint64_t seed);

  int64_t Find(const GranuleQuery& query, const std::optional<GranuleKey>& after, size_t most,
               std::vector<GranuleHandle>& found) const override;
  void AppendEntry(const GranuleHandle& granule, Time now, const EntryFaults& faults,
                   std::string& to) const override;
  std::optional<GranuleItem> Item(std::string_view title, Time now,
                                  const ItemFaults& faults) const override;

  /// Granules of a day, whether visible or not. `day` since 1970.
  int64_t CountOfDay(size_t product, int32_t day) const;

 private:
  // How the slots (tile, pass) of a day are dealt out: number i has slot multiplier · i + offset.
  struct DayPlan {
    int64_t count = 0;
    uint64_t multiplier = 1, offset = 0;
  };
  // What is known of a granule without its place and text.
  struct Life {
    uint64_t chance = 0;  // seeds its further draws
    Time start, end;
    Time visible, revised, deleted;  // `revised`, `deleted`: Time::max() if never
  };

  uint64_t slots() const { return 2 * grid_.tiles().size(); }
  DayPlan PlanOf(size_t product, int32_t day) const;
  uint64_t SlotOf(const DayPlan& plan, int64_t index) const;
  Life LifeOf(size_t product, int32_t day, int64_t index, int64_t count) const;
  size_t TileOf(const DayPlan& plan, int64_t index) const;
  GeoRing RingOf(const LandTile& tile, const Life& life) const;
  std::string TitleOf(size_t product, const LandTile& tile, const Life& life) const;
  GranuleFacts FactsOf(size_t product, int32_t day, int64_t index, const DayPlan& plan,
                       const Life& life, Time now) const;
  bool Matches(const GranuleQuery& query, const std::vector<char>& tiles, const DayPlan& plan,
               int64_t index, const Life& life) const;

  // Constant after construction.
  const CmrWorld world_;
  const uint64_t seed_;
  const TileGrid grid_;
  const uint64_t second_pass_;
  const std::array<Time, kHlsProducts.size()> origins_;
  const HlsText text_;
};

}  // namespace catchment::simulator
