#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/op_context.h"
#include "base/result.h"
#include "base/time.h"
#include "net/transport.h"

namespace catchment::sources {

/// A source's side of BudgetTransport: asks before each request whether and from which bucket it
/// may be made, and tells what an answer means for other calls. Every question goes through the
/// source's transport and is recorded; a replay gets the same answers in whatever order it asks.
/// Not thread-safe. `transport` outlives it.
///
/// A call's text names it within the run (`17`), `attempt` counts its requests from 0.
class CallBudget {
 public:
  struct Permit {
    enum class Kind {
      kTaken,  ///< send now, from bucket `name`
      kWait,   ///< ask again after `wait`
      kStop,   ///< not to be sent, for `reason`
    };
    Kind kind = Kind::kStop;
    std::string name;
    std::vector<std::string> facts;  ///< all that calls have told so far
    std::chrono::milliseconds wait{};
    std::string reason;  ///< `budget`, `deadline`, `credentials`
  };

  /// `purse` is the beginning of the buckets: the identity's name. Nothing is permitted once
  /// `deadline` has passed.
  CallBudget(net::Transport& transport, std::string api, std::string purse,
             const OpContext& context, OpContext::Steady::time_point deadline);

  /// Free calls of each group, summed over the buckets `names`. At most `ceiling` calls will be
  /// permitted in all. kInvalid: a bucket without limit.
  Result<std::map<std::string, int64_t>> Allowance(const std::vector<std::string>& groups,
                                                   const std::vector<std::string>& names,
                                                   std::optional<int64_t> ceiling);
  /// How many calls of each group are to come, so that permits can be made durable together.
  Status Announce(const std::map<std::string, int64_t>& calls);

  /// Ask for one request. `name`: from this bucket only.
  Result<Permit> Ask(const std::string& group, const std::string& call, int attempt,
                     const std::string& name = "");

  /// Nothing more is taken from the bucket (all of the group's, if `name` is empty) before `until`.
  Status TellRest(const std::string& group, const std::string& name, const std::string& call,
                  int attempt, Time until);
  /// Something other calls have to know before they are sent.
  Status TellFact(const std::string& fact, const std::string& call, int attempt);
  /// No further call of the group; of the purse, if `group` is empty.
  Status TellDenied(const std::string& group, const std::string& call, int attempt);

  /// Why a permitted request has no answer, or was not made: the first time `reason`; in a replay,
  /// which cannot know, what was recorded. kNotFound: a replay of a run that did make it.
  Result<std::string> Fate(const std::string& call, int attempt, std::string_view reason);

 private:
  struct Question;
  Result<std::string> Send(const Question& question);

  net::Transport& transport_;
  const std::string api_, purse_;
  OpContext context_;  ///< without deadline
  const OpContext::Steady::time_point deadline_;
};

}  // namespace catchment::sources
