#pragma once

#include <map>
#include <utility>

#include "core/fake_lease_store.h"
#include "core/slot_ledger.h"

namespace catchment::core {

/// What several FakeSlotLedgers look at.
struct FakeSlotBook {
  FakeLeaseBook leases;
  // Guarded by leases.mutex.
  std::map<std::pair<DatasetName, SlotId>, SlotRow> rows;
};

/// Slots in memory.
class FakeSlotLedger final : public SlotLedger {
 public:
  FakeSlotLedger(FakeSlotBook& book, const Machine& machine) : book_(book), machine_(machine) {}
  Result<ClaimResult> Claim(const SlotClaim& claim) override;
  Status Renew(const Lease& lease) override;
  Status Release(const Lease& lease, const SlotRow& outcome) override;
  Status Mark(const SlotRow& row) override;
  Result<SlotRow> Find(const DatasetName& dataset, const SlotId& slot) const override;
  Result<std::vector<SlotRow>> List(const DatasetName& dataset, Time from, Time to) const override;

 private:
  void Write(SlotRow row);

  // Thread-safe themselves.
  FakeSlotBook& book_;
  const Machine& machine_;
};

}  // namespace catchment::core
