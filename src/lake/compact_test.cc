#include "lake/compact.h"

#include <algorithm>

#include "lake/lake_fixture.h"
#include "lake/verify.h"

namespace catchment::lake {
namespace {

std::string Slot(int number) {
  return FormatTime(ParseTime("2026-01-28").value() + std::chrono::minutes(10 * number));
}

/// Twelve publishes of one day and one of the next.
void Fill(WriteStore& store) {
  for (int i = 0; i < 12; ++i) {
    PublishRun(store, Slot(i), "r" + std::to_string(i), {{"a", i}, {"b", i}});
  }
  PublishRun(store, Slot(144), "next", {{"z", 0}});
}

size_t LiveFiles(const ReadStore& store, const std::string& table) {
  return LoadView(store, kDataset)->tables.at(table).files.size();
}

}  // namespace

TEST(CompactTest, ManySmallFilesBecomeOneAndNoRowChanges) {
  MemoryStore store;
  Fill(store);
  const auto scores = Published(store, "scores"), snapshot = Published(store, "snapshot");
  ASSERT_EQ(LiveFiles(store, "scores"), 13u);
  ASSERT_OK_AND_ASSIGN(const auto made, Compact(store, kDataset, RunId{"c1"}, {}, TestContext()));
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->kind, PublishKind::kCompact);
  EXPECT_EQ(LiveFiles(store, "scores"), 2u);
  EXPECT_EQ(Published(store, "scores"), scores);
  EXPECT_EQ(Published(store, "snapshot"), snapshot);
  EXPECT_EQ(Published(store, "scores", 5).size(), 10u);
  ASSERT_OK_AND_ASSIGN(const View view, LoadView(store, kDataset));
  EXPECT_EQ(view.newest_slot.text, Slot(144));
  EXPECT_EQ(view.state["slot"], Slot(144));
  ASSERT_OK_AND_ASSIGN(const VerifyReport report,
                       Verify(store, kDataset, {.all_versions = true}, TestContext()));
  EXPECT_TRUE(report.findings.empty());
  ASSERT_OK_AND_ASSIGN(const auto nothing,
                       Compact(store, kDataset, RunId{"c2"}, {}, TestContext()));
  EXPECT_FALSE(nothing.has_value());
}

TEST(CompactTest, AnOpenPartitionIsLeftAlone) {
  MemoryStore store;
  Fill(store);
  CompactOptions options;
  options.open = [](std::string_view, const PartitionValues&) { return true; };
  ASSERT_OK_AND_ASSIGN(const auto made,
                       Compact(store, kDataset, RunId{"c1"}, options, TestContext()));
  EXPECT_FALSE(made.has_value());
}

TEST(CompactTest, ARevisionStillReplacesItsSlotsRowsInACompactedFile) {
  MemoryStore store;
  Fill(store);
  auto expected = Published(store, "scores");
  ASSERT_OK(Compact(store, kDataset, RunId{"c1"}, {}, TestContext()));
  // Slot 3 is older than the newest: late rules, scores only.
  const Manifest revision = PublishRun(store, Slot(3), "again", {{"new", 33}});
  EXPECT_EQ(revision.kind, PublishKind::kRevision);
  expected.erase(expected.begin() + 6, expected.begin() + 8);
  expected.push_back("new,33.0");
  EXPECT_EQ(Published(store, "scores"), expected);
  // A second compaction leaves the dropped rows behind for good.
  ASSERT_OK(Compact(store, kDataset, RunId{"c2"}, {.min_files = 2}, TestContext()));
  auto sorted = Published(store, "scores");
  std::sort(sorted.begin(), sorted.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(sorted, expected);
  EXPECT_EQ(LiveFiles(store, "scores"), 2u);
  // And a third revision of that slot finds its rows again.
  PublishRun(store, Slot(3), "third", {});
  EXPECT_EQ(Published(store, "scores").size(), expected.size() - 1);
}

}  // namespace catchment::lake
