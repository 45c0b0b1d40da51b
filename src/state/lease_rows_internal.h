#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/lease.h"
#include "state/database.h"

namespace catchment::state {

/// What Acquire came to.
struct AcquiredLease {
  core::Lease lease;
  std::optional<core::StoredLease> taken_over;  ///< a dead holder's
};

/// Take, renew and give back rows of `leases` within a transaction. `scope` keeps environments that
/// share a database apart; `dataset` is set for leases of slots.
///
/// A lease held by a live holder is kept in `held` and is no error, because what was seen of it
/// must be committed.
Status AcquireRow(Connection& connection, const core::Machine& machine, const std::string& scope,
                  const std::string& name, const std::optional<std::string>& dataset,
                  const core::LeaseHolder& holder, std::chrono::milliseconds ttl,
                  std::optional<AcquiredLease>& acquired, std::optional<core::StoredLease>& held);
/// kNotFound: it was taken over or released.
Status RenewRow(Connection& connection, const core::Machine& machine, const std::string& scope,
                const core::Lease& lease);
/// Whether it was still held.
Result<bool> ReleaseRow(Connection& connection, const std::string& scope, const core::Lease& lease);
Result<std::optional<core::StoredLease>> FindRow(Connection& connection, const std::string& scope,
                                                 const std::string& name);
/// Leases of the dataset's slots.
Result<std::vector<core::StoredLease>> RowsOfDataset(Connection& connection,
                                                     const std::string& scope,
                                                     const std::string& dataset);
/// Note what was seen of another machine's lease.
Status ObserveRow(Connection& connection, const core::Machine& machine, const std::string& scope,
                  const core::StoredLease& stored);

}  // namespace catchment::state
