#include "state/sqlite_slot_ledger.h"

#include "state/lease_rows_internal.h"
#include "state/time_value_internal.h"

namespace catchment::state {

using core::ClaimResult;
using core::LeaseStanding;
using core::SlotRow;
using core::SlotState;
using core::StoredLease;

namespace {

constexpr std::string_view kSlotColumns =
    "pipeline, dataset, slot, start, state, run, published, note";

SlotRow SlotFromRow(const Rows& rows) {
  SlotRow row;
  row.pipeline.text = rows.Text(0);
  row.dataset.text = rows.Text(1);
  row.slot.text = rows.Text(2);
  row.start = FromMicros(rows.Int(3));
  row.state = core::SlotStateFromName(rows.Text(4)).value_or(SlotState::kFailed);
  row.run.text = rows.Text(5);
  row.published = rows.MaybeInt(6);
  row.note = rows.Text(7);
  return row;
}

}  // namespace

Status SqliteSlotLedger::WriteRow(Connection& connection, const SlotRow& row) const {
  return connection.Run(
      "INSERT INTO slots (scope, dataset, slot, start, pipeline, state, run, published, note)"
      " VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (scope, dataset, slot) DO UPDATE SET"
      " start=excluded.start, pipeline=excluded.pipeline, state=excluded.state, run=excluded.run,"
      " published=coalesce(excluded.published, published), note=excluded.note",
      scope_, row.dataset.text, row.slot.text, ToMicros(row.start), row.pipeline.text,
      core::SlotStateName(row.state), row.run.text, row.published, row.note);
}

Result<ClaimResult> SqliteSlotLedger::Claim(const core::SlotClaim& claim) {
  const std::string name = core::SlotLeaseName(claim.dataset, claim.slot.id);
  std::optional<AcquiredLease> acquired;
  std::optional<StoredLease> held;
  ClaimResult result;
  RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    ASSIGN_OR_RETURN(const std::vector<StoredLease> leases,
                     RowsOfDataset(connection, scope_, claim.dataset.text));
    for (const StoredLease& other : leases) {
      if (claim.overlap == core::Overlap::kAllow || other.lease.name == name) continue;
      const LeaseStanding standing = StandingOf(other, machine_);
      if (standing == LeaseStanding::kDead) continue;
      if (standing == LeaseStanding::kObserve) {
        RETURN_IF_ERROR(ObserveRow(connection, machine_, scope_, other));
      }
      result.other = other;
    }
    // The slot's own holder goes before another slot's: kLocked says more than skipped.
    ASSIGN_OR_RETURN(const std::optional<StoredLease> own, FindRow(connection, scope_, name));
    if (result.other && (!own || StandingOf(*own, machine_) == LeaseStanding::kDead)) return {};
    result.other.reset();
    RETURN_IF_ERROR(AcquireRow(connection, machine_, scope_, name, claim.dataset.text, claim.holder,
                               claim.ttl, acquired, held));
    if (!acquired) return {};
    return WriteRow(connection, {.pipeline = claim.pipeline,
                                 .dataset = claim.dataset,
                                 .slot = claim.slot.id,
                                 .start = claim.slot.start,
                                 .state = SlotState::kRunning,
                                 .run = RunId{claim.holder.run},
                                 .published = std::nullopt,
                                 .note = ""});
  }));
  if (held) return LeaseHeld(*held);
  if (acquired) {
    result.lease = std::move(acquired->lease);
    result.taken_over = std::move(acquired->taken_over);
  }
  return result;
}

Status SqliteSlotLedger::Renew(const core::Lease& lease) {
  return database_.Write(
      [&](Connection& connection) { return RenewRow(connection, machine_, scope_, lease); });
}

Status SqliteSlotLedger::Release(const core::Lease& lease, const SlotRow& outcome) {
  return database_.Write([&](Connection& connection) -> Status {
    ASSIGN_OR_RETURN(const bool was_held, ReleaseRow(connection, scope_, lease));
    if (!was_held) return NotFound("the lease {} was taken over", lease.name);
    return WriteRow(connection, outcome);
  });
}

Status SqliteSlotLedger::Mark(const SlotRow& row) {
  return database_.Write([&](Connection& connection) -> Status {
    if (row.state != SlotState::kPublished) {
      ASSIGN_OR_RETURN(Rows rows,
                       connection.Query("SELECT published, state FROM slots WHERE scope=? AND"
                                        " dataset=? AND slot=?",
                                        scope_, row.dataset.text, row.slot.text));
      ASSIGN_OR_RETURN(const bool any, rows.Next());
      const bool running = row.state != SlotState::kLost && any &&
                           rows.Text(1) == SlotStateName(SlotState::kRunning);
      const bool settled = any && (!rows.IsNull(0) || running);
      if (settled) return {};
    }
    return WriteRow(connection, row);
  });
}

Result<SlotRow> SqliteSlotLedger::Find(const DatasetName& dataset, const SlotId& slot) const {
  SlotRow row;
  RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    ASSIGN_OR_RETURN(
        Rows rows,
        connection.Query(fmt::format("SELECT {} FROM slots WHERE scope=? AND dataset=? AND"
                                     " slot=?",
                                     kSlotColumns),
                         scope_, dataset.text, slot.text));
    ASSIGN_OR_RETURN(const bool any, rows.Next());
    if (!any) return NotFound("nothing is known of slot {} of {}", slot.text, dataset.text);
    row = SlotFromRow(rows);
    return {};
  }));
  return row;
}

Result<std::vector<SlotRow>> SqliteSlotLedger::List(const DatasetName& dataset, Time from,
                                                    Time to) const {
  std::vector<SlotRow> slots;
  RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    ASSIGN_OR_RETURN(
        Rows rows,
        connection.Query(
            fmt::format("SELECT {} FROM slots WHERE scope=? AND dataset=? AND start>=? AND"
                        " start<? ORDER BY start, slot",
                        kSlotColumns),
            scope_, dataset.text, ToMicros(from), ToMicros(to)));
    while (true) {
      ASSIGN_OR_RETURN(const bool more, rows.Next());
      if (!more) return {};
      slots.push_back(SlotFromRow(rows));
    }
  }));
  return slots;
}

}  // namespace catchment::state
