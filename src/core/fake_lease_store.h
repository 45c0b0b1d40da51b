#pragma once

#include <map>

#include "base/mutex.h"
#include "core/lease.h"

namespace catchment::core {

/// Leases in memory. `machine` outlives it; a test can look at one FakeLeaseBook from several
/// machines.
struct FakeLeaseBook {
  // Guarded by mutex.
  mutable Mutex mutex;
  std::map<std::string, StoredLease> leases GUARDED_BY(mutex);
  int64_t last_term GUARDED_BY(mutex) = 0;

  /// Take the lease if nobody living holds it. `held` is set if somebody does; `taken_over` if a
  /// dead one did.
  std::optional<Lease> Acquire(const std::string& name, const LeaseHolder& holder,
                               std::chrono::milliseconds ttl, const Machine& machine,
                               std::optional<StoredLease>& held,
                               std::optional<StoredLease>& taken_over) REQUIRES(mutex);
  Status Renew(const Lease& lease, const Machine& machine) REQUIRES(mutex);
  bool Release(const Lease& lease) REQUIRES(mutex);
};

class FakeLeaseStore final : public LeaseStore {
 public:
  FakeLeaseStore(FakeLeaseBook& book, const Machine& machine) : book_(book), machine_(machine) {}
  Result<Lease> Acquire(const std::string& name, const LeaseHolder& holder,
                        std::chrono::milliseconds ttl) override;
  Status Renew(const Lease& lease) override;
  Status Release(const Lease& lease) override;
  Result<std::optional<StoredLease>> Find(const std::string& name) const override;

 private:
  // Thread-safe themselves.
  FakeLeaseBook& book_;
  const Machine& machine_;
};

}  // namespace catchment::core
