#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/time.h"
#include "simulator/http_server_internal.h"
#include "simulator/world.h"

namespace catchment::simulator {

/// What a fault can be matched on.
struct FaultSubject {
  std::string path;
  std::string target;  ///< what `rate` tells requests apart by
  std::optional<int64_t> skip;
  std::string filter;
  std::string body = {};
};

/// The faults that hit one request, in the world's order. They point into the FaultPlan.
struct ActiveFaults {
  std::vector<const Fault*> faults;

  /// The first fault of that answer, or null.
  const Fault* Find(std::string_view answer) const;
  /// Their answers, each once, joined by `+`.
  std::string Names() const;
};

/// Decides which requests of one service are hit. Counts per fault in order of arrival; `rate`
/// looks only at the seed, the request's target and how often that target came, so that the order
/// among parallel requests does not matter. Thread-safe.
class FaultPlan {
 public:
  FaultPlan(std::vector<Fault> faults, uint64_t seed);
  ActiveFaults Select(const FaultSubject& subject, Time now);

 private:
  struct Counters {
    int64_t matched = 0;
    int64_t applied = 0;
    std::unordered_map<uint64_t, int64_t> by_target;  // by its hash
  };
  bool Hits(const Fault& fault, size_t index, Counters& counters, const FaultSubject& subject);

  // Constant after construction.
  const std::vector<Fault> faults_;
  const uint64_t seed_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::vector<Counters> counters_ GUARDED_BY(mutex_);
};

/// The answer of a fault that any service can have and that needs no service to make it (status,
/// reset, close, html, gzip_bomb, empty_body), or nullopt.
std::optional<HttpResponse> GenericAnswer(const ActiveFaults& active);

/// Make an answer arrive as the faults want it: `truncate`, `hang`, `trickle`.
void SpoilDelivery(const ActiveFaults& active, HttpResponse& response);

/// Sum of the latencies of `slow` faults.
std::chrono::milliseconds ExtraLatency(const ActiveFaults& active);

/// A gzip stream that unpacks to `unpacked` zero bytes (rounded up to a MiB), about a thousandth of
/// that in size.
std::string GzipBomb(int64_t unpacked);

/// A well-mixed number for (seed, text): the simulator's only source of chance.
uint64_t SeededHash(uint64_t seed, std::string_view text);
/// The same in [0, 1).
double SeededShare(uint64_t seed, std::string_view text);

}  // namespace catchment::simulator
