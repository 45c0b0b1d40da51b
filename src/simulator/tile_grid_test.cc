#include "simulator/tile_grid_internal.h"

#include <gtest/gtest.h>

#include <set>

namespace catchment::simulator {
namespace {

TEST(TileGridTest, SquaresLieWhereTheMilitaryGridPutsThem) {
  const TileGrid grid(1'000'000);
  struct Known {
    const char* name;
    double easting, northing;  // of recorded items' transforms
    LonLat lower_right;        // of recorded polygons
  };
  for (const Known& known : {Known{"15TVL", 399960, 5100000, {-92.876026, 45.065193}},
                             Known{"19LBJ", 199980, -1099980, {-70.740635, -10.938972}},
                             Known{"01WEV", 499980, 8000040, {-173.963758, 71.090475}},
                             Known{"15UYR", 699960, 5600040, {-88.722630, 49.485620}}}) {
    const int number = grid.Find(known.name);
    ASSERT_GE(number, 0) << known.name;
    const LandTile& tile = grid.tiles()[static_cast<size_t>(number)];
    EXPECT_EQ(tile.easting, known.easting) << known.name;
    EXPECT_EQ(tile.northing, known.northing) << known.name;
    EXPECT_NEAR(tile.corners[2].lon, known.lower_right.lon, 1.5e-6);
    EXPECT_NEAR(tile.corners[2].lat, known.lower_right.lat, 1.5e-6);
  }
}

TEST(TileGridTest, HasEighteenThousandTilesOnBothSidesOfEverything) {
  const TileGrid grid(18'000);
  ASSERT_EQ(grid.tiles().size(), 18'000u);
  std::set<std::string> names;
  size_t south = 0, crossing = 0;
  for (const LandTile& tile : grid.tiles()) {
    names.insert(tile.name);
    south += tile.south ? 1 : 0;
    crossing += tile.corners[0].lon < -180 || tile.corners[1].lon > 180 ? 1 : 0;
  }
  EXPECT_EQ(names.size(), 18'000u);
  EXPECT_GT(south, 4'000u);
  EXPECT_GT(crossing, 10u);
  EXPECT_EQ(grid.Find("00AAA"), -1);
}

}  // namespace
}  // namespace catchment::simulator
