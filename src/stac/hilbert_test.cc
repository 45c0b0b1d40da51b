#include "stac/hilbert.h"

#include <gtest/gtest.h>

#include <set>

namespace catchment::stac {
namespace {

struct KnownTile {
  std::string_view name;
  double longitude, latitude;
  uint32_t x, y, index;
};

TEST(HilbertTest, TilesHaveTheCentreTheCellAndTheIndexOfTheTable) {
  constexpr KnownTile kTiles[] = {
      {"15TVL", -93.641141, 45.601744, 3930, 12342, 100605144},
      {"19LBJ", -71.283360, -10.395137, 4947, 7245, 49619446},
      {"01WEV", -175.577238, 71.645670, 201, 14713, 88198952},
      {"01KAB", 179.718434, -16.706765, 16371, 6671, 205258576},
  };
  for (const KnownTile& known : kTiles) {
    const auto centre = TileCentre(known.name);
    ASSERT_TRUE(centre.has_value()) << known.name;
    EXPECT_DOUBLE_EQ(centre->longitude, known.longitude) << known.name;
    EXPECT_DOUBLE_EQ(centre->latitude, known.latitude) << known.name;
    const GridCell cell = CellOf(*centre);
    EXPECT_EQ(cell.x, known.x) << known.name;
    EXPECT_EQ(cell.y, known.y) << known.name;
    EXPECT_EQ(HilbertIndex(cell), known.index) << known.name;
  }
}

TEST(HilbertTest, TheCurveBeginsEastwardsAndEndsInTheSouthEast) {
  EXPECT_EQ(HilbertIndex({0, 0}), 0u);
  EXPECT_EQ(HilbertIndex({1, 0}), 1u);
  EXPECT_EQ(HilbertIndex({1, 1}), 2u);
  EXPECT_EQ(HilbertIndex({0, 1}), 3u);
  EXPECT_EQ(HilbertIndex({16383, 0}), 268435455u);
}

TEST(HilbertTest, EveryCellOfASquareHasAnIndexOfItsOwn) {
  std::set<uint32_t> seen;
  for (uint32_t x = 0; x < 64; ++x) {
    for (uint32_t y = 0; y < 64; ++y) seen.insert(HilbertIndex({x, y}));
  }
  EXPECT_EQ(seen.size(), 64u * 64u);
  EXPECT_EQ(*seen.rbegin(), 64u * 64u - 1);
}

TEST(HilbertTest, WhatNamesNoTileHasNoCentre) {
  for (const std::string_view name :
       {"", "15TVLX", "00TVL", "61TVL", "1ATVL", "15IVL", "15TAL", "15TVI", "15tvl", "15AVL"}) {
    EXPECT_FALSE(TileCentre(name).has_value()) << name;
  }
}

TEST(HilbertTest, AGranulesIdNamesItsTileOnlyInFull) {
  EXPECT_EQ(TileOfGranule("HLS.S30.T01WEV.2024153T000609.v2.0"), "01WEV");
  EXPECT_EQ(TileOfGranule("HLS.L30.T15TVL.2024001T000000.v2.0"), "15TVL");
  for (const std::string_view id :
       {"", "HLS.S30.T01WEV", "HLS.X30.T01WEV.2024153T000609.v2.0",
        "HLS.S30.T01WEV.2024153T000609.v1.5", "HLS.S30.T01WEV.2024153T00060x.v2.0"}) {
    EXPECT_FALSE(TileOfGranule(id).has_value()) << id;
  }
}

TEST(HilbertTest, PlacesOutsideTheGlobeFallIntoTheOutermostCells) {
  EXPECT_EQ(CellOf({180, 90}).x, 16383u);
  EXPECT_EQ(CellOf({180, 90}).y, 16383u);
  EXPECT_EQ(CellOf({-500, -500}).x, 0u);
  EXPECT_EQ(CellOf({-500, -500}).y, 0u);
}

TEST(HilbertTest, ABoxAcrossTheAntimeridianHasItsCentreThere) {
  EXPECT_EQ(HilbertIndexOfBox(170, -10, -170, 10), HilbertIndex(CellOf({-180, 0})));
  EXPECT_EQ(HilbertIndexOfBox(170, -10, -178, 10), HilbertIndex(CellOf({176, 0})));
}

TEST(HilbertTest, AnItemIsOrderedByItsTileElseByItsBox) {
  EXPECT_EQ(HilbertIndexOfItem("HLS.S30.T15TVL.2024153T000609.v2.0", 0, 0, 1, 1), 100605144u);
  EXPECT_EQ(HilbertIndexOfItem("S2A_MSIL2A", 10, 20, 12, 22), HilbertIndex(CellOf({11, 21})));
}

}  // namespace
}  // namespace catchment::stac
