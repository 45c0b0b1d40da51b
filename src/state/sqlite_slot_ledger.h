#pragma once

#include "core/slot_ledger.h"
#include "state/database.h"

namespace catchment::state {

/// Slots and their leases in the state database. `scope` names the environment: each has slots of
/// its own. `database` and `machine` outlive the ledger and may be shared.
class SqliteSlotLedger final : public core::SlotLedger {
 public:
  SqliteSlotLedger(Database& database, const core::Machine& machine, std::string scope)
      : database_(database), machine_(machine), scope_(std::move(scope)) {}

  Result<core::ClaimResult> Claim(const core::SlotClaim& claim) override;
  Status Renew(const core::Lease& lease) override;
  Status Release(const core::Lease& lease, const core::SlotRow& outcome) override;
  Status Mark(const core::SlotRow& row) override;
  Result<core::SlotRow> Find(const DatasetName& dataset, const SlotId& slot) const override;
  Result<std::vector<core::SlotRow>> List(const DatasetName& dataset, Time from,
                                          Time to) const override;

 private:
  Status WriteRow(Connection& connection, const core::SlotRow& row) const;

  // Thread-safe themselves.
  Database& database_;
  const core::Machine& machine_;
  // Constant after construction.
  const std::string scope_;
};

}  // namespace catchment::state
