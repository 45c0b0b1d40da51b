#pragma once

// What every LeaseStore promises. Only tests include this.
//
//   INSTANTIATE_TEST_SUITE_P(Fake, LeaseStoreContract, testing::Values([] {
//     return std::unique_ptr<LeaseWorld>(std::make_unique<FakeLeaseWorld>());
//   }));

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/test.h"
#include "core/fake_machine.h"
#include "core/lease.h"

namespace catchment::core {

/// One place of leases, looked at from several machines and processes.
class LeaseWorld {
 public:
  virtual ~LeaseWorld() = default;
  virtual std::unique_ptr<LeaseStore> Open(const Machine& machine) = 0;
};

class LeaseStoreContract
    : public testing::TestWithParam<std::function<std::unique_ptr<LeaseWorld>()>> {
 protected:
  static constexpr std::chrono::milliseconds kTtl{60'000};

  static LeaseHolder Process(int64_t pid) {
    return {
        .run = "", .host = "host", .boot = "boot", .space = "space", .pid = pid, .started = pid};
  }

  void SetUp() override {
    world_ = GetParam()();
    store_ = world_->Open(machine_);
  }

  FakeMachine machine_{Process(1)};
  std::unique_ptr<LeaseWorld> world_;
  std::unique_ptr<LeaseStore> store_;
};

TEST_P(LeaseStoreContract, OnlyOneHolderHasALeaseAndTheOtherIsToldWho) {
  LeaseHolder second = Process(2);
  second.run = "run-2";
  ASSERT_OK(store_->Acquire("export:a", machine_.Self("run-1"), kTtl));
  const auto refused = store_->Acquire("export:a", second, kTtl);
  EXPECT_ERROR(refused, Code::kLocked, "export:a is held by run run-1 (pid 1 on host");
  EXPECT_OK(store_->Acquire("export:b", second, kTtl));
}

TEST_P(LeaseStoreContract, TheSameHolderTakesItAgain) {
  ASSERT_OK_AND_ASSIGN(const Lease first, store_->Acquire("a", machine_.Self("run-1"), kTtl));
  ASSERT_OK_AND_ASSIGN(const Lease again, store_->Acquire("a", machine_.Self("run-1"), kTtl));
  EXPECT_EQ(first.term, again.term);
}

TEST_P(LeaseStoreContract, AReleasedLeaseIsFree) {
  ASSERT_OK_AND_ASSIGN(const Lease lease, store_->Acquire("a", machine_.Self("run-1"), kTtl));
  ASSERT_OK(store_->Release(lease));
  ASSERT_OK_AND_ASSIGN(const Lease next, store_->Acquire("a", Process(2), kTtl));
  EXPECT_GT(next.term, lease.term);
  EXPECT_OK(store_->Release(lease));  // late and harmless
  EXPECT_ERROR(store_->Renew(lease), Code::kNotFound, "taken over");
  EXPECT_OK(store_->Renew(next));
}

TEST_P(LeaseStoreContract, ADeadProcessLosesItAtOnce) {
  ASSERT_OK(store_->Acquire("a", Process(7), kTtl));
  machine_.Kill(7);
  EXPECT_OK(store_->Acquire("a", machine_.Self("run-1"), kTtl));
}

TEST_P(LeaseStoreContract, AHolderThatStoppedRenewingLosesItAfterItsTime) {
  ASSERT_OK_AND_ASSIGN(const Lease lease, store_->Acquire("a", Process(7), kTtl));
  machine_.Advance(kTtl);
  EXPECT_ERROR(store_->Acquire("a", Process(8), kTtl), Code::kLocked, "pid 7");
  ASSERT_OK(store_->Renew(lease));
  machine_.Advance(kTtl);
  EXPECT_ERROR(store_->Acquire("a", Process(8), kTtl), Code::kLocked, "pid 7");
  machine_.Advance(std::chrono::milliseconds(1));
  EXPECT_OK(store_->Acquire("a", Process(8), kTtl));
  EXPECT_ERROR(store_->Renew(lease), Code::kNotFound, "taken over");
}

TEST_P(LeaseStoreContract, AContainersProcessesAreNotJudgedByOurProcessIds) {
  LeaseHolder elsewhere = Process(7);
  elsewhere.space = "other space";
  ASSERT_OK(store_->Acquire("a", elsewhere, kTtl));
  machine_.Kill(7);
  EXPECT_ERROR(store_->Acquire("a", Process(8), kTtl), Code::kLocked, "pid 7");
  machine_.Advance(kTtl + std::chrono::milliseconds(1));
  EXPECT_OK(store_->Acquire("a", Process(8), kTtl));
}

TEST_P(LeaseStoreContract, ALeaseFromBeforeARestartOfTheMachineIsDead) {
  ASSERT_OK(store_->Acquire("a", Process(7), kTtl));
  LeaseHolder self = Process(1);
  self.boot = "next boot";
  const FakeMachine restarted(self);
  const auto store = world_->Open(restarted);
  EXPECT_OK(store->Acquire("a", restarted.Self("run-1"), kTtl));
}

TEST_P(LeaseStoreContract, AnotherMachinesLeaseIsDeadWhenItsBeatStandsStillForItsTime) {
  LeaseHolder self = Process(1);
  self.host = "far host";
  self.boot = "far boot";
  FakeMachine far(self);
  const auto far_store = world_->Open(far);
  ASSERT_OK_AND_ASSIGN(const Lease lease, far_store->Acquire("a", far.Self("far"), kTtl));

  EXPECT_ERROR(store_->Acquire("a", Process(8), kTtl), Code::kLocked, "far host");
  machine_.Advance(kTtl + std::chrono::milliseconds(1));
  ASSERT_OK(far_store->Renew(lease));
  EXPECT_ERROR(store_->Acquire("a", Process(8), kTtl), Code::kLocked, "far host");
  machine_.Advance(kTtl + std::chrono::milliseconds(1));
  EXPECT_OK(store_->Acquire("a", Process(8), kTtl));
}

TEST_P(LeaseStoreContract, FindShowsTheHolder) {
  ASSERT_OK_AND_ASSIGN(const auto none, store_->Find("a"));
  EXPECT_FALSE(none.has_value());
  ASSERT_OK(store_->Acquire("a", machine_.Self("run-1"), kTtl));
  ASSERT_OK_AND_ASSIGN(const auto found, store_->Find("a"));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->lease.holder.run, "run-1");
}

TEST_P(LeaseStoreContract, OfManyThreadsOneWins) {
  std::vector<int> won(4);
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        won[static_cast<size_t>(thread)] =
            store_->Acquire("a", Process(10 + thread), kTtl).ok() ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(won[0] + won[1] + won[2] + won[3], 1);
}

}  // namespace catchment::core
