#pragma once

#include <optional>
#include <string_view>

#include "base/mutex.h"
#include "base/op_context.h"
#include "base/result.h"
#include "net/transport.h"

namespace catchment::net {

/// Spaces out the requests to one service: `per_second` on average, at most `burst` at once, and
/// none before what the service asked to wait for. Forgets with the process; what must last is a
/// BudgetStore's. Thread-safe.
class RateLimiter {
 public:
  /// `per_second` 0: no pace, pauses only.
  explicit RateLimiter(double per_second, int burst = 1);

  /// How long a request made at `now` has to wait; its place is taken.
  std::chrono::milliseconds Reserve(Time now);

  /// Reserve and sleep on context.clock. kDeadline: the wait would reach the deadline (nothing is
  /// waited); kCancelled.
  Status Wait(const OpContext& context);

  /// No request before `until`. A shorter pause does not end a longer one.
  void PauseUntil(Time until);

 private:
  // Constant after construction.
  const double per_second_;
  const int burst_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::optional<Time> next_ GUARDED_BY(mutex_);  ///< when the bucket would be full again
  std::optional<Time> paused_until_ GUARDED_BY(mutex_);
};

/// How long an answer asks to pause: Retry-After of 429 and 503, or `x-ms-user-quota-remaining: 0`
/// with `x-ms-user-quota-resets-after` (hh:mm:ss). Null: no pause.
std::optional<std::chrono::seconds> PauseAskedFor(const Response& response);

}  // namespace catchment::net
