#include "stac/write_items.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "base/file.h"
#include "base/test.h"
#include "columnar/compress.h"
#include "stac/conformance.h"
#include "stac/item_file_reader.h"
#include "stac/test_items.h"

namespace catchment::stac {
namespace {

/// A small item: a box of one degree, and what is given.
std::string Item(const std::string& id, double west, double south, const std::string& datetime,
                 const std::string& more_properties = "", const std::string& more = "") {
  const double east = west + 1;
  const double north = south + 1;
  return fmt::format(
      R"({{"type":"Feature","stac_version":"1.0.0","id":"{0}","properties":{{"datetime":"{1}"{2}}},)"
      R"("geometry":{{"type":"Polygon","coordinates":[[[{3},{4}],[{5},{4}],[{5},{6}],[{3},{6}],[{3},{4}]]]}},)"
      R"("bbox":[{3},{4},{5},{6}],"links":[],"assets":{{"data":{{"href":"https://example.com/{0}.tif"}}}},)"
      R"("stac_extensions":[]{7}}})",
      id, datetime, more_properties, west, south, east, north, more);
}

std::vector<std::string> ManyItems(int count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::string> items;
  for (int i = 0; i < count; ++i) {
    const double west = static_cast<double>(random() % 3580) / 10 - 180;
    const double south = static_cast<double>(random() % 1780) / 10 - 90;
    items.push_back(
        Item(fmt::format("item-{:05}", i), west, south,
             fmt::format("2024-01-{:02}T{:02}:00:00Z", 1 + random() % 31, random() % 24),
             fmt::format(R"(,"eo:cloud_cover":{})", random() % 100)));
  }
  return items;
}

class WriteItemsTest : public ::testing::Test {
 protected:
  std::string Save(const std::vector<std::string>& items, const std::string& name) {
    std::string text;
    for (const std::string& item : items) text += item + "\n";
    EXPECT_OK(WriteFileAtomically(folder_.path / name, text));
    return (folder_.path / name).string();
  }

  Result<WriteItemsReport> Write(const std::vector<std::string>& inputs,
                                 WriteItemsOptions options = {}) {
    ASSIGN_OR_RETURN(bodies_, ItemBodies::Open(inputs, {.temp_dir = folder_.path, .stop = {}}));
    ASSIGN_OR_RETURN(index_, IndexItems(*bodies_, {.infer = true, .progress = {}}));
    std::vector<uint32_t> which(index_.entries.size());
    std::iota(which.begin(), which.end(), 0);
    ASSIGN_OR_RETURN(const ItemSchema schema,
                     index_.seen.at("").Finish({.max_columns = 20'000, .collection = {}}));
    options.file.level = 1;
    options.file.durable = false;
    options.writer = "test";
    return WriteItems(*bodies_, index_, std::move(which), schema, path_, options);
  }

  std::vector<std::string> Ids() {
    std::vector<std::string> ids;
    const auto reader = ItemFileReader::Open(path_);
    EXPECT_OK(reader);
    for (int group = 0; reader.ok() && group < (*reader)->groups(); ++group) {
      const auto batch = (*reader)->ReadGroup(group, {"id"});
      EXPECT_OK(batch);
      const auto& column = static_cast<const arrow::StringArray&>(*(*batch)->column(0));
      for (int64_t row = 0; row < column.length(); ++row) ids.push_back(column.GetString(row));
    }
    return ids;
  }

  /// Every finding of the file's check must be fine, and every item come back.
  void ExpectConforming(int64_t items) {
    ASSERT_OK_AND_ASSIGN(const auto reader, ItemFileReader::Open(path_));
    ASSERT_OK_AND_ASSIGN(const auto findings, CheckItemFile(*reader));
    for (const Finding& finding : findings) {
      EXPECT_TRUE(finding.ok) << finding.check << ": " << finding.detail;
    }
    ASSERT_OK_AND_ASSIGN(const RoundTrip trip, CompareWithInputs(*reader, *bodies_, {}));
    EXPECT_EQ(trip.items, items);
    EXPECT_EQ(trip.differ, 0) << trip.examples.front();
    EXPECT_EQ(trip.missing, 0) << trip.examples.front();
    EXPECT_EQ(trip.surplus, 0) << trip.examples.front();
  }

  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path / "out" / "items.parquet";
  std::unique_ptr<ItemBodies> bodies_;
  ItemIndex index_;
};

TEST_F(WriteItemsTest, ItemsOfAnyOrderMakeTheSameConformingFile) {
  std::vector<std::string> items = ManyItems(3000, 1);
  ASSERT_OK_AND_ASSIGN(const auto one,
                       Write({Save(items, "a.ndjson")}, {.file = {.row_group_rows = 512}}));
  ExpectConforming(3000);
  std::shuffle(items.begin(), items.end(), std::mt19937(2));
  const std::vector<std::string> first(items.begin(), items.begin() + 1000);
  const std::vector<std::string> rest(items.begin() + 1000, items.end());
  ASSERT_OK_AND_ASSIGN(const auto other, Write({Save(first, "b.ndjson"), Save(rest, "c.ndjson")},
                                               {.file = {.row_group_rows = 512}}));
  EXPECT_EQ(one.file.sha256, other.file.sha256);
  EXPECT_EQ(other.file.rows, 3000);
}

TEST_F(WriteItemsTest, TenThousandBoxesAndTimeRangesFindTheSameRowsWithStatisticsAsWithout) {
  ASSERT_OK(Write({Save(ManyItems(4000, 11), "a.ndjson")}, {.file = {.row_group_rows = 128}}));
  ASSERT_OK_AND_ASSIGN(const auto reader, ItemFileReader::Open(path_));
  ASSERT_OK_AND_ASSIGN(const auto findings,
                       CheckItemFile(*reader, {.queries = 10'000, .seed = 5, .stop = {}}));
  const auto queries = std::ranges::find_if(
      findings, [](const Finding& finding) { return finding.check.starts_with("queries:"); });
  ASSERT_NE(queries, findings.end());
  EXPECT_TRUE(queries->ok) << queries->detail;
}

TEST_F(WriteItemsTest, PackedInputsCollectionsAndArraysGiveTheSameFile) {
  const std::vector<std::string> items = ManyItems(200, 3);
  ASSERT_OK_AND_ASSIGN(const auto plain, Write({Save(items, "a.ndjson")}));
  std::string lines;
  std::string features;
  for (const std::string& item : items) {
    lines += item + "\n";
    features += (features.empty() ? "" : ", ") + item;
  }
  const auto packed = (folder_.path / "b.ndjson.gz").string();
  ASSERT_OK(WriteFileAtomically(packed, columnar::GzipDeterministic(lines)));
  const auto zstd = (folder_.path / "b.ndjson.zst").string();
  ASSERT_OK(WriteFileAtomically(zstd, columnar::ZstdCompress(lines)));
  const auto collection = (folder_.path / "c.json").string();
  ASSERT_OK(WriteFileAtomically(
      collection, "{\"type\": \"FeatureCollection\", \"features\": [" + features + "]}"));
  const auto array = (folder_.path / "d.json").string();
  ASSERT_OK(WriteFileAtomically(array, "[" + features + "]\n"));
  for (const std::string& input : {packed, zstd, collection, array}) {
    ASSERT_OK_AND_ASSIGN(const auto written, Write({input}));
    EXPECT_EQ(written.file.sha256, plain.file.sha256) << input;
    ExpectConforming(200);
  }
}

// H04 field_dropped: fields not in the first 1,000 items vanished.
TEST_F(WriteItemsTest, H04AFieldOfTheLastItemAloneIsKept) {
  std::vector<std::string> items = ManyItems(1500, 4);
  items.push_back(Item("late", 3, 4, "2024-01-01T00:00:00Z", R"(,"late:field":{"deep":[1,2.5]})"));
  ASSERT_OK_AND_ASSIGN(const auto written, Write({Save(items, "a.ndjson")}));
  EXPECT_EQ(written.file.rows, 1501);
  ExpectConforming(1501);
  ASSERT_OK_AND_ASSIGN(const auto reader, ItemFileReader::Open(path_));
  EXPECT_NE(reader->schema().Find("late:field"), nullptr);
}

// H23 empty_links_type: all-empty links became a list of null.
TEST_F(WriteItemsTest, H23LinksKeepTheirTypeWhenAllAreEmpty) {
  ASSERT_OK(Write({Save(ManyItems(20, 5), "a.ndjson")}));
  ASSERT_OK_AND_ASSIGN(const auto reader, ItemFileReader::Open(path_));
  const ItemNode* const links = reader->schema().Find("links");
  ASSERT_NE(links, nullptr);
  ASSERT_EQ(links->kind, ColumnKind::kList);
  EXPECT_EQ(links->children[0].kind, ColumnKind::kStruct);
}

TEST_F(WriteItemsTest, EqualItemsAreOneAndOfOthersTheLatestStays) {
  const auto revision = [](const std::string& updated, int value) {
    return Item("twice", 1, 2, "2024-01-01T00:00:00Z",
                fmt::format(R"(,"updated":"{}","value":{})", updated, value));
  };
  const std::vector<std::string> items = {
      Item("same", 5, 5, "2024-01-01T00:00:00Z"), revision("2024-03-01T00:00:00Z", 2),
      revision("2024-02-01T00:00:00Z", 1), Item("same", 5, 5, "2024-01-01T00:00:00Z")};
  ASSERT_OK_AND_ASSIGN(const auto written,
                       Write({Save(items, "a.ndjson")}, {.max_quarantine = 0.5}));
  EXPECT_EQ(written.file.rows, 2);
  EXPECT_EQ(written.equal, 1);
  ASSERT_EQ(written.quarantined.size(), 1u);
  EXPECT_EQ(written.quarantined[0].entry, 2u);
  EXPECT_EQ(written.quarantined[0].why.reason, QuarantineReason::kDuplicateId);

  ASSERT_OK_AND_ASSIGN(const auto first,
                       Write({Save(items, "a.ndjson")},
                             {.on_duplicate = OnDuplicate::kFirst, .max_quarantine = 0.5}));
  EXPECT_EQ(first.quarantined[0].entry, 2u);
  EXPECT_ERROR(Write({Save(items, "a.ndjson")}, {.on_duplicate = OnDuplicate::kError}),
               Code::kInvalid, "twice comes twice");
}

TEST_F(WriteItemsTest, ARefusedItemDoesNotDisplaceAGoodOneOfItsId) {
  const std::vector<std::string> items = {
      Item("x", 1, 2, "2024-01-01T00:00:00Z", R"(,"updated":"2024-01-01T00:00:00Z")"),
      Item("x", 1, 2, "2024-13-01T00:00:00Z", R"(,"updated":"2025-01-01T00:00:00Z")")};
  ASSERT_OK_AND_ASSIGN(const auto written,
                       Write({Save(items, "a.ndjson")}, {.max_quarantine = 0.5}));
  EXPECT_EQ(written.file.rows, 1);
  ASSERT_EQ(written.quarantined.size(), 1u);
  EXPECT_EQ(written.quarantined[0].why.reason, QuarantineReason::kBadDatetime);
}

TEST_F(WriteItemsTest, BadItemsAreLeftOutByLineAndTooManyLeaveNoFile) {
  std::vector<std::string> items = ManyItems(50, 6);
  items.insert(items.begin() + 7, "{\"type\": \"Feature\", broken");
  items.insert(items.begin() + 9, "[1, 2]");
  const std::string input = Save(items, "a.ndjson");
  ASSERT_OK_AND_ASSIGN(const auto held, Write({input}));
  EXPECT_FALSE(held.written);
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_OK_AND_ASSIGN(const auto written, Write({input}, {.max_quarantine = 0.05}));
  EXPECT_TRUE(written.written);
  EXPECT_EQ(written.file.rows, 50);
  ASSERT_EQ(written.quarantined.size(), 2u);
  EXPECT_EQ(index_.entries[written.quarantined[0].entry].body.line, 8u);
  EXPECT_EQ(index_.entries[written.quarantined[1].entry].body.line, 10u);
}

TEST_F(WriteItemsTest, RowsAreOrderedByPlaceByTimeOrAsTheyCame) {
  const std::vector<std::string> items = {
      Item("c", 100, 50, "2024-01-01T00:00:00Z"), Item("b", -170, -80, "2024-01-03T00:00:00Z"),
      Item("a", -170, -80, "2024-01-03T00:00:00Z"), Item("d", -170, -80, "2024-01-02T00:00:00Z")};
  const std::string input = Save(items, "a.ndjson");
  ASSERT_OK(Write({input}));
  EXPECT_EQ(Ids(), (std::vector<std::string>{"d", "a", "b", "c"}));
  ASSERT_OK(Write({input}, {.order = ItemOrder::kDatetime}));
  EXPECT_EQ(Ids(), (std::vector<std::string>{"c", "d", "a", "b"}));
  ASSERT_OK(Write({input}, {.order = ItemOrder::kInput}));
  EXPECT_EQ(Ids(), (std::vector<std::string>{"c", "b", "a", "d"}));
}

TEST_F(WriteItemsTest, LinesThatCrossBlocksAndLastLinesWithoutEndAreRead) {
  // Items of some 300 kB make lines cross the blocks in which a file is read.
  std::vector<std::string> items;
  for (int i = 0; i < 60; ++i) {
    items.push_back(Item(fmt::format("big-{:02}", i), i, i, "2024-01-01T00:00:00Z",
                         fmt::format(R"(,"note":"{}")", std::string(300'000 + i * 1000, 'x'))));
  }
  std::string text;
  for (const std::string& item : items) text += item + "\r\n\n";
  text.resize(text.size() - 3);
  ASSERT_OK(WriteFileAtomically(folder_.path / "big.ndjson", text));
  ASSERT_OK_AND_ASSIGN(const auto written, Write({(folder_.path / "big.ndjson").string()}));
  EXPECT_EQ(written.file.rows, 60);
  EXPECT_EQ(index_.entries[59].body.line, 119u);
  ExpectConforming(60);
}

TEST_F(WriteItemsTest, AnItemThatIsTooLargeIsLeftOut) {
  std::vector<std::string> items = ManyItems(3, 8);
  items.insert(items.begin() + 1,
               Item("huge", 1, 1, "2024-01-01T00:00:00Z",
                    fmt::format(R"(,"note":"{}")", std::string(17u << 20, 'x'))));
  const std::string input = Save(items, "a.ndjson");
  const auto packed = (folder_.path / "a.zst").string();
  ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(input));
  ASSERT_OK(WriteFileAtomically(packed, columnar::ZstdCompress(text)));
  for (const std::string& one : {input, packed}) {
    ASSERT_OK_AND_ASSIGN(const auto written, Write({one}, {.max_quarantine = 0.5}));
    EXPECT_EQ(written.file.rows, 3);
    ASSERT_EQ(written.quarantined.size(), 1u);
    EXPECT_EQ(written.quarantined[0].why.reason, QuarantineReason::kTooLarge);
  }
}

TEST_F(WriteItemsTest, RecordedItemsOfManyCollectionsConformAndComeBack) {
  const char* const shared = std::getenv("CATCHMENT_SHARED");
  const std::filesystem::path input =
      std::filesystem::path(shared == nullptr ? CATCHMENT_SOURCE_DIR "/../shared" : shared) /
      "data/stac/stac_items_recorded_6018.ndjson.zst";
  if (!std::filesystem::exists(input)) {
    GTEST_SKIP() << "skipped: shared/data/stac/stac_items_recorded_6018.ndjson.zst is not present";
  }
  ASSERT_OK_AND_ASSIGN(const auto written, Write({input.string()}, {.max_quarantine = 1}));
  ASSERT_TRUE(written.written);
  EXPECT_EQ(written.file.rows + written.equal + static_cast<int64_t>(written.quarantined.size()),
            6018);
  ASSERT_OK_AND_ASSIGN(const auto reader, ItemFileReader::Open(path_));
  ASSERT_OK_AND_ASSIGN(const auto findings, CheckItemFile(*reader));
  for (const Finding& finding : findings) {
    EXPECT_TRUE(finding.ok) << finding.check << ": " << finding.detail;
  }
  ASSERT_OK_AND_ASSIGN(const RoundTrip trip, CompareWithInputs(*reader, *bodies_, {}));
  EXPECT_EQ(trip.differ, 0) << trip.examples.front();
  EXPECT_EQ(trip.equal, written.file.rows);
}

}  // namespace
}  // namespace catchment::stac
