#pragma once

// What every BudgetStore promises. Only tests include this.
//
//   INSTANTIATE_TEST_SUITE_P(Memory, BudgetStoreContract, testing::Values([] {
//     return std::unique_ptr<BudgetWorld>(std::make_unique<MemoryBudgetWorld>());
//   }));

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/test.h"
#include "net/budget_store.h"

namespace catchment::net {

/// One ledger, into which stores look with limits and a share of their own. Each Open is what a new
/// process would do: it must see all that earlier stores took, even if they still exist.
class BudgetWorld {
 public:
  virtual ~BudgetWorld() = default;
  virtual std::unique_ptr<BudgetStore> Open(BudgetLimits limits, BudgetShare share = {}) = 0;
};

class BudgetStoreContract
    : public testing::TestWithParam<std::function<std::unique_ptr<BudgetWorld>()>> {
 protected:
  static constexpr Time kStart{std::chrono::sys_days{std::chrono::year_month_day{
      std::chrono::year(2026), std::chrono::month(1), std::chrono::day(28)}}};

  void SetUp() override { world_ = GetParam()(); }

  static BudgetLimits Limits(int64_t calls, std::chrono::milliseconds window) {
    return {{{"scores", "*"}, {calls, window}}};
  }
  static int64_t FreeOf(const BudgetStore& store, const BudgetKey& key, Time now) {
    const auto rooms = store.Free(std::vector<BudgetKey>{key}, now);
    return rooms.ok() ? (*rooms)[0].free : -1;
  }
  static Status Take(BudgetStore& store, const BudgetKey& key, Time now, int64_t calls = 1,
                     std::string configuration = "") {
    return store.TakeBatch(std::vector<BudgetSpend>{{key, calls, std::move(configuration)}}, now);
  }

  std::unique_ptr<BudgetWorld> world_;
  const BudgetKey key_{"scores", "subscription-a/eastus"};
  const BudgetKey other_{"scores", "subscription-a/westus"};
};

TEST_P(BudgetStoreContract, RefusesTheFifthCallOfAnHourAndSaysWhenToComeBack) {
  using namespace std::chrono_literals;
  const auto store = world_->Open(Limits(4, 1h));
  for (int call = 0; call < 4; ++call) ASSERT_OK(Take(*store, key_, kStart + call * 10min));

  const Status fifth = Take(*store, key_, kStart + 40min);

  EXPECT_ERROR(fifth, Code::kExhausted, "subscription-a/eastus");
  EXPECT_EQ(fifth.error().retry_after, 20min);
  EXPECT_EQ(FreeOf(*store, key_, kStart + 40min), 0);
}

TEST_P(BudgetStoreContract, APlaceIsFreeAgainExactlyWhenTheWindowHasPassed) {
  using namespace std::chrono_literals;
  const auto store = world_->Open(Limits(1, 62min));
  ASSERT_OK(Take(*store, key_, kStart));
  EXPECT_EQ(FreeOf(*store, key_, kStart + 62min - 1us), 0);
  EXPECT_EQ(FreeOf(*store, key_, kStart + 62min), 1);
  EXPECT_OK(Take(*store, key_, kStart + 62min));
}

TEST_P(BudgetStoreContract, NoSpanOfTheWindowEverHoldsMoreThanTheLimit) {
  using namespace std::chrono_literals;
  const auto store = world_->Open(Limits(10, 62min));
  std::vector<Time> taken;
  for (int minute = 0; minute < 600; ++minute) {
    const Time now = kStart + minute * 1min;
    for (int call = 0; call < minute % 4; ++call) {
      if (Take(*store, key_, now).ok()) taken.push_back(now);
    }
  }
  ASSERT_GT(taken.size(), 80u);
  for (size_t i = 10; i < taken.size(); ++i) EXPECT_GE(taken[i] - taken[i - 10], 62min);
}

TEST_P(BudgetStoreContract, ABatchIsTakenWholeOrNotAtAll) {
  using namespace std::chrono_literals;
  const auto store = world_->Open(Limits(2, 1h));
  ASSERT_OK(Take(*store, other_, kStart, 2));

  EXPECT_ERROR(store->TakeBatch(std::vector<BudgetSpend>{{key_, 1, ""}, {other_, 1, ""}}, kStart),
               Code::kExhausted, "westus");

  EXPECT_EQ(FreeOf(*store, key_, kStart), 2);
  EXPECT_OK(store->TakeBatch(std::vector<BudgetSpend>{}, kStart));
}

TEST_P(BudgetStoreContract, SpendsOfOneKeyInABatchAddUp) {
  using namespace std::chrono_literals;
  const auto store = world_->Open(Limits(3, 1h));
  EXPECT_ERROR(store->TakeBatch(std::vector<BudgetSpend>{{key_, 2, ""}, {key_, 2, ""}}, kStart),
               Code::kExhausted, "4 wanted");
  EXPECT_OK(store->TakeBatch(std::vector<BudgetSpend>{{key_, 1, ""}, {key_, 2, ""}}, kStart));
  EXPECT_EQ(FreeOf(*store, key_, kStart), 0);
}

TEST_P(BudgetStoreContract, MoreThanTheLimitIsNeverFree) {
  using namespace std::chrono_literals;
  const auto store = world_->Open(Limits(3, 1h));
  const Status status = Take(*store, key_, kStart, 4);
  EXPECT_ERROR(status, Code::kExhausted, "4 wanted");
  EXPECT_FALSE(status.error().retry_after.has_value());
}

TEST_P(BudgetStoreContract, AKeyWithoutLimitIsRefused) {
  using namespace std::chrono_literals;
  const auto store = world_->Open(Limits(3, 1h));
  EXPECT_ERROR(Take(*store, {"unknown", "x"}, kStart), Code::kInvalid, "unknown");
  EXPECT_ERROR(store->Free(std::vector<BudgetKey>{{"unknown", "x"}}, kStart), Code::kInvalid,
               "unknown");
  EXPECT_ERROR(Take(*store, key_, kStart, 0), Code::kInvalid, "0");
}

// A26: calls of a killed run and of concurrent runs were missing from the record.
TEST_P(BudgetStoreContract, AnotherProcessSeesWhatWasTaken) {
  using namespace std::chrono_literals;
  auto killed = world_->Open(Limits(4, 1h));
  ASSERT_OK(Take(*killed, key_, kStart, 3));
  const auto concurrent = world_->Open(Limits(4, 1h));
  EXPECT_EQ(FreeOf(*concurrent, key_, kStart), 1);
  killed.reset();
  const auto next = world_->Open(Limits(4, 1h));
  EXPECT_EQ(FreeOf(*next, key_, kStart), 1);
}

// A26: the test environment was missing from the record.
TEST_P(BudgetStoreContract, AnEnvironmentTakesItsShareOfOneLedger) {
  using namespace std::chrono_literals;
  const auto prod = world_->Open(Limits(20, 1h), {"prod", 100});
  const auto test = world_->Open(Limits(20, 1h), {"test", 10});
  ASSERT_OK(Take(*test, key_, kStart, 2));
  EXPECT_ERROR(Take(*test, key_, kStart), Code::kExhausted, "of 2 free");
  EXPECT_EQ(FreeOf(*prod, key_, kStart), 18);
  ASSERT_OK(Take(*prod, other_, kStart, 20));
  EXPECT_EQ(FreeOf(*test, other_, kStart), 0);
}

TEST_P(BudgetStoreContract, AShareIsRoundedDownButNeverNothing) {
  using namespace std::chrono_literals;
  const auto test = world_->Open(Limits(9, 1h), {"test", 10});
  EXPECT_EQ(FreeOf(*test, key_, kStart), 1);
}

TEST_P(BudgetStoreContract, ARestLastsUntilItsEndAndIsNotShortened) {
  using namespace std::chrono_literals;
  const auto store = world_->Open(Limits(4, 1h));
  ASSERT_OK(store->Rest(key_, kStart + 30min));
  ASSERT_OK(store->Rest(key_, kStart + 10min));

  const Status status = Take(*store, key_, kStart);
  EXPECT_ERROR(status, Code::kExhausted, "at rest");
  EXPECT_EQ(status.error().retry_after, 30min);
  const auto rooms = store->Free(std::vector<BudgetKey>{key_, other_}, kStart);
  ASSERT_OK(rooms);
  EXPECT_EQ((*rooms)[0].free, 0);
  EXPECT_EQ((*rooms)[0].rests_until, kStart + 30min);
  EXPECT_EQ((*rooms)[0].next_free, kStart + 30min);
  EXPECT_EQ((*rooms)[1].free, 4);
  EXPECT_FALSE((*rooms)[1].rests_until.has_value());
  EXPECT_OK(Take(*store, key_, kStart + 30min));
}

TEST_P(BudgetStoreContract, ARestOfASubscriptionCoversItsBucketsOnly) {
  using namespace std::chrono_literals;
  const auto store = world_->Open(Limits(4, 1h));
  ASSERT_OK(store->Rest({"scores", "subscription-a/*"}, kStart + 1min));
  EXPECT_EQ(FreeOf(*store, key_, kStart), 0);
  EXPECT_EQ(FreeOf(*store, other_, kStart), 0);
  EXPECT_EQ(FreeOf(*store, {"scores", "subscription-ab/eastus"}, kStart), 4);
  ASSERT_OK(store->Rest({"scores", "*"}, kStart + 1min));
  EXPECT_EQ(FreeOf(*store, {"scores", "subscription-ab/eastus"}, kStart), 0);
}

TEST_P(BudgetStoreContract, AnOwnedConfigurationCostsNothingAndIsProlonged) {
  using namespace std::chrono_literals;
  const auto store = world_->Open(Limits(2, 24h));
  ASSERT_OK(Take(*store, key_, kStart, 1, "m5.large"));
  ASSERT_OK(Take(*store, key_, kStart, 1, "c5.large"));
  EXPECT_ERROR(Take(*store, key_, kStart + 1h, 1, "r5.large"), Code::kExhausted, "0 of 2");
  EXPECT_OK(Take(*store, key_, kStart + 23h, 1, "m5.large"));
  ASSERT_OK(store->Rest(key_, kStart + 72h));
  EXPECT_OK(Take(*store, key_, kStart + 23h, 1, "c5.large"));

  const auto owned = store->Owned(key_, kStart + 25h);
  ASSERT_OK(owned);
  ASSERT_EQ(owned->size(), 2u);
  EXPECT_EQ((*owned)[0].configuration, "c5.large");
  EXPECT_EQ((*owned)[1].first_used, kStart);
  EXPECT_EQ((*owned)[1].last_used, kStart + 23h);
  const auto later = store->Owned(key_, kStart + 47h);
  ASSERT_OK(later);
  EXPECT_TRUE(later->empty());
}

TEST_P(BudgetStoreContract, TheSameNewConfigurationTwiceInABatchIsOnePlace) {
  using namespace std::chrono_literals;
  const auto store = world_->Open(Limits(1, 24h));
  EXPECT_OK(store->TakeBatch(std::vector<BudgetSpend>{{key_, 1, "a"}, {key_, 1, "a"}}, kStart));
  EXPECT_EQ(FreeOf(*store, key_, kStart), 0);
}

TEST_P(BudgetStoreContract, ALearnedLimitHoldsUntilItsEnd) {
  using namespace std::chrono_literals;
  const auto store = world_->Open(Limits(50, 24h));
  ASSERT_OK(Take(*store, key_, kStart, 1, "a"));
  ASSERT_OK(store->Learn(key_, {.limit = 10, .until = kStart + 48h, .disowned = {}}));
  EXPECT_EQ(FreeOf(*store, key_, kStart), 9);
  const auto again = world_->Open(Limits(50, 24h));
  EXPECT_EQ(FreeOf(*again, key_, kStart + 47h), 10);
  EXPECT_EQ(FreeOf(*again, key_, kStart + 48h), 50);
  ASSERT_OK(store->Learn(key_, {.limit = 80, .until = kStart + 48h, .disowned = {}}));
  EXPECT_EQ(FreeOf(*store, key_, kStart + 25h), 50);
}

TEST_P(BudgetStoreContract, ARefusedConfigurationIsNoLongerOwned) {
  using namespace std::chrono_literals;
  const auto store = world_->Open(Limits(2, 24h));
  ASSERT_OK(Take(*store, key_, kStart, 1, "a"));
  ASSERT_OK(store->Learn(key_, {.limit = std::nullopt, .until = {}, .disowned = "a"}));
  const auto owned = store->Owned(key_, kStart);
  ASSERT_OK(owned);
  EXPECT_TRUE(owned->empty());
  EXPECT_EQ(FreeOf(*store, key_, kStart), 2);
}

TEST_P(BudgetStoreContract, ThreadsTogetherTakeNoMoreThanTheLimit) {
  using namespace std::chrono_literals;
  const auto store = world_->Open(Limits(25, 1h));
  std::vector<int> taken(4);
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int call = 0; call < 10; ++call) {
          if (Take(*store, key_, kStart).ok()) ++taken[thread];
        }
      });
    }
  }
  EXPECT_EQ(taken[0] + taken[1] + taken[2] + taken[3], 25);
}

}  // namespace catchment::net
