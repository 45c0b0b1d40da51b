#pragma once

#include "core/lease.h"
#include "state/database.h"

namespace catchment::state {

/// Leases in the state database. `scope` names the environment: others' leases of the same name are
/// not this one's. `database` and `machine` outlive the store and may be shared.
class SqliteLeaseStore final : public core::LeaseStore {
 public:
  SqliteLeaseStore(Database& database, const core::Machine& machine, std::string scope)
      : database_(database), machine_(machine), scope_(std::move(scope)) {}

  Result<core::Lease> Acquire(const std::string& name, const core::LeaseHolder& holder,
                              std::chrono::milliseconds ttl) override;
  Status Renew(const core::Lease& lease) override;
  Status Release(const core::Lease& lease) override;
  Result<std::optional<core::StoredLease>> Find(const std::string& name) const override;

 private:
  // Thread-safe themselves.
  Database& database_;
  const core::Machine& machine_;
  // Constant after construction.
  const std::string scope_;
};

}  // namespace catchment::state
