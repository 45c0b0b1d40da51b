#include "lake/outbox.h"

#include <fmt/format.h>

#include "lake/exports.h"
#include "lake/lake_fixture.h"

namespace catchment::lake {
namespace {

void PublishWithOutbox(WriteStore& store, const std::string& slot, const std::string& run) {
  PublishInput input = RunOf(store, slot, run, {{"a", 1}});
  input.outbox = {{"warehouse", "timestream", "changes", "k1"},
                  {"warehouse", "timestream", "scores", "k2"},
                  {"slack", "slack", "", run}};
  EXPECT_OK(Publish(store, input, TestContext()));
}

std::vector<std::string> Waiting(const ReadStore& store) {
  std::vector<std::string> lines;
  const std::vector<Delivery> pending = PendingDeliveries(store, kDataset).value();
  for (const Delivery& delivery : pending) {
    lines.push_back(fmt::format("{} {} {}{}", delivery.publish, delivery.item.sink,
                                delivery.item.key, delivery.parked ? " parked" : ""));
  }
  return lines;
}
using Texts = std::vector<std::string>;

}  // namespace

TEST(OutboxTest, ItemsWaitInOrderUntilDelivered) {
  MemoryStore store;
  PublishWithOutbox(store, kSlot1, "r1");
  PublishWithOutbox(store, kSlot2, "r2");
  EXPECT_EQ(Waiting(store), (Texts{"1 warehouse k1", "1 warehouse k2", "1 slack r1",
                                   "2 warehouse k1", "2 warehouse k2", "2 slack r2"}));
  const auto pending = PendingDeliveries(store, kDataset).value();
  ASSERT_OK(MarkDelivered(store, kDataset, pending[0], kNow));
  ASSERT_OK(MarkDelivered(store, kDataset, pending[0], kNow));
  ASSERT_OK(MarkDelivered(store, kDataset, pending[2], kNow));
  EXPECT_EQ(Waiting(store),
            (Texts{"1 warehouse k2", "2 warehouse k1", "2 warehouse k2", "2 slack r2"}));
}

TEST(OutboxTest, TenRefusalsParkAnItemAndUnparkingGivesTenMore) {
  MemoryStore store;
  PublishWithOutbox(store, kSlot1, "r1");
  for (int i = 0; i < kRefusalsUntilParked; ++i) {
    const Delivery item = PendingDeliveries(store, kDataset).value()[0];
    EXPECT_FALSE(item.parked);
    ASSERT_OK(
        MarkFailed(store, kDataset, item, FailureKind::kRefused, "bad row", kNow, {{"rows", {i}}}));
  }
  const Delivery parked = PendingDeliveries(store, kDataset).value()[0];
  EXPECT_TRUE(parked.parked);
  EXPECT_EQ(parked.last_reason, "bad row");
  EXPECT_EQ(parked.rest, (nlohmann::json{{"rows", {9}}}));
  ASSERT_OK(Unpark(store, kDataset, parked, kNow));
  const Delivery again = PendingDeliveries(store, kDataset).value()[0];
  EXPECT_FALSE(again.parked);
  EXPECT_EQ(again.refusals, 0);
  EXPECT_EQ(again.attempts, 10);
}

TEST(OutboxTest, AnUnreachableSinkNeverParksAndLeavesOneMark) {
  MemoryStore store;
  PublishWithOutbox(store, kSlot1, "r1");
  for (int i = 0; i < 30; ++i) {
    const Delivery item = PendingDeliveries(store, kDataset).value()[0];
    ASSERT_OK(MarkFailed(store, kDataset, item, FailureKind::kUnreachable, "no route", kNow));
  }
  EXPECT_FALSE(PendingDeliveries(store, kDataset).value()[0].parked);
  EXPECT_EQ(store.List("azure-spot/outbox/").value().size(), 1u);
}

TEST(OutboxTest, SettledPublishesAreNotLookedAtAgainAndParkedOnesAre) {
  MemoryStore store;
  PublishWithOutbox(store, kSlot1, "r1");
  PublishWithOutbox(store, kSlot2, "r2");
  const auto pending = PendingDeliveries(store, kDataset).value();
  for (int i = 0; i < kRefusalsUntilParked; ++i) {
    ASSERT_OK(MarkFailed(store, kDataset, pending[1], FailureKind::kRefused, "no", kNow));
  }
  ASSERT_OK(MarkDelivered(store, kDataset, pending[0], kNow));
  ASSERT_OK(MarkDelivered(store, kDataset, pending[2], kNow));
  ASSERT_OK(NoteSettled(store, kDataset));
  const Texts expected = {"1 warehouse k2 parked", "2 warehouse k1", "2 warehouse k2",
                          "2 slack r2"};
  EXPECT_EQ(Waiting(store), expected);
  for (size_t i = 3; i < 6; ++i) ASSERT_OK(MarkDelivered(store, kDataset, pending[i], kNow));
  ASSERT_OK(NoteSettled(store, kDataset));
  EXPECT_EQ(Waiting(store), Texts{"1 warehouse k2 parked"});
  ASSERT_OK(MarkDelivered(store, kDataset, pending[1], kNow));
  ASSERT_OK(NoteSettled(store, kDataset));
  EXPECT_EQ(Waiting(store), Texts{});
  // A damaged note costs time only.
  ASSERT_OK(store.Put("azure-spot/outbox/settled.json", "{\"through\": 99}"));
  EXPECT_EQ(Waiting(store), Texts{});
}

TEST(OutboxTest, AnOwedExportKeepsAPublishOpen) {
  MemoryStore store;
  PublishInput input = RunOf(store, kSlot1, "r1", {{"a", 1}});
  input.exports = {{"latest", "snapshot", "json", "default", "latest.json", true}};
  ASSERT_OK(Publish(store, input, TestContext()));
  ASSERT_OK(NoteSettled(store, kDataset));
  EXPECT_EQ(OwedExports(store, kDataset)->size(), 1u);
  ASSERT_OK(MarkExported(store, kDataset, 1, "latest", ExportOutcome::kWritten, kNow));
  ASSERT_OK(NoteSettled(store, kDataset));
  EXPECT_TRUE(OwedExports(store, kDataset)->empty());
}

}  // namespace catchment::lake
