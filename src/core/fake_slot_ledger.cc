#include "core/fake_slot_ledger.h"

#include <algorithm>

namespace catchment::core {

Result<ClaimResult> FakeSlotLedger::Claim(const SlotClaim& claim) {
  MutexLock lock(book_.leases.mutex);
  const std::string name = SlotLeaseName(claim.dataset, claim.slot.id);
  const std::string of_dataset = SlotLeaseName(claim.dataset, SlotId{""});
  ClaimResult result;
  const auto own = book_.leases.leases.find(name);
  const bool own_lives =
      own != book_.leases.leases.end() && StandingOf(own->second, machine_) != LeaseStanding::kDead;
  for (const auto& [other_name, other] : book_.leases.leases) {
    if (claim.overlap == Overlap::kAllow || own_lives || other_name == name) continue;
    if (!other_name.starts_with(of_dataset)) continue;
    if (StandingOf(other, machine_) != LeaseStanding::kDead) result.other = other;
  }
  if (result.other) return result;
  std::optional<StoredLease> held;
  result.lease =
      book_.leases.Acquire(name, claim.holder, claim.ttl, machine_, held, result.taken_over);
  if (!result.lease) return LeaseHeld(*held);
  Write({.pipeline = claim.pipeline,
         .dataset = claim.dataset,
         .slot = claim.slot.id,
         .start = claim.slot.start,
         .state = SlotState::kRunning,
         .run = RunId{claim.holder.run},
         .published = std::nullopt,
         .note = ""});
  return result;
}

void FakeSlotLedger::Write(SlotRow row) {
  SlotRow& stored = book_.rows[{row.dataset, row.slot}];
  if (!row.published) row.published = stored.published;
  stored = std::move(row);
}

Status FakeSlotLedger::Renew(const Lease& lease) {
  MutexLock lock(book_.leases.mutex);
  return book_.leases.Renew(lease, machine_);
}

Status FakeSlotLedger::Release(const Lease& lease, const SlotRow& outcome) {
  MutexLock lock(book_.leases.mutex);
  if (!book_.leases.Release(lease)) return NotFound("the lease {} was taken over", lease.name);
  Write(outcome);
  return {};
}

Status FakeSlotLedger::Mark(const SlotRow& row) {
  MutexLock lock(book_.leases.mutex);
  const auto found = book_.rows.find({row.dataset, row.slot});
  const bool running = row.state != SlotState::kLost && found != book_.rows.end() &&
                       found->second.state == SlotState::kRunning;
  const bool settled = found != book_.rows.end() && (found->second.published || running);
  if (!settled || row.state == SlotState::kPublished) Write(row);
  return {};
}

Result<SlotRow> FakeSlotLedger::Find(const DatasetName& dataset, const SlotId& slot) const {
  MutexLock lock(book_.leases.mutex);
  const auto found = book_.rows.find({dataset, slot});
  if (found == book_.rows.end()) {
    return NotFound("nothing is known of slot {} of {}", slot.text, dataset.text);
  }
  return found->second;
}

Result<std::vector<SlotRow>> FakeSlotLedger::List(const DatasetName& dataset, Time from,
                                                  Time to) const {
  MutexLock lock(book_.leases.mutex);
  std::vector<SlotRow> rows;
  for (const auto& [key, row] : book_.rows) {
    if (key.first == dataset && row.start >= from && row.start < to) rows.push_back(row);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const SlotRow& a, const SlotRow& b) { return a.start < b.start; });
  return rows;
}

}  // namespace catchment::core
