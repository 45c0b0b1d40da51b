#include "state/sqlite_lease_store.h"

#include "state/lease_rows_internal.h"

namespace catchment::state {

using core::Lease;
using core::StoredLease;

Result<Lease> SqliteLeaseStore::Acquire(const std::string& name, const core::LeaseHolder& holder,
                                        std::chrono::milliseconds ttl) {
  std::optional<AcquiredLease> acquired;
  std::optional<StoredLease> held;
  RETURN_IF_ERROR(database_.Write([&](Connection& connection) {
    return AcquireRow(connection, machine_, scope_, name, std::nullopt, holder, ttl, acquired,
                      held);
  }));
  if (held) return LeaseHeld(*held);
  return std::move(acquired->lease);
}

Status SqliteLeaseStore::Renew(const Lease& lease) {
  return database_.Write(
      [&](Connection& connection) { return RenewRow(connection, machine_, scope_, lease); });
}

Status SqliteLeaseStore::Release(const Lease& lease) {
  return database_.Write(
      [&](Connection& connection) { return ReleaseRow(connection, scope_, lease).status(); });
}

Result<std::optional<StoredLease>> SqliteLeaseStore::Find(const std::string& name) const {
  std::optional<StoredLease> found;
  RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    ASSIGN_OR_RETURN(found, FindRow(connection, scope_, name));
    return {};
  }));
  return found;
}

}  // namespace catchment::state
