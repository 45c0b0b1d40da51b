#include "sources/budget_transport.h"

#include "base/test.h"
#include "net/fake_transport.h"
#include "net/memory_budget_store.h"
#include "sources/call_budget.h"

namespace catchment::sources {
namespace {

using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;
using Kind = CallBudget::Permit::Kind;

class BudgetTransportTest : public testing::Test {
 protected:
  BudgetTransportTest() { context_.clock = &clock_; }

  CallBudget Budget(OpContext::Steady::time_point deadline = OpContext::Steady::time_point::max()) {
    return CallBudget(transport_, "api", "me", context_, deadline);
  }
  int64_t Spent() {
    int64_t calls = 0;
    MutexLock lock(ledger_.mutex);
    for (const auto& [key, uses] : ledger_.uses) {
      for (const auto& use : uses) calls += use.calls;
    }
    return calls;
  }

  ManualClock clock_{*ParseTime("2026-01-28T00:00:00Z")};
  OpContext context_;
  net::FakeTransport inner_{[](const net::Request&) { return net::Answer(200, "world"); }};
  net::MemoryBudgetLedger ledger_;
  net::MemoryBudgetStore store_{{{{"api", "*"}, {3, 60min}}}, {}, &ledger_};
  BudgetTransport transport_{inner_, store_};
};

TEST_F(BudgetTransportTest, OtherRequestsPass) {
  ASSERT_OK_AND_ASSIGN(const net::Response response,
                       transport_.Send({.url = "https://example.com/"}, context_));
  EXPECT_EQ(response.body, "world");
}

TEST_F(BudgetTransportTest, PermitsComeFromTheFullestBucketTiesByName) {
  CallBudget budget = Budget();
  ASSERT_OK_AND_ASSIGN(const auto free, budget.Allowance({"g", "h"}, {"y", "x"}, std::nullopt));
  EXPECT_EQ(free, (std::map<std::string, int64_t>{{"g", 6}, {"h", 6}}));
  std::string names;
  for (int call = 0; call < 6; ++call) {
    ASSERT_OK_AND_ASSIGN(const auto permit, budget.Ask("g", fmt::format("{}", call), 0));
    ASSERT_EQ(permit.kind, Kind::kTaken);
    names += permit.name;
  }
  EXPECT_EQ(names, "xyxyxy");
  ASSERT_OK_AND_ASSIGN(const auto none, budget.Ask("g", "6", 0));
  EXPECT_EQ(none.kind, Kind::kStop);
  EXPECT_EQ(none.reason, "budget");
  EXPECT_EQ(budget.Ask("h", "7", 0)->kind, Kind::kTaken);
}

TEST_F(BudgetTransportTest, AnnouncedCallsAreMadeDurableTogetherAndOldPermitsAreNotUsed) {
  CallBudget budget = Budget();
  ASSERT_OK(budget.Allowance({"g"}, {"x", "y"}, std::nullopt));
  ASSERT_OK(budget.Announce({{"g", 4}}));
  ASSERT_OK(budget.Ask("g", "0", 0));
  EXPECT_EQ(Spent(), 4);
  clock_.Advance(30s);  // three permits are too old; two places are left
  EXPECT_EQ(budget.Ask("g", "1", 0)->kind, Kind::kTaken);
  EXPECT_EQ(Spent(), 6);
  EXPECT_EQ(budget.Ask("g", "2", 0)->kind, Kind::kTaken);
  EXPECT_EQ(budget.Ask("g", "3", 0)->reason, "budget");
}

TEST_F(BudgetTransportTest, WhatOthersSpendMeanwhileIsNoticed) {
  CallBudget budget = Budget();
  ASSERT_OK(budget.Allowance({"g"}, {"x", "y"}, std::nullopt));
  const net::BudgetSpend other{.key = {"api", "me/g/x"}, .calls = 3};
  ASSERT_OK(store_.TakeBatch({&other, 1}, clock_.Now()));
  for (int call = 0; call < 3; ++call) {
    ASSERT_OK_AND_ASSIGN(const auto permit, budget.Ask("g", fmt::format("{}", call), 0));
    EXPECT_EQ(permit.name, "y");
  }
  EXPECT_EQ(budget.Ask("g", "3", 0)->reason, "budget");
}

TEST_F(BudgetTransportTest, RestsAreWaitedForIfTheyEndInTime) {
  CallBudget budget = Budget();
  ASSERT_OK(budget.Allowance({"g", "h"}, {"x"}, std::nullopt));
  ASSERT_OK(budget.TellRest("g", "", "0", 0, clock_.Now() + 90s));
  ASSERT_OK_AND_ASSIGN(const auto wait, budget.Ask("g", "1", 0));
  EXPECT_EQ(wait.kind, Kind::kWait);
  EXPECT_EQ(wait.wait, 90s);
  EXPECT_EQ(budget.Ask("h", "1", 0)->kind, Kind::kTaken);
  CallBudget hurried = Budget(OpContext::Steady::now() + 60s);
  EXPECT_EQ(hurried.Ask("g", "1", 0)->reason, "budget");
  EXPECT_EQ(Budget(OpContext::Steady::now() - 1s).Ask("h", "1", 0)->reason, "deadline");
  clock_.Advance(90s);
  EXPECT_EQ(budget.Ask("g", "1", 0)->kind, Kind::kTaken);
  // Another run knows of the rest too.
  ASSERT_OK(budget.TellRest("g", "x", "1", 0, clock_.Now() + 90s));
  EXPECT_EQ(store_.Free(std::vector<net::BudgetKey>{{"api", "me/g/x"}}, clock_.Now())->front().free,
            0);
}

TEST_F(BudgetTransportTest, FactsDenialsAndTheCeilingHoldForCallsToCome) {
  CallBudget budget = Budget();
  ASSERT_OK(budget.Allowance({"g", "h"}, {"x", "y"}, 2));
  ASSERT_OK(budget.TellFact("region a", "0", 0));
  ASSERT_OK(budget.TellFact("region a", "1", 0));
  ASSERT_OK_AND_ASSIGN(const auto permit, budget.Ask("g", "2", 0));
  EXPECT_EQ(permit.facts, std::vector<std::string>{"region a"});
  ASSERT_OK(budget.TellDenied("g", "2", 0));
  EXPECT_EQ(budget.Ask("g", "3", 0)->reason, "credentials");
  EXPECT_EQ(budget.Ask("h", "4", 0)->kind, Kind::kTaken);
  EXPECT_EQ(budget.Ask("h", "5", 0)->reason, "budget");  // the ceiling
  ASSERT_OK(budget.TellDenied("", "5", 0));
  EXPECT_EQ(budget.Ask("h", "6", 0)->reason, "credentials");
}

TEST_F(BudgetTransportTest, ABucketWithoutLimitIsAnError) {
  CallBudget budget(transport_, "other", "me", context_, OpContext::Steady::time_point::max());
  EXPECT_ERROR(budget.Allowance({"g"}, {"x"}, std::nullopt), Code::kInvalid, "no budget");
}

}  // namespace
}  // namespace catchment::sources
