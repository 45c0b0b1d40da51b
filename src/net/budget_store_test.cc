#include "net/budget_store.h"

#include "net/budget_store_contract.h"
#include "net/memory_budget_store.h"

namespace catchment::net {

namespace {

class MemoryBudgetWorld final : public BudgetWorld {
 public:
  std::unique_ptr<BudgetStore> Open(BudgetLimits limits, BudgetShare share) override {
    return std::make_unique<MemoryBudgetStore>(std::move(limits), std::move(share), &ledger_);
  }

 private:
  MemoryBudgetLedger ledger_;
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Memory, BudgetStoreContract, testing::Values([] {
                           return std::unique_ptr<BudgetWorld>(
                               std::make_unique<MemoryBudgetWorld>());
                         }));

TEST(BudgetStoreTest, ABucketsOwnLimitPrevailsOverTheStar) {
  const BudgetLimits limits = {{{"a", "*"}, {1, {}}}, {{"a", "x"}, {2, {}}}};
  EXPECT_EQ(FindLimit(limits, {"a", "x"})->calls, 2);
  EXPECT_EQ(FindLimit(limits, {"a", "y"})->calls, 1);
  EXPECT_EQ(FindLimit(limits, {"b", "x"}), nullptr);
}

TEST(BudgetStoreTest, ARestIsLookedUpAtEachParent) {
  EXPECT_EQ(RestingBuckets("s/eastus"), (std::vector<std::string>{"s/eastus", "s/*", "*"}));
  EXPECT_EQ(RestingBuckets("a/b/c"), (std::vector<std::string>{"a/b/c", "a/b/*", "a/*", "*"}));
  EXPECT_EQ(RestingBuckets("*"), (std::vector<std::string>{"*"}));
}

}  // namespace catchment::net
