#include "lake/lake_fixture.h"
#include "lake/recover.h"
#include "lake/verify.h"

// Two publishers of one dataset.
namespace catchment::lake {
namespace {
using Rows = std::vector<std::string>;
constexpr char kSlot3[] = "2026-01-28T00:20:00Z";
}  // namespace

TEST(ConflictTest, TheSecondOfTwoFromOneHeadDerivesAgainAndLosesNothing) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  const PublishInput slow = RunOf(store, kSlot2, "r2", {{"b", 2}});
  PublishRun(store, kSlot3, "r3", {{"c", 3}});

  EXPECT_ERROR(Publish(store, slow, TestContext()), Code::kExists, "another run published first");
  EXPECT_EQ(FindHead(store, kDataset).value(), 2);

  const PublishInput again = RunOf(store, kSlot2, "r2", {{"b", 2}});
  EXPECT_EQ(again.seen.standing.kind, PublishKind::kLate);
  const auto staged = store.List("azure-spot/data/scores/").value();
  ASSERT_OK_AND_ASSIGN(const Manifest late, Publish(store, again, TestContext()));
  EXPECT_EQ(late.number, 3);
  EXPECT_EQ(Published(store, "snapshot"), Rows{"c,3.0"});
  EXPECT_EQ(Published(store, "scores"), (Rows{"a,1.0", "c,3.0", "b,2.0"}));
  // The object staged before the conflict was used again.
  EXPECT_EQ(store.List("azure-spot/data/scores/").value(), staged);

  // What only the first try staged goes once the run is dead, and nothing else.
  ASSERT_OK_AND_ASSIGN(const RecoverReport tidy,
                       Recover(store, kDataset, [](const RunId&) { return false; }));
  EXPECT_EQ(tidy.orphans.size(), 2u);  // snapshot and changes of r2
  ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                       Verify(store, kDataset, {.all_versions = true}, TestContext()));
  EXPECT_TRUE(report.findings.empty());
}

TEST(ConflictTest, AManifestIsCreatedOnceAndNeverChanged) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  const std::string bytes = store.Get(ManifestKey(kDataset, 1)).value();
  PublishInput other = RunOf(store, kSlot1, "r2", {{"a", 9}});
  other.seen = {};
  EXPECT_ERROR(Publish(store, other, TestContext()), Code::kExists, "another run published first");
  EXPECT_EQ(store.Get(ManifestKey(kDataset, 1)).value(), bytes);
}

}  // namespace catchment::lake
