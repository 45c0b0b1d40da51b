#include "stac/item_columns.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "stac/test_items.h"

namespace catchment::stac {
namespace {

TEST(ItemColumnsTest, ARecordedItemFillsTheDeclaredColumns) {
  const ItemSchema schema = Declared("HLSS30_2.0", {.fix_epsg = true});
  const std::string body =
      *ReadFile(CATCHMENT_SOURCE_DIR "/tests/data/hls/hls_item_verbatim.ndjson");
  ItemColumns columns(schema);
  ItemFacts facts;
  const auto bad = columns.Append(body, {.collection = "HLSS30_2.0"}, facts);
  ASSERT_FALSE(bad) << bad->pointer << " " << bad->detail;
  EXPECT_EQ(facts.id, "HLS.S30.T01WEV.2024153T000609.v2.0");
  EXPECT_EQ(facts.geometry_type, 6u);
  EXPECT_EQ(facts.datetime_us, 1717200379072460);
  const auto batch = columns.Finish();
  EXPECT_TRUE(batch->ValidateFull().ok());
  EXPECT_EQ(batch->num_rows(), 1);
  EXPECT_EQ(batch->GetColumnByName("extra")->null_count(), 1);
  EXPECT_EQ(batch->GetColumnByName("proj:epsg_fixed")->null_count(), 0);
  EXPECT_TRUE(columns.unknown_members().empty());
}

}  // namespace
}  // namespace catchment::stac
