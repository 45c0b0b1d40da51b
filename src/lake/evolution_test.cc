#include "lake/lake_fixture.h"

// Schemas grow by nullable columns, and in no other way.
namespace catchment::lake {
namespace {
using Rows = std::vector<std::string>;
}  // namespace

TEST(EvolutionTest, OldFilesReadWithNullsInAnAddedColumn) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  PublishInput input = RunOf(store, kSlot2, "r2", {});
  for (TableInput& table : input.tables) table.rows = PricesWithZone({{"b", 2}});
  ASSERT_OK(Publish(store, input, TestContext()));
  EXPECT_EQ(Published(store, "scores"), (Rows{"a,1.0,", "b,2.0,"}));
  EXPECT_EQ(Published(store, "scores", 1), Rows{"a,1.0"});
}

TEST(EvolutionTest, AChangedTypeAColumnLessAndAnotherModeAreRefused) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  PublishInput input = RunOf(store, kSlot2, "r2", {{"b", 2}});
  input.tables[1].rows = PricesAsText({{"b", 2}});
  EXPECT_ERROR(Publish(store, input, TestContext()), Code::kInvalid, "table scores");
  EXPECT_ERROR(Publish(store, input, TestContext()), Code::kInvalid, "price");

  input = RunOf(store, kSlot2, "r2", {{"b", 2}});
  input.tables[1].mode = TableMode::kReplace;
  EXPECT_ERROR(Publish(store, input, TestContext()), Code::kInvalid, "give it a new name");

  input = RunOf(store, kSlot2, "r2", {{"b", 2}});
  input.tables[1].partition = {"year"};
  EXPECT_ERROR(Publish(store, input, TestContext()), Code::kInvalid, "was partitioned by [date]");
  EXPECT_EQ(FindHead(store, kDataset).value(), 1);
}

}  // namespace catchment::lake
