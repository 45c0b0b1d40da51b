#include "stac/merge_files.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>

#include "base/digest.h"
#include "base/file.h"
#include "base/test.h"
#include "stac/conformance.h"
#include "stac/geo_metadata.h"
#include "stac/item_file_reader.h"
#include "stac/item_json.h"
#include "stac/test_items.h"
#include "stac/write_items.h"

namespace catchment::stac {
namespace {

constexpr const char* kLandsat = "HLSL30_2.0";
constexpr const char* kSentinel = "HLSS30_2.0";

/// An item with an asset that the other collection has not, or without geometry.
std::string GranuleOf(const std::string& collection, const std::string& id, int day, bool nowhere) {
  const char* const asset = collection == kLandsat ? "B11" : "B8A";
  return fmt::format(
      R"({{"type":"Feature","stac_version":"1.0.0","id":"{0}","properties":{{"datetime":)"
      R"("2024-01-{1:02}T00:06:09Z","eo:cloud_cover":{1}}},"geometry":{2},{3}"links":)"
      R"([{{"href":"https://example.com/{0}","rel":"self"}}],"assets":{{"{4}":{{"href":)"
      R"("https://example.com/{0}.{4}.tif","roles":["data"]}},"Fmask":{{"href":"x"}}}},)"
      R"("stac_extensions":[],"unknown":{1}}})",
      id, day, nowhere ? "null" : R"({"type":"Point","coordinates":[10,20]})",
      nowhere ? "" : R"("bbox":[10,20,10,20],)", asset);
}

class MergeFilesTest : public ::testing::Test {
 protected:
  /// A file of a collection's items, in groups of `group_rows`; `seed` chooses tiles and days.
  std::filesystem::path WriteCollection(const std::string& collection, int count, uint32_t seed,
                                        ItemOrder order = ItemOrder::kHilbert) {
    static constexpr const char* kTiles[] = {"15TVL", "19LBJ", "01WEV", "01KAB", "15TVK"};
    std::mt19937 random(seed);
    std::string text;
    for (int i = 0; i < count; ++i) {
      const int day = 1 + static_cast<int>(random() % 31);
      const std::string id = fmt::format("HLS.{}.T{}.2024{:03}T{:06}.v2.0", collection.substr(3, 3),
                                         kTiles[random() % 5], day, i);
      const std::string item = GranuleOf(collection, id, day, i % 17 == 3);
      sources_[id] = item;
      text += item + "\n";
    }
    const std::filesystem::path input = folder_.path / (collection + ".ndjson");
    EXPECT_OK(WriteFileAtomically(input, text));
    auto bodies = ItemBodies::Open({input.string()}, {.temp_dir = folder_.path, .stop = {}});
    EXPECT_OK(bodies);
    auto index = IndexItems(**bodies);
    EXPECT_OK(index);
    std::vector<uint32_t> which(index->entries.size());
    std::iota(which.begin(), which.end(), 0);
    ItemSchema schema = Declared(collection);
    const auto document =
        ReadFile(CATCHMENT_SOURCE_DIR "/pipelines/hls-stac/collections/" + collection + ".json");
    EXPECT_OK(document);
    schema.collections[collection] = *document;
    const std::filesystem::path file = folder_.path / (collection + ".parquet");
    WriteItemsOptions options;
    options.order = order;
    options.file = {.level = 1, .row_group_rows = 700, .durable = false};
    options.writer = "test";
    options.collection = collection;
    EXPECT_OK(WriteItems(**bodies, *index, std::move(which), schema, file, options));
    return file;
  }

  MergeOptions Options() const {
    MergeOptions options;
    options.file = {.level = 1, .row_group_rows = 1000, .durable = false};
    options.writer = "test";
    options.dataset = "h/L+h/S";
    options.slot = "2024-01";
    options.body_sha256 = [this](std::string_view id) -> std::optional<std::string> {
      const auto found = sources_.find(std::string(id));
      if (found == sources_.end()) return std::nullopt;
      return Sha256Hex(found->second);
    };
    return options;
  }

  TemporaryFolder folder_;
  const std::filesystem::path merged_ = folder_.path / "merged.parquet";
  std::map<std::string, std::string> sources_;  // by id
};

TEST_F(MergeFilesTest, TwoCollectionsBecomeOneConformingFileWithEveryItem) {
  const std::filesystem::path files[] = {WriteCollection(kLandsat, 2300, 1),
                                         WriteCollection(kSentinel, 3100, 2)};
  ASSERT_OK_AND_ASSIGN(const auto written, MergeItemFiles(files, merged_, Options()));
  EXPECT_EQ(written.rows, 5400);

  ASSERT_OK_AND_ASSIGN(const auto reader, ItemFileReader::Open(merged_));
  EXPECT_EQ(reader->groups(), 6);
  ASSERT_OK_AND_ASSIGN(const auto findings, CheckItemFile(*reader));
  for (const Finding& finding : findings)
    EXPECT_TRUE(finding.ok) << finding.check << ": " << finding.detail;
  ASSERT_TRUE(reader->facts().has_value());
  EXPECT_EQ(reader->facts()->dataset, "h/L+h/S");
  EXPECT_EQ(reader->facts()->slot, "2024-01");
  EXPECT_EQ(reader->facts()->added, std::vector<std::string>{"collection"});
  ASSERT_OK_AND_ASSIGN(const auto documents,
                       CollectionsOfJson(*reader->Metadata("stac-geoparquet")));
  EXPECT_EQ(documents.size(), 2u);

  // H04 field_dropped, H32 partition_leak: every item comes back as it was.
  ItemJson items(reader->schema());
  std::string lines;
  size_t equal = 0;
  for (int group = 0; group < reader->groups(); ++group) {
    ASSERT_OK_AND_ASSIGN(const auto batch, reader->ReadGroup(group));
    ASSERT_OK(items.Open(batch));
    const auto ids = batch->GetColumnByName("id");
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      std::string text;
      ASSERT_OK(items.Append(row, text));
      const std::string id = std::static_pointer_cast<arrow::StringArray>(ids)->GetString(row);
      std::string difference;
      const auto same = EqualByValue(text, sources_.at(id), &difference);
      ASSERT_OK(same);
      ASSERT_TRUE(*same) << id << " " << difference;
      ++equal;
      lines += id + "\t" + Sha256Hex(sources_.at(id)) + "\n";
    }
  }
  EXPECT_EQ(equal, sources_.size());
  EXPECT_EQ(reader->facts()->items_sha256, Sha256Hex(lines));
}

TEST_F(MergeFilesTest, TheSameFilesGiveTheSameBytesAndOneFileKeepsItsRows) {
  const std::filesystem::path files[] = {WriteCollection(kLandsat, 1500, 3),
                                         WriteCollection(kSentinel, 40, 4)};
  ASSERT_OK_AND_ASSIGN(const auto first, MergeItemFiles(files, merged_, Options()));
  ASSERT_OK_AND_ASSIGN(const auto again, MergeItemFiles(files, merged_, Options()));
  EXPECT_EQ(first.sha256, again.sha256);
  ASSERT_OK_AND_ASSIGN(const auto alone, MergeItemFiles({files, 1}, merged_, Options()));
  EXPECT_EQ(alone.rows, 1500);
}

TEST_F(MergeFilesTest, ABodyThatIsNotKnownLeavesTheDigestOut) {
  const std::filesystem::path files[] = {WriteCollection(kLandsat, 30, 5)};
  sources_.erase(sources_.begin());
  ASSERT_OK(MergeItemFiles(files, merged_, Options()));
  ASSERT_OK_AND_ASSIGN(const auto reader, ItemFileReader::Open(merged_));
  EXPECT_EQ(reader->facts()->items_sha256, "");
}

TEST_F(MergeFilesTest, AFileInAnotherOrderIsRefused) {
  const std::filesystem::path file = WriteCollection(kLandsat, 30, 6, ItemOrder::kInput);
  ASSERT_OK_AND_ASSIGN(const auto info, columnar::InspectParquet(file));
  EXPECT_FALSE(CanBeMerged(info));
  EXPECT_ERROR(MergeItemFiles({&file, 1}, merged_, Options()), Code::kInvalid,
               "not in the order of hilbert14");
  EXPECT_FALSE(std::filesystem::exists(merged_));
}

}  // namespace
}  // namespace catchment::stac
