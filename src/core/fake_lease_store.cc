#include "core/fake_lease_store.h"

namespace catchment::core {

std::optional<Lease> FakeLeaseBook::Acquire(const std::string& name, const LeaseHolder& holder,
                                            std::chrono::milliseconds ttl, const Machine& machine,
                                            std::optional<StoredLease>& held,
                                            std::optional<StoredLease>& taken_over) {
  const auto found = leases.find(name);
  if (found != leases.end()) {
    StoredLease& stored = found->second;
    if (stored.lease.holder == holder) {
      stored.lease.ttl = ttl;
      stored.renewed = machine.SinceBoot();
      ++stored.beat;
      return stored.lease;
    }
    const LeaseStanding standing = StandingOf(stored, machine);
    if (standing == LeaseStanding::kObserve) {
      stored.seen_beat = stored.beat;
      stored.seen_boot = machine.Self("").boot;
      stored.seen = machine.SinceBoot();
    }
    if (standing != LeaseStanding::kDead) {
      held = stored;
      return std::nullopt;
    }
    taken_over = stored;
  }
  StoredLease stored;
  stored.lease = {.name = name, .holder = holder, .term = ++last_term, .ttl = ttl};
  stored.renewed = machine.SinceBoot();
  stored.since = machine.Now();
  leases[name] = stored;
  return stored.lease;
}

Status FakeLeaseBook::Renew(const Lease& lease, const Machine& machine) {
  const auto found = leases.find(lease.name);
  if (found == leases.end() || found->second.lease.term != lease.term) {
    return NotFound("the lease {} was taken over or released", lease.name);
  }
  found->second.renewed = machine.SinceBoot();
  ++found->second.beat;
  return {};
}

bool FakeLeaseBook::Release(const Lease& lease) {
  const auto found = leases.find(lease.name);
  if (found == leases.end() || found->second.lease.term != lease.term) return false;
  leases.erase(found);
  return true;
}

Result<Lease> FakeLeaseStore::Acquire(const std::string& name, const LeaseHolder& holder,
                                      std::chrono::milliseconds ttl) {
  MutexLock lock(book_.mutex);
  std::optional<StoredLease> held, taken_over;
  std::optional<Lease> lease = book_.Acquire(name, holder, ttl, machine_, held, taken_over);
  if (!lease) return LeaseHeld(*held);
  return std::move(*lease);
}

Status FakeLeaseStore::Renew(const Lease& lease) {
  MutexLock lock(book_.mutex);
  return book_.Renew(lease, machine_);
}

Status FakeLeaseStore::Release(const Lease& lease) {
  MutexLock lock(book_.mutex);
  book_.Release(lease);
  return {};
}

Result<std::optional<StoredLease>> FakeLeaseStore::Find(const std::string& name) const {
  MutexLock lock(book_.mutex);
  const auto found = book_.leases.find(name);
  if (found == book_.leases.end()) return std::optional<StoredLease>();
  return std::optional<StoredLease>(found->second);
}

}  // namespace catchment::core
