#include "lake/exports.h"

#include "base/file.h"
#include "columnar/parquet_file.h"
#include "lake/lake_fixture.h"

namespace catchment::lake {
namespace {

namespace fs = std::filesystem;

ExportItem Item(int64_t publish, const std::string& as, const std::string& path) {
  ExportItem item;
  item.dataset = kDataset;
  item.publish = publish;
  item.record = {"e1", "snapshot", as, "default", path, true};
  return item;
}

class ExportsTest : public testing::TestWithParam<LocalExportRoot::Marks> {
 protected:
  void SetUp() override {
    PublishRun(store_, kSlot1, "r1", {{"a", 1}, {std::nullopt, 2}});
    root_ = LocalExportRoot::Open(folder_.path / "out", GetParam()).value();
    view_ = LoadView(store_, kDataset).value();
  }
  std::string Read(const std::string& path) const {
    return ReadFile(folder_.path / "out" / path).value();
  }

  const TemporaryFolder folder_;
  MemoryStore store_;
  std::unique_ptr<ExportRoot> root_;
  View view_;
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Marks, ExportsTest,
                         testing::Values(LocalExportRoot::Marks::kAttribute,
                                         LocalExportRoot::Marks::kFile));

TEST_P(ExportsTest, EachFormatIsWrittenAndTheSameBytesAgain) {
  for (const char* as : {"json", "ndjson", "csv", "csv.gz", "parquet"}) {
    const std::string path = std::string("d/year=2026/x.") + as;
    EXPECT_EQ(WriteExport(*root_, store_, view_, Item(1, as, path)).value(),
              ExportOutcome::kWritten);
    const std::string first = Read(path);
    EXPECT_EQ(WriteExport(*root_, store_, view_, Item(1, as, path)).value(),
              ExportOutcome::kWritten);
    EXPECT_EQ(Read(path), first) << as;
    EXPECT_EQ(root_->Find(path).value()->mark, (ExportMark{kDataset, 1, 2}));
  }
  EXPECT_EQ(Read("d/year=2026/x.json"),
            R"([{"region":null,"price":2.0},{"region":"a","price":1.0}])");
  EXPECT_EQ(Read("d/year=2026/x.csv"), "region,price\n,2.0\na,1.0\n");
  // No name, no time: the same file whenever it is made.
  EXPECT_EQ(Read("d/year=2026/x.csv.gz").substr(0, 8), std::string("\x1f\x8b\x08\0\0\0\0\0", 8));
}

TEST_P(ExportsTest, LinesAreATableOfOneTextColumn) {
  EXPECT_ERROR(WriteExport(*root_, store_, view_, Item(1, "text", "x.txt")), Code::kInvalid,
               "one text column");
  ExportItem item = Item(1, "text", "x.txt");
  const auto rows =
      Prices({{"first", 0}, {std::nullopt, 0}, {"it's \"quoted\", and so on", 0}}).Load({"region"});
  ASSERT_OK(rows);
  item.rows = columnar::Table::FromArrow(*rows);
  ASSERT_OK(WriteExport(*root_, store_, view_, item));
  EXPECT_EQ(Read("x.txt"), "first\n\nit's \"quoted\", and so on\n");
}

TEST_P(ExportsTest, AParquetExportIsACopyOfTheObjectAndNoLinkToIt) {
  ASSERT_OK(WriteExport(*root_, store_, view_, Item(1, "parquet", "x.parquet")));
  const std::string object = "azure-spot/" + view_.tables.at("snapshot").files[0].file.path;
  EXPECT_EQ(Read("x.parquet"), store_.Get(object).value());
  EXPECT_EQ(fs::hard_link_count(folder_.path / "out" / "x.parquet"), 1u);
}

TEST_P(ExportsTest, ANewerPublishsFileIsLeftAlone) {
  ASSERT_OK(WriteExport(*root_, store_, view_, Item(5, "csv", "x.csv")));
  const std::string newer = Read("x.csv");
  ExportItem older = Item(4, "csv", "x.csv");
  older.rows = Prices({{"old", 0}});
  EXPECT_EQ(WriteExport(*root_, store_, view_, older).value(), ExportOutcome::kNewerLeftAlone);
  EXPECT_EQ(Read("x.csv"), newer);
  EXPECT_EQ(root_->Find("x.csv").value()->mark->publish, 5);
}

TEST_P(ExportsTest, AnotherDatasetsFileIsRefusedUnlessTakenOver) {
  ExportItem other = Item(9, "csv", "x.csv");
  other.dataset = "hls-stac/HLSL30_2.0";
  ASSERT_OK(WriteExport(*root_, store_, view_, other));
  EXPECT_ERROR(WriteExport(*root_, store_, view_, Item(1, "csv", "x.csv")), Code::kExists,
               "belongs to hls-stac/HLSL30_2.0");
  ExportItem takeover = Item(1, "csv", "x.csv");
  takeover.takeover = true;
  EXPECT_EQ(WriteExport(*root_, store_, view_, takeover).value(), ExportOutcome::kWritten);
}

TEST_P(ExportsTest, NoPathLeadsOutOfTheRoot) {
  fs::create_directory_symlink(folder_.path, folder_.path / "out" / "up");
  EXPECT_ERROR(WriteExport(*root_, store_, view_, Item(1, "csv", "../x.csv")), Code::kInvalid,
               "..");
  EXPECT_ERROR(WriteExport(*root_, store_, view_, Item(1, "csv", "/x.csv")), Code::kInvalid,
               "relative");
  EXPECT_ERROR(WriteExport(*root_, store_, view_, Item(1, "csv", "up/x.csv")), Code::kDenied,
               "symbolic link");
  EXPECT_FALSE(fs::exists(folder_.path / "x.csv"));
}

TEST_P(ExportsTest, AForeignFileHasNoMarkAndAFinishedFileIsTakenAsItIs) {
  ASSERT_OK(WriteFileAtomically(folder_.path / "out" / "x.zip", "theirs"));
  EXPECT_EQ(root_->Find("x.zip").value()->mark, std::nullopt);
  EXPECT_EQ(root_->Find("x.zip").value()->bytes, 6u);
  EXPECT_EQ(root_->Find("none").value().has_value(), false);
  ASSERT_OK(WriteFileAtomically(folder_.path / "made", "ours"));
  ExportItem item = Item(3, "zip", "x.zip");
  item.file = folder_.path / "made";
  item.file_rows = 7;
  ASSERT_OK(WriteExport(*root_, store_, view_, item));
  EXPECT_EQ(Read("x.zip"), "ours");
  EXPECT_EQ(root_->Find("x.zip").value()->mark->rows, 7);
  EXPECT_ERROR(WriteExport(*root_, store_, view_, Item(3, "xlsx", "x.xlsx")), Code::kInvalid,
               "csv.gz");
}

/// Publish a month of a table `items` that is partitioned by the slot.
Manifest PublishMonth(WriteStore& store, const std::string& slot, const std::string& run,
                      const std::vector<PriceRow>& rows) {
  PublishInput input = RunOf(store, slot, run, rows);
  TableInput items = input.tables[0];
  items.name = "items";
  items.mode = TableMode::kPartition;
  items.partition = {"year", "month"};
  input.tables = {items};
  const Result<Manifest> manifest = Publish(store, input, TestContext());
  EXPECT_TRUE(manifest.ok()) << manifest.status().ToString();
  return manifest.ok() ? *manifest : Manifest{};
}

ExportItem MonthItem(int64_t publish, const std::string& as, const std::string& path) {
  ExportItem item = Item(publish, as, path);
  item.record.table = "items";
  item.record.slotless = false;
  return item;
}

// H31 month_not_padded, H32 partition_leak: folders are padded, and no columns.
TEST_P(ExportsTest, AMonthsPathHoldsThatMonthAsACopyOfItsObject) {
  MemoryStore store;
  PublishMonth(store, "2024-01-01T00:00:00Z", "r1", {{"january", 1}});
  const Manifest second = PublishMonth(store, "2024-02-01T00:00:00Z", "r2", {{"february", 2}});
  const View view = LoadView(store, kDataset).value();
  ASSERT_EQ(view.tables.at("items").files.size(), 2u);
  ASSERT_OK(WriteExport(*root_, store, view, MonthItem(2, "csv", "m.csv")));
  EXPECT_EQ(Read("m.csv"), "region,price\nfebruary,2.0\n");
  ASSERT_OK(WriteExport(*root_, store, view, MonthItem(2, "parquet", "m.parquet")));
  const FileEntry& object = second.tables.at("items").files.at(0);
  EXPECT_NE(object.path.find("data/items/year=2024/month=02/"), std::string::npos);
  EXPECT_EQ(Read("m.parquet"), store.Get("azure-spot/" + object.path).value());
  ExportItem all = MonthItem(2, "csv", "all.csv");
  all.record.slotless = true;
  ASSERT_OK(WriteExport(*root_, store, view, all));
  EXPECT_EQ(Read("all.csv"), "region,price\njanuary,1.0\nfebruary,2.0\n");
}

TEST_P(ExportsTest, TheSameObjectOfAnEarlierPublishIsLeftAlone) {
  MemoryStore store;
  const auto write = [&](int64_t publish, const char* path) {
    const auto outcome = WriteExport(*root_, store, LoadView(store, kDataset).value(),
                                     MonthItem(publish, "parquet", path));
    EXPECT_TRUE(outcome.ok()) << outcome.status().ToString();
    return outcome.ok() ? *outcome : ExportOutcome::kNewerLeftAlone;
  };
  PublishMonth(store, "2024-01-01T00:00:00Z", "r1", {{"a", 1}});
  EXPECT_EQ(write(1, "m.parquet"), ExportOutcome::kWritten);
  PublishMonth(store, "2024-01-01T00:00:00Z", "r2", {{"a", 1}});
  EXPECT_EQ(write(2, "m.parquet"), ExportOutcome::kUnchanged);
  EXPECT_EQ(root_->Find("m.parquet").value()->mark->publish, 1);
  EXPECT_EQ(write(2, "other.parquet"), ExportOutcome::kWritten);  // another path has no copy yet
  PublishMonth(store, "2024-01-01T00:00:00Z", "r3", {{"b", 1}});
  EXPECT_EQ(write(3, "m.parquet"), ExportOutcome::kWritten);
  // Cut short by someone: written again although the object is the same.
  PublishMonth(store, "2024-01-01T00:00:00Z", "r4", {{"b", 1}});
  fs::resize_file(folder_.path / "out" / "m.parquet", 10);
  EXPECT_EQ(write(4, "m.parquet"), ExportOutcome::kWritten);
}

TEST_P(ExportsTest, AForeignParquetFileSaysItsRowsAndItsFooterWhoseItIs) {
  const auto put = [&](const char* name, const std::map<std::string, std::string>& footer) {
    columnar::ParquetOptions options;
    options.metadata = footer;
    EXPECT_OK(columnar::WriteParquet(Prices({{"a", 1}, {"b", 2}, {"c", 3}}),
                                     folder_.path / "out" / name, options));
    return root_->Find(name).value().value();
  };
  const ExportFound foreign = put("f.parquet", {});
  EXPECT_EQ(foreign.mark, std::nullopt);
  EXPECT_EQ(foreign.rows, 3);
  // A copy that lost its mark is still ours.
  const ExportFound copied =
      put("c.parquet", {{"catchment", R"({"dataset":"hls-stac/HLSL30_2.0","rows":3})"}});
  EXPECT_EQ(copied.mark, (ExportMark{"hls-stac/HLSL30_2.0", 0, 3}));
  EXPECT_EQ(put("e.parquet", {{"catchment", R"({"dataset":""})"}}).mark, std::nullopt);
  EXPECT_EQ(put("j.parquet", {{"catchment", "[[[["}}).mark, std::nullopt);
  ASSERT_OK(WriteFileAtomically(folder_.path / "out" / "x.parquet", "no Parquet at all"));
  EXPECT_EQ(root_->Find("x.parquet").value()->rows, std::nullopt);
}

TEST_P(ExportsTest, TheMarkOfAFileOfSeveralDatasetsNamesEachOnesPublish) {
  const ExportMark mark{JointName({"h/L", "h/S"}), 0, 7, {12, 0}};
  EXPECT_EQ(mark.dataset, "h/L+h/S");
  const fs::path file = folder_.path / "two";
  ASSERT_OK(WriteFileAtomically(file, "x"));
  ASSERT_OK(root_->Put("two.bin", file, mark));
  EXPECT_EQ(root_->Find("two.bin").value()->mark, mark);
  // An export of one dataset does not take its place.
  EXPECT_ERROR(WriteExport(*root_, store_, view_, Item(99, "csv", "two.bin")), Code::kExists,
               "belongs to h/L+h/S");
}

TEST(OwedExportsTest, WhatNobodyMarkedDoneIsOwedAndOldSlotlessOnesAreNot) {
  MemoryStore store;
  for (const auto& [slot, run] : {std::pair(kSlot1, "r1"), std::pair(kSlot2, "r2")}) {
    PublishInput input = RunOf(store, slot, run, {{"a", 1}});
    input.exports = {
        {"latest", "snapshot", "json", "default", "latest.json", true},
        {"raw", "snapshot", "csv.gz", "default", std::string("raw/") + run + ".csv.gz", false}};
    ASSERT_OK(Publish(store, input, TestContext()));
  }
  const auto owed = [&] {
    std::vector<std::string> lines;
    const std::vector<OwedExport> items = OwedExports(store, kDataset).value();
    for (const OwedExport& item : items) {
      lines.push_back(std::to_string(item.publish) + " " + item.record.path);
    }
    return lines;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(owed(), (Texts{"1 raw/r1.csv.gz", "2 latest.json", "2 raw/r2.csv.gz"}));
  ASSERT_OK(MarkExported(store, kDataset, 2, "latest", ExportOutcome::kWritten, kNow));
  ASSERT_OK(MarkExported(store, kDataset, 2, "latest", ExportOutcome::kWritten, kNow));
  EXPECT_EQ(owed(), (Texts{"1 raw/r1.csv.gz", "2 raw/r2.csv.gz"}));
}

}  // namespace catchment::lake
