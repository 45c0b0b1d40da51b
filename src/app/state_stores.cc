#include "app/state_stores.h"

#include "state/database.h"
#include "state/sqlite_budget_store.h"
#include "state/sqlite_lease_store.h"
#include "state/sqlite_run_store.h"
#include "state/sqlite_slot_ledger.h"

namespace catchment::app {

struct StateStores::Members {
  Members(std::unique_ptr<state::Database> opened, const std::string& scope)
      : database(std::move(opened)),
        runs(*database),
        ledger(*database, machine, scope),
        leases(*database, machine, scope),
        budgets(*database, {}) {}

  const std::unique_ptr<state::Database> database;
  const core::LocalMachine machine;
  state::SqliteRunStore runs;
  state::SqliteSlotLedger ledger;
  state::SqliteLeaseStore leases;
  state::SqliteBudgetStore budgets;
};

Result<std::unique_ptr<StateStores>> StateStores::Open(const Settings& settings) {
  ASSIGN_OR_RETURN(auto database, state::Database::Open(settings.state_folder / "state.db"));
  auto members = std::make_unique<Members>(std::move(database), settings.environment.name);
  return std::unique_ptr<StateStores>(new StateStores(std::move(members)));
}

StateStores::StateStores(std::unique_ptr<Members> members) : members_(std::move(members)) {}
StateStores::~StateStores() = default;

core::RunStore& StateStores::runs() { return members_->runs; }
core::SlotLedger& StateStores::ledger() { return members_->ledger; }
core::LeaseStore& StateStores::leases() { return members_->leases; }
net::BudgetStore& StateStores::budgets() { return members_->budgets; }
const core::Machine& StateStores::machine() const { return members_->machine; }

}  // namespace catchment::app
