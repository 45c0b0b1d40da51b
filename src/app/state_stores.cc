#include "app/state_stores.h"

#include "sources/budget_transport.h"
#include "state/database.h"
#include "state/sqlite_budget_store.h"
#include "state/sqlite_lease_store.h"
#include "state/sqlite_run_store.h"
#include "state/sqlite_slot_ledger.h"

namespace catchment::app {

namespace {

/// What the identities of the configuration may spend. Placement scores of Azure are counted by
/// (identity, subscription, location).
Result<net::BudgetLimits> DeclaredLimits(const core::Config& config) {
  net::BudgetLimits limits;
  for (const auto& [name, identity] : config.identities) {
    net::BudgetLimit limit{10, std::chrono::minutes(62)};
    if (const auto calls = identity.budget.find("calls_per_bucket");
        calls != identity.budget.end()) {
      if (!calls->is_number_integer() || calls->get<int64_t>() < 1)
        return Invalid("identity '{}': calls_per_bucket: expected a whole number from 1", name);
      limit.calls = calls->get<int64_t>();
    }
    if (const auto window = identity.budget.find("bucket_window");
        window != identity.budget.end()) {
      const auto length = window->is_string()
                              ? ParseDuration(window->get<std::string>())
                              : Result<std::chrono::milliseconds>(Invalid("not a text"));
      if (!length.ok() || *length <= std::chrono::milliseconds(0))
        return Invalid("identity '{}': bucket_window: expected a duration such as 62m", name);
      limit.window = *length;
    }
    limit.window += sources::kPermitMargin;
    limits[{"azure.placement_scores", name + "/*"}] = limit;
  }
  return limits;
}

}  // namespace

struct StateStores::Members {
  Members(std::unique_ptr<state::Database> opened, std::unique_ptr<state::Database> ledger_file,
          const std::string& scope, net::BudgetLimits limits, net::BudgetShare share)
      : database(std::move(opened)),
        shared(std::move(ledger_file)),
        runs(*database),
        ledger(*database, machine, scope),
        leases(*database, machine, scope),
        budgets(shared ? *shared : *database, std::move(limits), std::move(share)) {}

  const std::unique_ptr<state::Database> database;
  const std::unique_ptr<state::Database> shared;  ///< of the environment whose budgets are used
  const core::LocalMachine machine;
  state::SqliteRunStore runs;
  state::SqliteSlotLedger ledger;
  state::SqliteLeaseStore leases;
  state::SqliteBudgetStore budgets;
};

Result<std::unique_ptr<StateStores>> StateStores::Open(const Settings& settings) {
  ASSIGN_OR_RETURN(net::BudgetLimits limits, DeclaredLimits(settings.config));
  ASSIGN_OR_RETURN(auto database, state::Database::Open(settings.state_folder / "state.db"));
  const core::Environment& environment = settings.environment;
  std::unique_ptr<state::Database> shared;
  if (!environment.budget_share.empty()) {
    ASSIGN_OR_RETURN(const core::Environment other,
                     settings.config.FindEnvironment(environment.budget_share));
    ASSIGN_OR_RETURN(const std::filesystem::path folder, StateFolder(settings.config, other));
    if (folder != settings.state_folder) {
      ASSIGN_OR_RETURN(shared, state::Database::Open(folder / "state.db"));
    }
  }
  auto members = std::make_unique<Members>(
      std::move(database), std::move(shared), environment.name, std::move(limits),
      net::BudgetShare{environment.name, environment.budget_percent});
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
