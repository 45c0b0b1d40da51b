#pragma once

#include <memory>

#include "app/settings.h"
#include "core/lease.h"
#include "core/run_store.h"
#include "core/slot_ledger.h"
#include "net/budget_store.h"

namespace catchment::app {

/// The stores of one state folder (`state.db`), behind their interfaces. Light: no Arrow, no
/// DuckDB.
class StateStores {
 public:
  /// Opens the database, creating it if absent. kCorrupt, kInvalid (a newer version): it is left
  /// untouched.
  static Result<std::unique_ptr<StateStores>> Open(const Settings& settings);
  ~StateStores();

  core::RunStore& runs();
  core::SlotLedger& ledger();
  core::LeaseStore& leases();
  net::BudgetStore& budgets();
  const core::Machine& machine() const;

 private:
  struct Members;
  explicit StateStores(std::unique_ptr<Members> members);
  std::unique_ptr<Members> members_;
};

}  // namespace catchment::app
