#include "core/lease_store_contract.h"
#include "core/run_store_contract.h"
#include "core/slot_ledger_contract.h"
#include "net/budget_store_contract.h"
#include "state/sqlite_budget_store.h"
#include "state/sqlite_lease_store.h"
#include "state/sqlite_run_store.h"
#include "state/sqlite_slot_ledger.h"

namespace catchment::state {
namespace {

/// A database file; each Open is a connection of its own, as another process would have.
class SqliteFile {
 public:
  Database& Connect() {
    auto database = Database::Open(folder_.path / "state.db");
    EXPECT_TRUE(database.ok()) << database.status().ToString();
    databases_.push_back(std::move(database).value());
    return *databases_.back();
  }

 private:
  TemporaryFolder folder_;
  std::vector<std::unique_ptr<Database>> databases_;
};

class SqliteLeaseWorld final : public core::LeaseWorld {
 public:
  std::unique_ptr<core::LeaseStore> Open(const core::Machine& machine) override {
    return std::make_unique<SqliteLeaseStore>(file_.Connect(), machine, "local");
  }

 private:
  SqliteFile file_;
};

class SqliteSlotWorld final : public core::SlotWorld {
 public:
  std::unique_ptr<core::SlotLedger> Open(const core::Machine& machine) override {
    return std::make_unique<SqliteSlotLedger>(file_.Connect(), machine, "local");
  }

 private:
  SqliteFile file_;
};

class SqliteRunWorld final : public core::RunWorld {
 public:
  std::unique_ptr<core::RunStore> Open() override {
    return std::make_unique<SqliteRunStore>(file_.Connect());
  }

 private:
  SqliteFile file_;
};

class SqliteBudgetWorld final : public net::BudgetWorld {
 public:
  std::unique_ptr<net::BudgetStore> Open(net::BudgetLimits limits,
                                         net::BudgetShare share) override {
    return std::make_unique<SqliteBudgetStore>(file_.Connect(), std::move(limits),
                                               std::move(share));
  }

 private:
  SqliteFile file_;
};

TEST(SqliteSlotLedgerTest, EnvironmentsThatShareAFileHaveSlotsOfTheirOwn) {
  SqliteFile file;
  const core::FakeMachine machine;
  SqliteSlotLedger prod(file.Connect(), machine, "prod");
  SqliteSlotLedger test(file.Connect(), machine, "test");
  core::SlotRow row;
  row.dataset.text = "d";
  row.slot.text = "2024-01";
  row.state = core::SlotState::kPublished;
  row.published = 1;
  ASSERT_OK(prod.Mark(row));
  EXPECT_ERROR(test.Find({"d"}, {"2024-01"}), Code::kNotFound, "2024-01");
}

}  // namespace
}  // namespace catchment::state

namespace catchment::core {
INSTANTIATE_TEST_SUITE_P(Sqlite, LeaseStoreContract, testing::Values([] {
                           return std::unique_ptr<LeaseWorld>(
                               std::make_unique<state::SqliteLeaseWorld>());
                         }));
INSTANTIATE_TEST_SUITE_P(Sqlite, SlotLedgerContract, testing::Values([] {
                           return std::unique_ptr<SlotWorld>(
                               std::make_unique<state::SqliteSlotWorld>());
                         }));
INSTANTIATE_TEST_SUITE_P(Sqlite, RunStoreContract, testing::Values([] {
                           return std::unique_ptr<RunWorld>(
                               std::make_unique<state::SqliteRunWorld>());
                         }));
}  // namespace catchment::core

namespace catchment::net {
INSTANTIATE_TEST_SUITE_P(Sqlite, BudgetStoreContract, testing::Values([] {
                           return std::unique_ptr<BudgetWorld>(
                               std::make_unique<state::SqliteBudgetWorld>());
                         }));
}  // namespace catchment::net
