// Items to columns and back: equal by value, for every recorded item.

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include "stac/item_columns.h"
#include "stac/item_json.h"
#include "stac/schema_inference.h"
#include "stac/test_items.h"

namespace catchment::stac {
namespace {

struct Trip {
  int64_t items = 0, with_extra = 0;
  std::vector<std::string> faults;  ///< the first few
};

void CompareBatch(ItemColumns& columns, const std::vector<std::string>& bodies, size_t first,
                  ItemJson& writer, Trip& trip) {
  const auto batch = columns.Finish();
  const auto valid = batch->ValidateFull();
  ASSERT_TRUE(valid.ok()) << valid.ToString();
  ASSERT_OK(writer.Open(batch));
  if (const auto extra = batch->GetColumnByName("extra")) {
    trip.with_extra += batch->num_rows() - extra->null_count();
  }
  for (int64_t row = 0; row < batch->num_rows(); ++row) {
    const std::string& body = bodies[first + static_cast<size_t>(row)];
    std::string text, difference;
    ASSERT_OK(writer.Append(row, text));
    const auto equal = EqualByValue(body, text, &difference);
    ASSERT_OK(equal);
    if (!*equal && trip.faults.size() < 5) {
      trip.faults.push_back(difference + "\n" + body.substr(0, 3000) + "\n" + text.substr(0, 3000));
    }
    ++trip.items;
  }
}

Trip ThereAndBack(const ItemSchema& schema, const std::vector<std::string>& bodies,
                  const std::string& collection = "") {
  Trip trip;
  ItemColumns columns(schema);
  ItemJson writer(schema);
  ItemFacts facts;
  size_t first = 0;
  for (size_t i = 0; i < bodies.size(); ++i) {
    const auto bad = columns.Append(bodies[i], {.collection = collection}, facts);
    if (bad) {
      trip.faults.push_back(std::string(QuarantineReasonName(bad->reason)) + " " + bad->pointer +
                            " " + bad->detail);
      return trip;
    }
    if (columns.full()) {
      CompareBatch(columns, bodies, first, writer, trip);
      first = i + 1;
    }
  }
  CompareBatch(columns, bodies, first, writer, trip);
  return trip;
}

ItemSchema Inferred(const std::vector<std::string>& bodies) {
  SchemaInference inference;
  for (const std::string& body : bodies) {
    const auto bad = inference.Add(body);
    EXPECT_FALSE(bad) << bad->pointer << ": " << bad->detail;
  }
  auto schema = inference.Finish({.max_columns = 20'000});
  EXPECT_OK(schema);
  return *schema;
}

void ExpectEqual(const Trip& trip, size_t items) {
  EXPECT_EQ(trip.items, static_cast<int64_t>(items));
  for (const std::string& fault : trip.faults) ADD_FAILURE() << fault;
}

const std::string kRecordedHls = CATCHMENT_SOURCE_DIR "/tests/data/hls/";

TEST(RoundTripTest, RecordedGranulesAreEqualByValueWithTheDeclaredSchema) {
  for (const std::string name :
       {"hls_item_verbatim.ndjson", "HLS.S30.T15UYR.2025124T165711.v2.0_stac.restored.json"}) {
    const auto bodies = ItemsOf(kRecordedHls + name);
    ASSERT_EQ(bodies.size(), 1u);
    ExpectEqual(ThereAndBack(Declared("HLSS30_2.0"), bodies, "HLSS30_2.0"), 1);
    ExpectEqual(ThereAndBack(Inferred(bodies), bodies), 1);
  }
}

TEST(RoundTripTest, EachCollectionsGranulesFitItsDeclaredSchema) {
  const std::filesystem::path path = kRecordedHls + "hls_items_derived_from_cmr.ndjson.zst";
  for (const std::string collection : {"HLSL30_2.0", "HLSS30_2.0"}) {
    std::vector<std::string> bodies;
    for (const auto& file :
         {path, std::filesystem::path(kRecordedHls + "hls_items_reconstructed.ndjson")}) {
      for (const std::string& body : ItemsOf(file)) {
        if (body.find("HLS." + collection.substr(3, 3) + ".") != body.npos) bodies.push_back(body);
      }
    }
    EXPECT_GT(bodies.size(), 10u);
    const Trip trip = ThereAndBack(Declared(collection), bodies, collection);
    ExpectEqual(trip, bodies.size());
    EXPECT_EQ(trip.with_extra, 0);
  }
}

TEST(RoundTripTest, OddItemsOfEveryCollectionAreEqualByValue) {
  const std::string folder = CATCHMENT_SOURCE_DIR "/tests/data/stac/";
  for (const std::string name :
       {"stac_items_of_82_collections.ndjson.zst", "sentinel-2-l2a.10items.ndjson.zst"}) {
    const auto bodies = ItemsOf(folder + name);
    EXPECT_GE(bodies.size(), 10u);
    ExpectEqual(ThereAndBack(Inferred(bodies), bodies), bodies.size());
  }
}

TEST(RoundTripTest, ForeignItemsThatFitADeclaredSchemaLoseNothing) {
  // Nearly everything of them is unknown to the schema of granules, and so in `extra`.
  const auto bodies =
      ItemsOf(CATCHMENT_SOURCE_DIR "/tests/data/stac/stac_items_of_82_collections.ndjson.zst");
  const ItemSchema schema = Declared("HLSS30_2.0");
  std::vector<std::string> fitting;
  ItemColumns columns(schema);
  ItemFacts facts;
  for (const std::string& body : bodies) {
    const auto bad = columns.Append(body, {.collection = "c"}, facts);
    if (!bad) fitting.push_back(body);
    if (bad) {
      EXPECT_EQ(bad->reason, QuarantineReason::kMisfit) << bad->detail;
    }
  }
  EXPECT_GT(fitting.size(), 60u);
  const Trip trip = ThereAndBack(schema, fitting, "c");
  ExpectEqual(trip, fitting.size());
  EXPECT_EQ(trip.with_extra, static_cast<int64_t>(fitting.size()));
}

TEST(RoundTripTest, SixThousandForeignItemsOfEightyCollectionsAreEqualByValue) {
  SKIP_WITHOUT(path, "stac/stac_items_recorded_6018.ndjson.zst");
  const auto bodies = ItemsOf(path);
  ASSERT_EQ(bodies.size(), 6018u);
  const ItemSchema schema = Inferred(bodies);
  RecordProperty("leaves", std::to_string(schema.leaves()));
  const Trip trip = ThereAndBack(schema, bodies);
  ExpectEqual(trip, bodies.size());
  RecordProperty("with_extra", std::to_string(trip.with_extra));
}

TEST(RoundTripTest, AThousandItemsOfOneCollectionAreEqualByValue) {
  SKIP_WITHOUT(path, "stac/sentinel-2-l2a.1000items.ndjson.zst");
  const auto bodies = ItemsOf(path);
  ASSERT_EQ(bodies.size(), 1000u);
  ExpectEqual(ThereAndBack(Inferred(bodies), bodies), bodies.size());
}

}  // namespace
}  // namespace catchment::stac
