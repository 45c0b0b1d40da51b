#include "lake/lake_fixture.h"
#include "lake/table_read.h"
#include "lake/verify.h"

// Bytes that changed after they were written.
namespace catchment::lake {
namespace {

std::string SnapshotKey(const ReadStore& store, int64_t number) {
  return "azure-spot/" +
         ReadManifest(store, kDataset, number)->tables.at("snapshot").files.at(0).path;
}

}  // namespace

TEST(CorruptionTest, AFlippedByteOfAManifestStopsReadersAndIsNamed) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  PublishRun(store, kSlot2, "r2", {{"b", 2}});
  for (const int64_t number : {1, 2}) {
    const std::string key = ManifestKey(kDataset, number);
    const std::string good = store.Get(key).value();
    std::string bad = good;
    bad[bad.size() / 2] ^= 4;
    ASSERT_OK(store.Put(key, bad));
    EXPECT_ERROR(LoadView(store, kDataset), Code::kCorrupt, key);
    ASSERT_OK_AND_ASSIGN(const VerifyReport report, Verify(store, kDataset, {}, TestContext()));
    ASSERT_FALSE(report.findings.empty());
    EXPECT_EQ(report.findings[0].object, key);
    ASSERT_OK(store.Put(key, good.substr(0, good.size() / 2)));
    EXPECT_ERROR(LoadView(store, kDataset), Code::kCorrupt, key);
    ASSERT_OK(store.Put(key, good));
  }
}

TEST(CorruptionTest, AForeignManifestInTheChainIsFound) {
  MemoryStore store, other;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  PublishRun(store, kSlot2, "r2", {{"b", 2}});
  PublishRun(other, kSlot1, "x1", {{"a", 1}});
  ASSERT_OK(store.Put(ManifestKey(kDataset, 1), other.Get(ManifestKey(kDataset, 1)).value()));
  EXPECT_ERROR(LoadView(store, kDataset), Code::kCorrupt, "parent");
}

TEST(CorruptionTest, AMissingShortOrChangedDataObjectIsCorruptWithARemedy) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}, {"b", 2}});
  const std::string key = SnapshotKey(store, 1);
  const std::string good = store.Get(key).value();
  ASSERT_OK_AND_ASSIGN(const View view, LoadView(store, kDataset));

  ASSERT_OK(store.Delete(key));
  EXPECT_ERROR(ReadTable(store, view, "snapshot"), Code::kCorrupt,
               "the object is missing; restore");
  ASSERT_OK(store.Put(key, good.substr(0, good.size() - 1)));
  EXPECT_ERROR(ReadTable(store, view, "snapshot"), Code::kCorrupt, "bytes, but its manifest says");
  int found = 0;
  for (size_t i = 0; i < good.size(); i += 29) {
    std::string bad = good;
    bad[i] ^= 1;
    ASSERT_OK(store.Put(key, bad));
    EXPECT_ERROR(ReadTable(store, view, "snapshot", {.where = {}, .verify_sha256 = true}),
                 Code::kCorrupt, "SHA-256");
    ASSERT_OK_AND_ASSIGN(const VerifyReport report, Verify(store, kDataset, {}, TestContext()));
    found += report.findings.size() == 1 && report.findings[0].object == key ? 1 : 0;
  }
  EXPECT_EQ(found, static_cast<int>((good.size() + 28) / 29));
}

TEST(CorruptionTest, AnOldVersionsObjectIsLookedAtWhenAllVersionsAre) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  const std::string old = SnapshotKey(store, 1);
  PublishRun(store, kSlot2, "r2", {{"b", 2}});
  ASSERT_OK(store.Delete(old));
  EXPECT_TRUE(Verify(store, kDataset, {}, TestContext())->findings.empty());
  ASSERT_OK_AND_ASSIGN(const VerifyReport all,
                       Verify(store, kDataset, {.all_versions = true}, TestContext()));
  ASSERT_EQ(all.findings.size(), 1u);
  EXPECT_EQ(all.findings[0].object, old);
}

}  // namespace catchment::lake
