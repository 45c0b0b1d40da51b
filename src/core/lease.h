#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace catchment::core {

/// A process that can be told from every other, past and present. `started` and `space` keep a
/// reused process id apart.
struct LeaseHolder {
  std::string run;  ///< run id, or another name of who holds it
  std::string host;
  std::string boot;   ///< changes when the machine starts anew
  std::string space;  ///< the process ids' namespace (containers have their own)
  int64_t pid = 0;
  int64_t started = 0;  ///< clock ticks from boot to the process's start

  bool operator==(const LeaseHolder&) const = default;
};

/// The right to do something alone, until it expires. A value.
struct Lease {
  std::string name;
  LeaseHolder holder;
  /// Grows with each new holder of the name: renewing with an older one fails.
  int64_t term = 0;
  std::chrono::milliseconds ttl{0};
};

/// What the lease logic must know of the machine. Never a simulated clock. Thread-safe.
class Machine {
 public:
  virtual ~Machine() = default;
  /// This process, as holder for `run`.
  virtual LeaseHolder Self(const std::string& run) const = 0;
  /// Time since boot, sleep included; cannot be set.
  virtual std::chrono::milliseconds SinceBoot() const = 0;
  /// Whether the process lives. Only for holders of this boot and space.
  virtual bool Lives(const LeaseHolder& holder) const = 0;
  /// The wall clock, for messages only.
  virtual Time Now() const = 0;
};

/// The machine this process runs on, by /proc.
class LocalMachine final : public Machine {
 public:
  LeaseHolder Self(const std::string& run) const override;
  std::chrono::milliseconds SinceBoot() const override;
  bool Lives(const LeaseHolder& holder) const override;
  Time Now() const override;
};

/// A lease as stored, with what others saw of it.
struct StoredLease {
  Lease lease;
  int64_t beat = 0;                      ///< grows with each renewal
  std::chrono::milliseconds renewed{0};  ///< the holder's time since boot
  Time since;                            ///< wall clock of taking it, for messages
  /// What a claimant on another machine saw: this beat, at its own time since boot.
  int64_t seen_beat = -1;
  std::string seen_boot;
  std::chrono::milliseconds seen{0};
};

enum class LeaseStanding {
  kLive,
  kDead,     ///< may be taken over
  kObserve,  ///< live as far as known; store `seen_*` so that a later claimant can tell
};

/// Whether a stored lease still holds, seen from `machine`. Without the wall clock: a holder of
/// this machine is dead when its process is, or when it has not renewed for its ttl of time since
/// boot; one of this host's earlier boot is dead; one of another machine is dead when the same beat
/// was seen for its whole ttl.
LeaseStanding StandingOf(const StoredLease& stored, const Machine& machine);

/// kLocked: `<name> is held by run R (pid 12 on host, since 2026-…)`.
Error LeaseHeld(const StoredLease& stored);

/// Leases by name: `export:DATASET`, `deliver:DATASET:SINK`. Each call is durable on return.
/// Thread-safe. Implementations pass core/lease_store_contract.h.
class LeaseStore {
 public:
  virtual ~LeaseStore() = default;

  /// Take the lease; the same holder takes it again freely. kLocked: names the holder.
  virtual Result<Lease> Acquire(const std::string& name, const LeaseHolder& holder,
                                std::chrono::milliseconds ttl) = 0;
  /// Start its time anew. kNotFound: it was taken over or released; stop what it protects.
  virtual Status Renew(const Lease& lease) = 0;
  /// Give it back. One that is lost already is no error.
  virtual Status Release(const Lease& lease) = 0;
  /// Who holds it now, dead or alive; null: nobody.
  virtual Result<std::optional<StoredLease>> Find(const std::string& name) const = 0;
};

}  // namespace catchment::core
