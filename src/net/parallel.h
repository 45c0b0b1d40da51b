#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "net/retry.h"
#include "net/transport.h"

namespace catchment::net {

struct ParallelOptions {
  int in_flight = 8;  ///< requests at once
  RetryPolicy retry = {.tries = 1};
  Jitter jitter = {};  ///< RandomJitter() if empty
};

/// How many requests may be on their way, and from when on.
struct Pace {
  int in_flight = 1;
  OpContext::Steady::time_point not_before = OpContext::Steady::time_point::min();
  /// When it may be more although nothing was answered: it is asked again then.
  OpContext::Steady::time_point again = OpContext::Steady::time_point::max();
};

/// The caller's part of SendParallel. All functions run on the calling thread, one at a time.
struct ParallelWork {
  /// The next request, or null if there is none at present; asked again after each answer, which
  /// may make more work. Null with nothing in flight or waiting ends the call. Without `before` and
  /// `pace` it is asked for up to 32 more than are in flight, which go out as soon as others are
  /// answered.
  std::function<std::optional<Request>()> next;

  /// Before each try, the first included: spend a budget, add a token, choose another URL. An error
  /// gives the request up. Optional.
  std::function<Status(size_t index, Request& request)> before;

  /// Asked before requests are begun, for callers that slow down when a service suffers; replaces
  /// `in_flight`. None is begun before `not_before`. Optional.
  std::function<Pace()> pace;

  /// Judge an answer (or the transport's error). Ok: the request is done. kUnavailable: sent again
  /// as the policy allows. Another error gives it up.
  std::function<Status(size_t index, const Request& request, Result<Response> answer)> accept;

  /// A request was given up for good. Ok: go on with the others; an error ends the call. Without it
  /// every given up request ends the call.
  std::function<Status(size_t index, const Request& request, const Error& error)> give_up;
};

/// Send many requests, at most `in_flight` at once, without a thread for each; `index` counts them
/// from 0 in the order of `next`. Blocks until all are done. On an error of give_up, a deadline or
/// a stop nothing more is sent, what is in flight is cancelled and waited for (without accept), and
/// the error returned; at a deadline or stop each unfinished request goes through give_up first.
Status SendParallel(Transport& transport, const ParallelOptions& options, const OpContext& context,
                    const ParallelWork& work);

/// Send all, with the retries of `options` for transport errors (kCorrupt included) and statuses
/// that StatusFromResponse calls kUnavailable. One result a request, in order; an answer of any
/// other status is a Response.
std::vector<Result<Response>> SendAll(Transport& transport, std::vector<Request> requests,
                                      const ParallelOptions& options, const OpContext& context);

}  // namespace catchment::net
