#include "lake/recover.h"

#include <set>

#include "base/file.h"
#include "lake/faulty_store.h"
#include "lake/lake_fixture.h"
#include "lake/local_store.h"
#include "lake/verify.h"

// A publish that dies at any of its writes.
namespace catchment::lake {
namespace {

using Rows = std::vector<std::string>;
const auto kNobodyLives = [](const RunId&) { return false; };

/// Each data object is named by a manifest.
void ExpectNoOrphans(const ReadStore& store) {
  std::set<std::string> named;
  const int64_t head = FindHead(store, kDataset).value();
  for (int64_t number = 1; number <= head; ++number) {
    const Manifest manifest = ReadManifest(store, kDataset, number).value();
    for (const auto& [name, table] : manifest.tables) {
      for (const FileEntry& file : table.files) named.insert("azure-spot/" + file.path);
    }
  }
  const auto there = store.List("azure-spot/data/").value();
  EXPECT_EQ(std::set<std::string>(there.begin(), there.end()), named);
}

/// Let the second publish fail at write `nth`; false once it no longer gets that far.
bool DieAt(int64_t nth, FaultyStore::Fault fault) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  FaultyStore faulty(store, nth, fault);
  const Result<Manifest> made =
      Publish(faulty, RunOf(store, kSlot2, "r2", {{"b", 2}}), TestContext());
  if (faulty.writes() < nth) {
    EXPECT_TRUE(made.ok());
    return false;
  }
  const int64_t head = FindHead(store, kDataset).value();
  EXPECT_TRUE(head == 1 || head == 2);
  if (made.ok()) {
    EXPECT_EQ(head, 2);
  }
  const auto check = [&] {
    EXPECT_EQ(Published(store, "snapshot"), head == 1 ? Rows{"a,1.0"} : Rows{"b,2.0"});
    EXPECT_EQ(Published(store, "scores"), head == 1 ? Rows{"a,1.0"} : (Rows{"a,1.0", "b,2.0"}));
    EXPECT_EQ(LoadView(store, kDataset)->state["slot"], head == 1 ? kSlot1 : kSlot2);
  };
  check();
  EXPECT_OK(Recover(store, kDataset, kNobodyLives));
  check();
  ExpectNoOrphans(store);
  EXPECT_TRUE(store.List("azure-spot/runs/").value().empty());
  EXPECT_EQ(store.Get("azure-spot/HEAD").value(), head == 1 ? "1\n" : "2\n");
  const VerifyReport report =
      Verify(store, kDataset, {.all_versions = true}, TestContext()).value();
  EXPECT_TRUE(report.findings.empty());
  // The next run goes on from there.
  EXPECT_EQ(PublishRun(store, "2026-01-28T00:20:00Z", "r3", {{"c", 3}}).number, head + 1);
  return true;
}

}  // namespace

// H28 metadata_mismatch: no reader sees files that another publish describes.
TEST(RecoveryTest, ADeathAtAnyWriteLeavesTheLakeAsItWasOrOnePublishFurther) {
  using Fault = FaultyStore::Fault;
  for (const Fault fault : {Fault::kBefore, Fault::kAfter, Fault::kOnceBefore, Fault::kOnceAfter}) {
    int64_t nth = 1;
    while (DieAt(nth, fault)) ++nth;
    EXPECT_GE(nth, 6);
  }
}

TEST(RecoveryTest, AManifestWhoseWriteFailedAfterItWasDoneIsFoundToBeOurs) {
  MemoryStore store;
  int found = 0;
  for (int64_t nth = 1; nth < 8; ++nth) {
    MemoryStore fresh;
    FaultyStore faulty(fresh, nth, FaultyStore::Fault::kOnceAfter);
    const Result<Manifest> made =
        Publish(faulty, RunOf(fresh, kSlot1, "r1", {{"a", 1}}), TestContext());
    if (made.ok() && FindHead(fresh, kDataset).value() == 1) ++found;
  }
  EXPECT_GE(found, 1);
}

TEST(RecoveryTest, ObjectsOfALivingRunAreLeftAlone) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  // Journal and three data objects are written, the manifest is not.
  FaultyStore faulty(store, 5, FaultyStore::Fault::kBefore);
  ASSERT_FALSE(Publish(faulty, RunOf(store, kSlot2, "r2", {{"b", 2}}), TestContext()).ok());
  const auto before = store.Snapshot();
  ASSERT_OK_AND_ASSIGN(const RecoverReport report,
                       Recover(store, kDataset, [](const RunId& run) { return run.text == "r2"; }));
  EXPECT_EQ(store.Snapshot(), before);
  EXPECT_EQ(report.kept.size(), 1u);
  ASSERT_OK_AND_ASSIGN(const RecoverReport dead, Recover(store, kDataset, kNobodyLives));
  EXPECT_EQ(dead.orphans.size(), 3u);
  EXPECT_EQ(dead.journals.size(), 1u);
}

TEST(RecoveryTest, AMissingHeadAndCheckpointAreWrittenAgain) {
  MemoryStore store;
  View view;
  view.dataset = kDataset;
  for (int64_t number = 1; number <= 257; ++number) {
    Manifest manifest;
    manifest.slot_time = ParseTime(kSlot1).value() + std::chrono::minutes(number);
    manifest.slot.text = FormatTime(manifest.slot_time);
    manifest.run.text = "r";
    std::string digest;
    ASSERT_OK(CommitManifest(store, view, manifest));
    ASSERT_OK_AND_ASSIGN(const Manifest made, ReadManifest(store, kDataset, number, &digest));
    ASSERT_OK(Fold(view, made, digest));
  }
  const auto before = store.Snapshot();
  ASSERT_TRUE(before.contains(CheckpointKey(kDataset, 256)));
  ASSERT_OK(store.Delete("azure-spot/HEAD"));
  ASSERT_OK(store.Put(CheckpointKey(kDataset, 256), "{}"));
  ASSERT_OK_AND_ASSIGN(const VerifyReport damaged, Verify(store, kDataset, {}, TestContext()));
  ASSERT_EQ(damaged.findings.size(), 1u);
  EXPECT_EQ(damaged.findings[0].remedy, "`catchment recover` writes it again");
  ASSERT_OK_AND_ASSIGN(const RecoverReport report, Recover(store, kDataset, kNobodyLives));
  EXPECT_TRUE(report.head);
  EXPECT_EQ(report.checkpoints.size(), 1u);
  EXPECT_EQ(store.Snapshot(), before);
}

TEST(RecoveryTest, UnfinishedFilesOnDiskAreRemoved) {
  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const auto store, LocalStore::OpenWrite(folder.path));
  PublishRun(*store, kSlot1, "r1", {{"a", 1}});
  const auto half =
      folder.path / "azure-spot" / "manifests" / ".tmp-20260101T000000-000000-0123456789abcdef";
  ASSERT_OK(WriteFileAtomically(half, "half a manifest"));
  ASSERT_OK_AND_ASSIGN(const RecoverReport report, Recover(*store, kDataset, kNobodyLives));
  EXPECT_EQ(report.temporary.size(), 1u);
  EXPECT_FALSE(std::filesystem::exists(half));
  EXPECT_EQ(Published(*store, "snapshot"), Rows{"a,1.0"});
}

}  // namespace catchment::lake
