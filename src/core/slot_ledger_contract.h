#pragma once

// What every SlotLedger promises. Only tests include this.

#include <functional>
#include <memory>
#include <vector>

#include "base/test.h"
#include "core/fake_machine.h"
#include "core/slot_ledger.h"

namespace catchment::core {

/// One book of slots, looked at from several machines and processes.
class SlotWorld {
 public:
  virtual ~SlotWorld() = default;
  virtual std::unique_ptr<SlotLedger> Open(const Machine& machine) = 0;
};

class SlotLedgerContract
    : public testing::TestWithParam<std::function<std::unique_ptr<SlotWorld>()>> {
 protected:
  static constexpr Time kStart{std::chrono::sys_days{std::chrono::days(20'000)}};

  void SetUp() override {
    world_ = GetParam()();
    ledger_ = world_->Open(machine_);
  }

  static Slot SlotAt(int minute) {
    const Time start = kStart + std::chrono::minutes(minute);
    return {SlotId{FormatTime(start)}, start, start + std::chrono::minutes(10)};
  }
  static SlotClaim ClaimOf(int minute, int64_t pid, Overlap overlap = Overlap::kSkip,
                           const std::string& dataset = "d") {
    return {.pipeline = {"p"},
            .dataset = {dataset},
            .slot = SlotAt(minute),
            .holder = {.run = "run-" + std::to_string(pid),
                       .host = "host",
                       .boot = "boot",
                       .space = "space",
                       .pid = pid,
                       .started = pid},
            .ttl = std::chrono::milliseconds(60'000),
            .overlap = overlap};
  }
  static SlotRow RowOf(int minute, SlotState state, std::optional<int64_t> published = {}) {
    return {.pipeline = {"p"},
            .dataset = {"d"},
            .slot = SlotAt(minute).id,
            .start = SlotAt(minute).start,
            .state = state,
            .run = {"run"},
            .published = published,
            .note = "note"};
  }

  FakeMachine machine_;
  std::unique_ptr<SlotWorld> world_;
  std::unique_ptr<SlotLedger> ledger_;
};

TEST_P(SlotLedgerContract, AClaimedSlotIsRunningAndLockedForOthers) {
  ASSERT_OK_AND_ASSIGN(const ClaimResult claimed, ledger_->Claim(ClaimOf(0, 2)));
  ASSERT_TRUE(claimed.lease.has_value());
  EXPECT_EQ(claimed.lease->name, "slot:d:" + SlotAt(0).id.text);
  EXPECT_ERROR(ledger_->Claim(ClaimOf(0, 3)), Code::kLocked, "is held by run run-2 (pid 2 on host");
  ASSERT_OK_AND_ASSIGN(const SlotRow row, ledger_->Find({"d"}, SlotAt(0).id));
  EXPECT_EQ(row.state, SlotState::kRunning);
  EXPECT_EQ(row.run.text, "run-2");
  EXPECT_OK(ledger_->Renew(*claimed.lease));
}

TEST_P(SlotLedgerContract, TheRunThatHoldsTheSlotMayClaimItAgain) {
  ASSERT_OK(ledger_->Claim(ClaimOf(0, 2)));
  ASSERT_OK_AND_ASSIGN(const ClaimResult again, ledger_->Claim(ClaimOf(0, 2)));
  EXPECT_TRUE(again.lease.has_value());
}

TEST_P(SlotLedgerContract, AnotherSlotOfTheDatasetIsNotClaimedUnlessOverlapIsAllowed) {
  ASSERT_OK(ledger_->Claim(ClaimOf(0, 2)));
  for (const Overlap overlap : {Overlap::kSkip, Overlap::kQueue}) {
    ASSERT_OK_AND_ASSIGN(const ClaimResult refused, ledger_->Claim(ClaimOf(10, 3, overlap)));
    EXPECT_FALSE(refused.lease.has_value());
    ASSERT_TRUE(refused.other.has_value());
    EXPECT_EQ(refused.other->lease.holder.run, "run-2");
  }
  EXPECT_ERROR(ledger_->Find({"d"}, SlotAt(10).id), Code::kNotFound, "d");
  ASSERT_OK_AND_ASSIGN(const ClaimResult allowed, ledger_->Claim(ClaimOf(10, 3, Overlap::kAllow)));
  EXPECT_TRUE(allowed.lease.has_value());
  ASSERT_OK_AND_ASSIGN(const ClaimResult other,
                       ledger_->Claim(ClaimOf(10, 4, Overlap::kSkip, "d2")));
  EXPECT_TRUE(other.lease.has_value());
}

// A run that was killed must be continued at once.
TEST_P(SlotLedgerContract, AKilledRunsSlotIsTakenOverAtOnce) {
  ASSERT_OK_AND_ASSIGN(const ClaimResult killed, ledger_->Claim(ClaimOf(0, 2)));
  machine_.Kill(2);
  ASSERT_OK_AND_ASSIGN(const ClaimResult next, ledger_->Claim(ClaimOf(0, 3)));
  ASSERT_TRUE(next.lease.has_value());
  ASSERT_TRUE(next.taken_over.has_value());
  EXPECT_EQ(next.taken_over->lease.holder.run, "run-2");
  EXPECT_ERROR(ledger_->Release(*killed.lease, RowOf(0, SlotState::kFailed)), Code::kNotFound,
               "taken over");
  ASSERT_OK_AND_ASSIGN(const SlotRow row, ledger_->Find({"d"}, SlotAt(0).id));
  EXPECT_EQ(row.run.text, "run-3");
}

TEST_P(SlotLedgerContract, AKilledRunDoesNotKeepOtherSlotsWaiting) {
  ASSERT_OK(ledger_->Claim(ClaimOf(0, 2)));
  machine_.Kill(2);
  ASSERT_OK_AND_ASSIGN(const ClaimResult next, ledger_->Claim(ClaimOf(10, 3)));
  EXPECT_TRUE(next.lease.has_value());
}

TEST_P(SlotLedgerContract, ReleaseWritesTheOutcomeAndFreesTheSlot) {
  ASSERT_OK_AND_ASSIGN(const ClaimResult claimed, ledger_->Claim(ClaimOf(0, 2)));
  ASSERT_OK(ledger_->Release(*claimed.lease, RowOf(0, SlotState::kPublished, 42)));
  ASSERT_OK_AND_ASSIGN(const SlotRow row, ledger_->Find({"d"}, SlotAt(0).id));
  EXPECT_EQ(row.state, SlotState::kPublished);
  EXPECT_EQ(row.published, 42);
  EXPECT_EQ(row.note, "note");
  ASSERT_OK_AND_ASSIGN(const ClaimResult again, ledger_->Claim(ClaimOf(0, 3)));
  EXPECT_TRUE(again.lease.has_value());
  ASSERT_OK(ledger_->Release(*again.lease, RowOf(0, SlotState::kFailed)));
  ASSERT_OK_AND_ASSIGN(const SlotRow failed, ledger_->Find({"d"}, SlotAt(0).id));
  EXPECT_EQ(failed.published, 42);  // a failed revision does not unpublish
}

TEST_P(SlotLedgerContract, AMarkDoesNotUnpublishOrDisturbARunningSlot) {
  ASSERT_OK(ledger_->Mark(RowOf(0, SlotState::kPublished, 7)));
  ASSERT_OK(ledger_->Mark(RowOf(0, SlotState::kSkipped)));
  ASSERT_OK_AND_ASSIGN(const SlotRow published, ledger_->Find({"d"}, SlotAt(0).id));
  EXPECT_EQ(published.state, SlotState::kPublished);
  ASSERT_OK(ledger_->Claim(ClaimOf(10, 2)));
  ASSERT_OK(ledger_->Mark(RowOf(10, SlotState::kSkipped)));
  ASSERT_OK_AND_ASSIGN(const SlotRow running, ledger_->Find({"d"}, SlotAt(10).id));
  EXPECT_EQ(running.state, SlotState::kRunning);
  ASSERT_OK(ledger_->Mark(RowOf(20, SlotState::kLost)));
  ASSERT_OK_AND_ASSIGN(const SlotRow lost, ledger_->Find({"d"}, SlotAt(20).id));
  EXPECT_EQ(lost.state, SlotState::kLost);
}

TEST_P(SlotLedgerContract, ListGivesTheSlotsOfASpanOldestFirst) {
  for (const int minute : {20, 0, 10}) {
    ASSERT_OK(ledger_->Mark(RowOf(minute, SlotState::kSkipped)));
  }
  ASSERT_OK_AND_ASSIGN(const auto rows, ledger_->List({"d"}, SlotAt(0).start, SlotAt(20).start));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].slot, SlotAt(0).id);
  EXPECT_EQ(rows[1].slot, SlotAt(10).id);
  ASSERT_OK_AND_ASSIGN(const auto none, ledger_->List({"other"}, kStart, SlotAt(100).start));
  EXPECT_TRUE(none.empty());
}

}  // namespace catchment::core
