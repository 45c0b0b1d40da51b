#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/op_context.h"
#include "base/result.h"
#include "base/time.h"
#include "net/retry.h"
#include "net/token_source.h"
#include "net/transport.h"
#include "sources/azure/placement_parse.h"
#include "sources/call_budget.h"
#include "sources/earlier_answers.h"

namespace catchment::sources::azure {

struct PlacementOptions {
  std::string base_url = "https://management.azure.com";
  net::TokenSource* tokens = nullptr;  ///< null: no Authorization (replay)
  net::RetryPolicy retry = {.tries = 3};
  net::Jitter jitter = {};  ///< empty: random
  int in_flight = 16;
  bool zones = true;
  int count = 1;
  Time slot{};
  /// How long a bucket rests that the service calls spent without saying for how long.
  std::chrono::milliseconds bucket_window = std::chrono::minutes(62);
  /// No request leaves after it.
  OpContext::Steady::time_point deadline = OpContext::Steady::time_point::max();
  std::string task;  ///< that asks, as recordings name it
  /// How old an answer of a run that died may be.
  std::chrono::milliseconds earlier_limit = std::chrono::minutes(62);
  /// A run that died left answers: look there too for a call without the values learned meanwhile.
  bool earlier = false;
};

/// A call to make: all of `regions` with all of `skus`, through one subscription.
struct PlacementCall {
  int32_t number = 0;        ///< in the plan
  std::string subscription;  ///< its digest
  std::vector<std::string> regions, skus;
  std::string earlier = {};  ///< location whose answer a run that died has; empty: none
};

/// The answer to a call.
struct PlacementReply {
  std::string call_id;
  Time asked_at;                           ///< when the answer was received
  std::vector<std::string> regions, skus;  ///< as asked at last: without invalid values
  std::vector<PlacementCell> cells;
};

/// What became of a call. Without reply and reason nothing was left to ask: all its regions or all
/// its SKUs are invalid.
struct PlacementResult {
  std::optional<PlacementReply> reply;
  std::string reason;    ///< `budget`, `deadline`, `failed`, `rejected`, `credentials`; else empty
  std::string detail;    ///< one line for people
  bool asked = false;    ///< at least one request left
  bool refused = false;  ///< the service itself answered, but gave no scores
};

struct PlacementOutcome {
  std::vector<PlacementResult> results;                    ///< one a call, in their order
  std::vector<std::string> invalid_regions, invalid_skus;  ///< learned, lower case, sorted
  int64_t requests = 0;
  int64_t bytes = 0;
  int64_t recalled = 0;  ///< answers of runs that died; no requests
};

/// Make the calls, in their order as far as retries and rests allow. Each request has its permit
/// (call_budget.h) before it leaves; what a run that died was told is not asked again. What one
/// call learns holds for all not yet sent: an invalid value, a bucket or subscription at rest,
/// refused credentials. Answers are kept whatever happens later; what went wrong is the result of
/// its call, never an error. kCancelled: stopped by the user. Blocks. Source:
/// docs/pipelines/azure-spot.md, placement scores.
Result<PlacementOutcome> AskPlacement(net::Transport& transport, CallBudget& budget,
                                      const std::vector<PlacementCall>& calls,
                                      const PlacementOptions& options, const OpContext& context);

/// Look for answers that a run of this slot that died has, whichever location they came from, and
/// note them in the calls: those need no permit.
Result<EarlierAnswers> FindEarlierPlacement(net::Transport& transport,
                                            std::vector<PlacementCall>& calls,
                                            const PlacementOptions& options,
                                            const OpContext& context);

/// Ask for the locations that a call's URL may name, each a bucket of its own. Spends from the
/// bucket `unknown`. kDenied, kExhausted, kDeadline, kUnavailable: there is no list.
Result<std::vector<std::string>> AskPlacementLocations(net::Transport& transport,
                                                       CallBudget& budget,
                                                       const PlacementCall& sample,
                                                       const PlacementOptions& options,
                                                       const OpContext& context);

/// The first 16 hex digits of SHA-256 over slot, count, digest, regions, SKUs (each joined by
/// commas) and attempt, as texts joined by line breaks.
std::string PlacementCallId(Time slot, const std::string& subscription,
                            const PlacementQuestion& question, int attempt);

}  // namespace catchment::sources::azure
