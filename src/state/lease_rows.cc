#include "state/lease_rows_internal.h"
#include "state/time_value_internal.h"

namespace catchment::state {

using core::Lease;
using core::LeaseHolder;
using core::LeaseStanding;
using core::Machine;
using core::StoredLease;

namespace {

constexpr std::string_view kLeaseColumns =
    "name, run, host, boot, space, pid, started, term, ttl_ms, beat, renewed_ms, since, seen_beat,"
    " seen_boot, seen_ms";

StoredLease LeaseFromRow(const Rows& rows) {
  StoredLease stored;
  stored.lease.name = rows.Text(0);
  stored.lease.holder = {.run = rows.Text(1),
                         .host = rows.Text(2),
                         .boot = rows.Text(3),
                         .space = rows.Text(4),
                         .pid = rows.Int(5),
                         .started = rows.Int(6)};
  stored.lease.term = rows.Int(7);
  stored.lease.ttl = std::chrono::milliseconds(rows.Int(8));
  stored.beat = rows.Int(9);
  stored.renewed = std::chrono::milliseconds(rows.Int(10));
  stored.since = FromMicros(rows.Int(11));
  stored.seen_beat = rows.Int(12);
  stored.seen_boot = rows.Text(13);
  stored.seen = std::chrono::milliseconds(rows.Int(14));
  return stored;
}

Status InsertRow(Connection& connection, const Machine& machine, const std::string& scope,
                 const std::optional<std::string>& dataset, Lease& lease) {
  const LeaseHolder& holder = lease.holder;
  ASSIGN_OR_RETURN(
      Rows rows,
      connection.Query(
          "INSERT INTO leases (scope, name, dataset, run, host, boot, space, pid, started,"
          " ttl_ms, beat, renewed_ms, since, seen_beat, seen_boot, seen_ms)"
          " VALUES (?,?,?,?,?,?,?,?,?,?,0,?,?,-1,'',0) RETURNING term",
          scope, lease.name, dataset, holder.run, holder.host, holder.boot, holder.space,
          holder.pid, holder.started, int64_t{lease.ttl.count()},
          int64_t{machine.SinceBoot().count()}, ToMicros(machine.Now())));
  ASSIGN_OR_RETURN(const bool any, rows.Next());
  if (!any) return Internal("a lease was written without a term");
  lease.term = rows.Int(0);
  return rows.Next().status();  // the statement ends here
}

}  // namespace

Status AcquireRow(Connection& connection, const Machine& machine, const std::string& scope,
                  const std::string& name, const std::optional<std::string>& dataset,
                  const LeaseHolder& holder, std::chrono::milliseconds ttl,
                  std::optional<AcquiredLease>& acquired, std::optional<StoredLease>& held) {
  ASSIGN_OR_RETURN(std::optional<StoredLease> stored, FindRow(connection, scope, name));
  if (stored && stored->lease.holder == holder) {
    acquired = AcquiredLease{stored->lease, std::nullopt};
    acquired->lease.ttl = ttl;
    RETURN_IF_ERROR(connection.Run("UPDATE leases SET ttl_ms=? WHERE term=?", int64_t{ttl.count()},
                                   stored->lease.term));
    return RenewRow(connection, machine, scope, acquired->lease);
  }
  if (stored) {
    const LeaseStanding standing = StandingOf(*stored, machine);
    if (standing == LeaseStanding::kObserve) {
      RETURN_IF_ERROR(ObserveRow(connection, machine, scope, *stored));
    }
    if (standing != LeaseStanding::kDead) {
      held = std::move(stored);
      return {};
    }
    RETURN_IF_ERROR(connection.Run("DELETE FROM leases WHERE term=?", stored->lease.term));
  }
  Lease lease{.name = name, .holder = holder, .term = 0, .ttl = ttl};
  RETURN_IF_ERROR(InsertRow(connection, machine, scope, dataset, lease));
  acquired = AcquiredLease{std::move(lease), std::move(stored)};
  return {};
}

Status RenewRow(Connection& connection, const Machine& machine, const std::string& scope,
                const Lease& lease) {
  RETURN_IF_ERROR(connection.Run(
      "UPDATE leases SET beat=beat+1, renewed_ms=? WHERE scope=? AND name=? AND term=?",
      int64_t{machine.SinceBoot().count()}, scope, lease.name, lease.term));
  if (connection.changes() == 1) return {};
  return NotFound("the lease {} was taken over or released", lease.name);
}

Result<bool> ReleaseRow(Connection& connection, const std::string& scope, const Lease& lease) {
  RETURN_IF_ERROR(connection.Run("DELETE FROM leases WHERE scope=? AND name=? AND term=?", scope,
                                 lease.name, lease.term));
  return connection.changes() == 1;
}

Result<std::optional<StoredLease>> FindRow(Connection& connection, const std::string& scope,
                                           const std::string& name) {
  ASSIGN_OR_RETURN(
      Rows rows,
      connection.Query(fmt::format("SELECT {} FROM leases WHERE scope=? AND name=?", kLeaseColumns),
                       scope, name));
  ASSIGN_OR_RETURN(const bool any, rows.Next());
  if (!any) return std::optional<StoredLease>();
  return std::optional<StoredLease>(LeaseFromRow(rows));
}

Result<std::vector<StoredLease>> RowsOfDataset(Connection& connection, const std::string& scope,
                                               const std::string& dataset) {
  ASSIGN_OR_RETURN(Rows rows,
                   connection.Query(fmt::format("SELECT {} FROM leases WHERE scope=? AND dataset=?"
                                                " ORDER BY term",
                                                kLeaseColumns),
                                    scope, dataset));
  std::vector<StoredLease> leases;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows.Next());
    if (!more) return leases;
    leases.push_back(LeaseFromRow(rows));
  }
}

Status ObserveRow(Connection& connection, const Machine& machine, const std::string& scope,
                  const StoredLease& stored) {
  return connection.Run(
      "UPDATE leases SET seen_beat=?, seen_boot=?, seen_ms=? WHERE scope=? AND name=? AND term=?",
      stored.beat, machine.Self("").boot, int64_t{machine.SinceBoot().count()}, scope,
      stored.lease.name, stored.lease.term);
}

}  // namespace catchment::state
