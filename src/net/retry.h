#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/op_context.h"
#include "base/result.h"
#include "base/time.h"
#include "net/transport.h"

namespace catchment::net {

/// How often and how patiently. Waits grow from `first` by `factor` up to `cap`, each multiplied by
/// a random number of [0, 1) ("full jitter"); a longer Retry-After prevails.
struct RetryPolicy {
  int tries = 3;  ///< the first included
  std::chrono::milliseconds first = std::chrono::milliseconds(500);
  double factor = 2;
  std::chrono::milliseconds cap = std::chrono::seconds(20);
};

/// Random numbers of [0, 1). Called by one thread at a time.
using Jitter = std::function<double()>;
/// Seeded by the kernel.
Jitter RandomJitter();

/// The state of one retried request: decides after each failure. Retry() and SendParallel() are
/// built on it; nothing else waits and tries again.
class Backoff {
 public:
  Backoff(RetryPolicy policy, Jitter jitter) : policy_(policy), jitter_(std::move(jitter)) {}

  /// Count a failed try. The wait before the next one, or null: give up, because the code is not
  /// kUnavailable, the tries are used, or the wait would reach the deadline.
  std::optional<std::chrono::milliseconds> AfterFailure(const Error& error,
                                                        const OpContext& context);

  /// The error to give up with: the last one with " after N tries" if there was more than one.
  Error Final(Error last) const;
  int failures() const { return failures_; }

 private:
  RetryPolicy policy_;
  Jitter jitter_;
  int failures_ = 0;
};

/// Call `callable` until it succeeds, fails with another code than kUnavailable, or the tries are
/// used. It takes nothing or an OpContext (named "try 2" from the second try on) and returns
/// Result<T> or Status. Sleeps on context.clock; never past the deadline. kCancelled if stopped
/// while waiting.
template <typename Callable>
auto Retry(const RetryPolicy& policy, const OpContext& context, Callable&& callable,
           Jitter jitter = RandomJitter()) {
  Backoff backoff(policy, std::move(jitter));
  while (true) {
    auto result = [&] {
      if constexpr (std::is_invocable_v<Callable&, const OpContext&>) {
        return backoff.failures() == 0
                   ? callable(context)
                   : callable(context.Named(fmt::format("try {}", backoff.failures() + 1)));
      } else {
        return callable();
      }
    }();
    using Outcome = decltype(result);
    if (result.ok()) return result;
    const auto wait = backoff.AfterFailure(result.error(), context);
    if (!wait) return Outcome(backoff.Final(result.error()));
    if (!context.clock->Sleep(*wait, context.stop)) {
      return Outcome(Cancelled("stopped while waiting to try again: {}", result.error().message));
    }
  }
}

/// What a status means: 2xx and 304 ok; 408, 429 and 5xx kUnavailable with `retry_after` if the
/// answer has a Retry-After; 401 and 403 kDenied; every other kInvalid. The message names the
/// redacted request and the status, and for recorded requests begins of the body (one line, at most
/// 160 bytes).
Status StatusFromResponse(const Request& request, const Response& response);

/// The value of a Retry-After field: seconds, or an HTTP date counted from `now` (a past one is 0).
/// Null if it is neither. Capped at 7 days.
std::optional<std::chrono::seconds> ParseRetryAfter(std::string_view value, Time now);

/// An HTTP date in one of the three forms of RFC 9110: `Sun, 06 Nov 1994 08:49:37 GMT`,
/// `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`. The weekday is not compared.
/// kInvalid: anything else.
Result<Time> ParseHttpDate(std::string_view text);

/// `Sun, 06 Nov 1994 08:49:37 GMT`
std::string FormatHttpDate(Time time);

}  // namespace catchment::net
