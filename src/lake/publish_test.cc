#include "lake/publish.h"

#include "base/file.h"
#include "columnar/parquet_file.h"
#include "lake/lake_fixture.h"
#include "lake/local_store.h"
#include "lake/table_read.h"
#include "lake/verify.h"

namespace catchment::lake {
namespace {
using Rows = std::vector<std::string>;
}  // namespace

TEST(PublishTest, ATableIsSortedByItsKeyWithNullsFirst) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"b", 1}, {std::nullopt, 2}, {"B", 3}, {"a", 4}});
  EXPECT_EQ(Published(store, "snapshot"), (Rows{",2.0", "B,3.0", "a,4.0", "b,1.0"}));
}

TEST(PublishTest, AppendAddsAndReplaceReplaces) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  const Manifest second = PublishRun(store, kSlot2, "r2", {{"a", 2}});
  EXPECT_EQ(second.number, 2);
  EXPECT_EQ(Published(store, "snapshot"), Rows{"a,2.0"});
  EXPECT_EQ(Published(store, "scores"), (Rows{"a,1.0", "a,2.0"}));
  EXPECT_EQ(Published(store, "scores", 1), Rows{"a,1.0"});
  EXPECT_EQ(second.tables.at("scores").files[0].path.rfind("data/scores/date=2026-01-28/r2-", 0),
            0u);
  EXPECT_EQ(second.tables.at("scores").files[0].bounds.at("region")["min"], "a");
}

TEST(PublishTest, AnEmptyReplaceIsEmptyAndAnAbsentTableStays) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  PublishInput input = RunOf(store, kSlot2, "r2", {});
  input.tables.erase(input.tables.begin() + 2);
  ASSERT_OK(Publish(store, input, TestContext()));
  EXPECT_EQ(Published(store, "snapshot"), Rows{});
  EXPECT_EQ(Published(store, "changes"), Rows{"a,1.0"});
}

TEST(PublishTest, RowsGoToThePartitionsOfTheirColumnsAndAFilterReadsOnlyThem) {
  MemoryStore store;
  PublishInput input = RunOf(store, kSlot1, "r1", {});
  TableInput log;
  log.name = "log";
  log.mode = TableMode::kAppend;
  log.partition = {"date", "region"};
  log.rows = DatedPrices({{"b/c", 1}, {std::nullopt, 2}, {"b/c", 3}}, {20481, 20481, 20482});
  input.tables = {log};
  ASSERT_OK_AND_ASSIGN(const Manifest manifest, Publish(store, input, TestContext()));
  std::vector<std::string> folders;
  for (const FileEntry& file : manifest.tables.at("log").files) {
    folders.push_back(file.path.substr(0, file.path.rfind('/')));
  }
  EXPECT_EQ(folders, (Rows{"data/log/date=2026-01-28/region=__HIVE_DEFAULT_PARTITION__",
                           "data/log/date=2026-01-28/region=b%2Fc",
                           "data/log/date=2026-01-29/region=b%2Fc"}));
  ASSERT_OK_AND_ASSIGN(const View view, LoadView(store, kDataset));
  ASSERT_OK_AND_ASSIGN(const columnar::Table some,
                       ReadTable(store, view, "log", {.where = {{"date", "2026-01-28"}}}));
  EXPECT_EQ(Lines(some), (Rows{",2.0,2026-01-28", "b/c,1.0,2026-01-28"}));
  EXPECT_ERROR(ReadTable(store, view, "log", {.where = {{"zone", "x"}}}), Code::kInvalid, "zone");
  EXPECT_ERROR(ReadTable(store, view, "none"), Code::kNotFound, "none");
}

TEST(PublishTest, AMonthIsReplacedByTheNextPublishOfTheMonthEvenByNothing) {
  MemoryStore store;
  const auto publish = [&](const char* slot, const char* run, const std::vector<PriceRow>& rows) {
    PublishInput input = RunOf(store, slot, run, {});
    TableInput items;
    items.name = "items";
    items.mode = TableMode::kPartition;
    items.partition = {"year", "month"};
    items.rows = Prices(rows);
    input.tables = {items};
    EXPECT_OK(Publish(store, input, TestContext()));
  };
  publish("2024-01-01T00:00:00Z", "r1", {{"a", 1}});
  publish("2024-02-01T00:00:00Z", "r2", {{"b", 2}});
  publish("2024-02-01T00:00:00Z", "r3", {{"b", 3}});
  EXPECT_EQ(Published(store, "items"), (Rows{"a,1.0", "b,3.0"}));
  // A revision of an older slot is a late one, and still replaces its month.
  publish("2024-01-01T00:00:00Z", "r4", {});
  EXPECT_EQ(Published(store, "items"), Rows{"b,3.0"});
}

TEST(PublishTest, EqualBytesOfAPartitionAreNamedAgainAndNotStoredTwice) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  PublishRun(store, kSlot2, "r2", {{"a", 1}});
  EXPECT_EQ(store.List("azure-spot/data/snapshot/").value().size(), 1u);
  EXPECT_EQ(store.List("azure-spot/data/scores/").value().size(), 2u);
}

TEST(PublishTest, ALatePublishLeavesSnapshotDiffAndStateAlone) {
  MemoryStore store;
  PublishRun(store, kSlot2, "r2", {{"b", 2}});
  PublishInput input = RunOf(store, kSlot1, "r1", {{"a", 1}});
  input.exports = {{"latest", "snapshot", "json", "default", "latest.json", true},
                   {"log", "scores", "csv", "default", "scores.csv", false}};
  input.outbox = {{"w", "file", "changes", "k"}, {"w", "file", "scores", "k"}};
  ASSERT_OK_AND_ASSIGN(const Manifest late, Publish(store, input, TestContext()));
  EXPECT_EQ(late.kind, PublishKind::kLate);
  EXPECT_EQ(Published(store, "snapshot"), Rows{"b,2.0"});
  EXPECT_EQ(Published(store, "changes"), Rows{"b,2.0"});
  EXPECT_EQ(Published(store, "scores"), (Rows{"b,2.0", "a,1.0"}));
  EXPECT_EQ(LoadView(store, kDataset)->state["slot"], kSlot2);
  EXPECT_EQ(LoadView(store, kDataset)->newest_slot.text, kSlot2);
  ASSERT_EQ(late.exports.size(), 1u);
  EXPECT_EQ(late.exports[0].id, "log");
  ASSERT_EQ(late.outbox.size(), 1u);
  EXPECT_EQ(late.outbox[0].table, "scores");
}

TEST(PublishTest, ARevisionOfTheNewestSlotReplacesWhatTheSlotAdded) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  PublishRun(store, kSlot2, "r2", {{"b", 2}});
  const PublishInput again = RunOf(store, kSlot2, "r3", {{"b", 3}});
  EXPECT_EQ(again.seen.base.number, 1);
  EXPECT_EQ(again.seen.base.state["slot"], kSlot1);
  EXPECT_EQ(again.seen.head.number, 2);
  EXPECT_EQ(again.seen.standing.published, std::vector<int64_t>{2});
  ASSERT_OK_AND_ASSIGN(const Manifest revision, Publish(store, again, TestContext()));
  EXPECT_EQ(revision.kind, PublishKind::kRevision);
  EXPECT_EQ(Published(store, "snapshot"), Rows{"b,3.0"});
  EXPECT_EQ(Published(store, "changes"), (Rows{"a,1.0", "b,3.0"}));
  EXPECT_EQ(Published(store, "scores"), (Rows{"a,1.0", "b,3.0"}));
  // A second one is still derived against the publish before the slot's first.
  EXPECT_EQ(RunOf(store, kSlot2, "r4", {}).seen.base.number, 1);
}

TEST(PublishTest, AFileOfTheCallersIsPublishedByteForByte) {
  const TemporaryFolder folder;
  MemoryStore store;
  ASSERT_OK_AND_ASSIGN(const columnar::WrittenFile written,
                       columnar::WriteParquet(Prices({{"z", 1}, {"a", 2}}), folder.path / "f",
                                              {.compression = "snappy"}));
  PublishInput input = RunOf(store, "2024-01-01T00:00:00Z", "r1", {});
  TableInput items;
  items.name = "items";
  items.mode = TableMode::kPartition;
  items.partition = {"collection", "year"};
  items.keep_bytes = true;
  items.files = {{folder.path / "f", {{"collection", "HLSL30"}}, std::nullopt}};
  input.tables = {items};
  ASSERT_OK_AND_ASSIGN(const Manifest manifest, Publish(store, input, TestContext()));
  const FileEntry& file = manifest.tables.at("items").files.at(0);
  EXPECT_EQ(file.sha256, written.sha256);
  EXPECT_EQ(file.partition, (PartitionValues{"HLSL30", "2024"}));
  EXPECT_EQ(store.Get("azure-spot/" + file.path).value(), ReadFile(folder.path / "f").value());
  EXPECT_EQ(Published(store, "items"), (Rows{"z,1.0", "a,2.0"}));
}

TEST(PublishTest, TheSameRunGivesTheSameObjectsOnDiskAndInMemory) {
  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const auto local, LocalStore::OpenWrite(folder.path));
  MemoryStore memory;
  for (WriteStore* store : {local.get(), static_cast<WriteStore*>(&memory)}) {
    PublishRun(*store, kSlot1, "r1", {{"a", 1}, {"b", 2}});
  }
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> keys, local->List(""));
  EXPECT_EQ(keys, memory.List("").value());
  for (const std::string& key : keys)
    EXPECT_EQ(local->Get(key).value(), memory.Get(key).value()) << key;
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, Verify(*local, kDataset, {}, TestContext()));
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(report.objects, 3);
}

TEST(PublishTest, ADatasetDoesNotLieInsideAnother) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {});
  PublishInput inner = RunOf(store, kSlot1, "r2", {});
  inner.dataset = "azure-spot/inner";
  inner.seen = {};
  EXPECT_ERROR(Publish(store, inner, TestContext()), Code::kInvalid, "inside dataset azure-spot");
}

TEST(PublishTest, AMissingKeyOrPartitionIsNamed) {
  MemoryStore store;
  PublishInput input = RunOf(store, kSlot1, "r1", {{"a", 1}});
  input.tables[0].key = {"zone"};
  EXPECT_ERROR(Publish(store, input, TestContext()), Code::kInvalid, "key column 'zone'");
  input = RunOf(store, kSlot1, "r1", {{"a", 1}});
  input.tables[1].partition = {"zone"};
  EXPECT_ERROR(Publish(store, input, TestContext()), Code::kInvalid, "'zone'");
  EXPECT_EQ(FindHead(store, kDataset).value(), 0);
}

}  // namespace catchment::lake
