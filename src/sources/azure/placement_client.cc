#include "sources/azure/placement_client.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "base/digest.h"
#include "base/text.h"
#include "net/parallel.h"

namespace catchment::sources::azure {
namespace {

constexpr int kMostMoves = 3;
constexpr int kMostInvalid = 13;  // values of one call
constexpr std::chrono::seconds kThrottledRest{60};
constexpr std::string_view kWritesLeft = "x-ms-ratelimit-remaining-subscription-writes";
constexpr std::string_view kRegionFact = "region ", kSkuFact = "sku ";

net::Request MakeRequest(const PlacementOptions& options, const std::string& subscription,
                         const std::string& location, const PlacementQuestion& question) {
  net::Request request;
  request.method = "POST";
  request.url = fmt::format(
      "{}/subscriptions/{}/providers/Microsoft.Compute/locations/{}/placementScores/spot/"
      "generate?api-version=2025-06-05",
      options.base_url, subscription, location);
  request.headers.Add("Content-Type", "application/json");
  request.body = FormatPlacementQuestion(question);
  request.service = "management";
  request.timeout = std::chrono::seconds(50);
  request.max_bytes = uint64_t{16} << 20;
  return request;
}

PlacementVerdict Judge(const net::Response& response) {
  std::optional<std::chrono::seconds> retry_after;
  if (const std::string* value = response.headers.Find("retry-after"))
    retry_after = net::ParseRetryAfter(*value, response.received);
  return JudgePlacementAnswer(response.status, response.body, retry_after);
}

/// Remove the value equal to `lower` without regard to case. False: it is not there.
bool Drop(std::vector<std::string>& values, const std::string& lower) {
  return std::erase_if(values, [&](const std::string& value) { return ToLower(value) == lower; }) >
         0;
}

/// A call on its way through tries, moves and waits.
struct Active {
  const PlacementCall* call = nullptr;
  PlacementResult* result = nullptr;
  PlacementQuestion question;
  net::Backoff backoff;
  std::string location = {};
  std::string earlier = {};  // location of an earlier answer, until it was used
  bool changed = false;      // asks for less than when earlier answers were looked for
  int attempt = 0;           // requests so far
  int moves = 0;
  int invalid = 0;
  bool done = false;
  bool parked = false;  // was not sent, waits

  std::string name() const { return fmt::format("{}", call->number); }
};

/// The calls of one run. All of it runs on the calling thread.
class Round {
 public:
  Round(net::Transport& transport, CallBudget& budget, const std::vector<PlacementCall>& calls,
        const PlacementOptions& options, const OpContext& context)
      : transport_(transport),
        budget_(budget),
        options_(options),
        context_(context),
        waiting_context_(context),
        jitter_(options.jitter ? options.jitter : net::RandomJitter()) {
    waiting_context_.deadline = std::min(context.deadline, options.deadline);
    outcome_.results.resize(calls.size());
    for (size_t at = 0; at < calls.size(); ++at) {
      const PlacementCall& call = calls[at];
      actives_.push_back({.call = &call,
                          .result = &outcome_.results[at],
                          .question = {options.zones, options.count, call.regions, call.skus},
                          .backoff = net::Backoff(options.retry, [this] { return jitter_(); }),
                          .earlier = call.earlier});
      ready_.push_back(&actives_.back());
    }
  }

  Result<PlacementOutcome> Run() {
    while (!ready_.empty() || !waiting_.empty()) {
      RETURN_IF_ERROR(SendAll());
      if (!ready_.empty() || waiting_.empty()) continue;
      const auto wait = std::chrono::ceil<std::chrono::milliseconds>(waiting_.begin()->first -
                                                                     context_.clock->Now());
      if (wait.count() > 0 && !context_.clock->Sleep(wait, context_.stop))
        return Cancelled("stopped while waiting to ask again for placement scores");
    }
    outcome_.invalid_regions.assign(regions_.begin(), regions_.end());
    outcome_.invalid_skus.assign(skus_.begin(), skus_.end());
    return std::move(outcome_);
  }

 private:
  /// Send what is ready, and what becomes so meanwhile.
  Status SendAll() {
    std::vector<Active*> sent;  // by index
    net::ParallelWork work;
    work.next = [&]() -> std::optional<net::Request> {
      Active* active = TakeReady();
      if (active == nullptr) return std::nullopt;
      sent.push_back(active);
      return net::Request();
    };
    work.before = [&](size_t index, net::Request& request) {
      return Prepare(*sent[index], request);
    };
    work.accept = [&](size_t index, const net::Request&, Result<net::Response> answer) {
      Accept(*sent[index], std::move(answer));
      return Status();
    };
    work.give_up = [&](size_t index, const net::Request&, const Error& error) {
      Active& active = *sent[index];
      if (!active.done && !active.parked) Finish(active, Fate(active, "deadline"), error.message);
      return Status();
    };
    const Status status = net::SendParallel(
        transport_, {.in_flight = options_.in_flight, .retry = {.tries = 1}}, context_, work);
    if (status.ok()) return {};
    if (status.error().code != Code::kDeadline) return status;
    for (Active& active : actives_) {
      if (!active.done) Finish(active, Fate(active, "deadline"), status.error().message);
    }
    ready_.clear();
    waiting_.clear();
    return {};
  }

  Active* TakeReady() {
    Active* active = nullptr;
    if (!waiting_.empty() && waiting_.begin()->first <= context_.clock->Now()) {
      active = waiting_.begin()->second;
      waiting_.erase(waiting_.begin());
    } else if (!ready_.empty()) {
      active = ready_.front();
      ready_.pop_front();
    }
    if (active != nullptr) active->parked = false;
    return active;
  }

  /// Make the next request of a call, with token and permit. An error: there is none now, and the
  /// call is finished or parked.
  Status Prepare(Active& active, net::Request& request) {
    LookAgain(active);
    if (!active.earlier.empty()) return PrepareEarlier(active, request);
    net::Secret token;
    if (options_.tokens != nullptr) {
      Result<net::Secret> had = Token();
      if (!had.ok()) {
        const bool denied = had.error().code == Code::kDenied;
        Finish(active, Fate(active, denied ? "credentials" : "failed"), had.error().message);
        return had.error();
      }
      token = *std::move(had);
    }
    const Result<CallBudget::Permit> permit =
        budget_.Ask(active.call->subscription, active.name(), active.attempt);
    if (!permit.ok()) {
      const bool unknown = permit.error().code == Code::kNotFound;  // a replay
      Finish(active, unknown ? Fate(active, "failed") : "failed", permit.error().message);
      return permit.error();
    }
    if (permit->kind == CallBudget::Permit::Kind::kWait) {
      Park(active, permit->wait);
      return Unavailable("at rest");
    }
    if (permit->kind == CallBudget::Permit::Kind::kStop) {
      Finish(active, permit->reason, fmt::format("no permit: {}", permit->reason));
      return Exhausted("{}", permit->reason);
    }
    for (const std::string& fact : permit->facts) Apply(active, fact);
    if (IsEmpty(active)) {
      Finish(active, "", "");
      return NotFound("nothing left to ask");
    }
    LookAgain(active);  // its permit is lost then: what other calls learned comes with it
    if (!active.earlier.empty()) return PrepareEarlier(active, request);
    active.location = permit->name;
    request = MakeRequest(options_, active.call->subscription, active.location, active.question);
    if (options_.tokens != nullptr)
      request.headers.Add("Authorization", "Bearer " + token.Reveal());
    active.result->asked = true;
    ++outcome_.requests;
    return {};
  }

  Status PrepareEarlier(const Active& active, net::Request& request) const {
    request = MakeRequest(options_, active.call->subscription, active.earlier, active.question);
    MarkEarlier(request, options_.task);
    return {};
  }

  /// The run that died learned the same values and asked for the rest without them.
  void LookAgain(Active& active) {
    if (!std::exchange(active.changed, false) || !options_.earlier || IsEmpty(active)) return;
    std::vector<PlacementCall> calls = {*active.call};
    calls[0].regions = active.question.regions;
    calls[0].skus = active.question.skus;
    if (FindEarlierPlacement(transport_, calls, options_, context_).ok())
      active.earlier = calls[0].earlier;
  }

  /// An earlier answer that cannot be read or holds no scores is as good as none.
  void AcceptEarlier(Active& active, const Result<net::Response>& answer) {
    active.earlier.clear();
    if (answer.ok()) {
      PlacementVerdict verdict = Judge(*answer);
      if (verdict.answer == PlacementAnswer::kScores) {
        ++outcome_.recalled;
        active.result->asked = true;
        return TakeScores(active, active.attempt, answer->received, verdict);
      }
    }
    ready_.push_front(&active);
  }

  void TakeScores(Active& active, int attempt, Time received, PlacementVerdict& verdict) {
    Finish(active, "", "");
    active.result->reply = PlacementReply{
        PlacementCallId(options_.slot, active.call->subscription, active.question, attempt),
        received, active.question.regions, active.question.skus, std::move(verdict.cells)};
  }

  /// A failure to get a token holds for all calls: asking again would cost each of them the same
  /// tries.
  Result<net::Secret> Token() {
    if (token_failure_) return *token_failure_;
    Result<net::Secret> token = options_.tokens->Token(context_);
    if (!token.ok()) token_failure_ = token.error();
    return token;
  }

  static void Apply(Active& active, std::string_view fact) {
    if (fact.starts_with(kRegionFact) &&
        Drop(active.question.regions, std::string(fact.substr(kRegionFact.size()))))
      active.changed = true;
    if (fact.starts_with(kSkuFact) &&
        Drop(active.question.skus, std::string(fact.substr(kSkuFact.size()))))
      active.changed = true;
  }

  static bool IsEmpty(const Active& active) {
    return active.question.regions.empty() || active.question.skus.empty();
  }

  void Accept(Active& active, Result<net::Response> answer) {
    if (!active.earlier.empty()) return AcceptEarlier(active, answer);
    const int attempt = active.attempt++;
    if (!answer.ok()) return AcceptFailure(active, attempt, answer.error());
    outcome_.bytes += static_cast<int64_t>(answer->body.size());
    if (answer->headers.Get(kWritesLeft) == "0")
      Told(budget_.TellRest(active.call->subscription, "", active.name() + " writes", attempt,
                            answer->received + kThrottledRest));
    PlacementVerdict verdict = Judge(*answer);
    switch (verdict.answer) {
      case PlacementAnswer::kScores:
        return TakeScores(active, attempt, answer->received, verdict);
      case PlacementAnswer::kUseless:
        return TryAgain(active, verdict, "failed");
      case PlacementAnswer::kNoScores:
        active.result->refused = true;
        return TryAgain(active, verdict, "failed");
      case PlacementAnswer::kInvalidRegion:
      case PlacementAnswer::kInvalidSku:
        return Learn(active, attempt, verdict);
      case PlacementAnswer::kRejected:
        active.result->refused = true;
        return Finish(active, "rejected", verdict.detail);
      case PlacementAnswer::kIdentityDenied:
        Told(budget_.TellDenied("", active.name(), attempt));
        return Finish(active, "credentials", verdict.detail);
      case PlacementAnswer::kSubscriptionDenied:
        Told(budget_.TellDenied(active.call->subscription, active.name(), attempt));
        return Finish(active, "credentials", verdict.detail);
      case PlacementAnswer::kBucketSpent:
        return Move(active, attempt, verdict, answer->received);
      case PlacementAnswer::kThrottled:
        Told(budget_.TellRest(active.call->subscription, "", active.name(), attempt,
                              answer->received + verdict.wait.value_or(kThrottledRest)));
        verdict.wait.reset();  // the permit waits
        return TryAgain(active, verdict, "budget");
    }
  }

  void AcceptFailure(Active& active, int attempt, const Error& error) {
    PlacementVerdict verdict;
    verdict.detail = error.message;
    switch (error.code) {
      case Code::kUnavailable:
      case Code::kCorrupt:
        return TryAgain(active, verdict, "failed");
      case Code::kNotFound:  // a replay: the request had no answer that could be recorded
      case Code::kDeadline:
      case Code::kCancelled:
        active.attempt = attempt;
        return Finish(active, Fate(active, "deadline"), error.message);
      default:
        return Finish(active, "failed", error.message);
    }
  }

  void TryAgain(Active& active, const PlacementVerdict& verdict, std::string_view reason) {
    Error error = Unavailable("{}", verdict.detail);
    error.retry_after = verdict.wait;
    if (const auto wait = active.backoff.AfterFailure(error, waiting_context_))
      return Park(active, *wait);
    if (active.backoff.failures() < options_.retry.tries) {
      const Result<std::string> fate = budget_.Fate(active.name(), active.attempt, "deadline");
      // A replay that is short of time goes on as the run did.
      if (!fate.ok() && fate.error().code == Code::kNotFound) return Park(active, {});
      return Finish(active, fate.ok() ? *fate : "deadline", verdict.detail);
    }
    Finish(active, std::string(reason), active.backoff.Final(error).message);
  }

  void Learn(Active& active, int attempt, const PlacementVerdict& verdict) {
    const bool region = verdict.answer == PlacementAnswer::kInvalidRegion;
    const std::string value = ToLower(verdict.value);
    if (!Drop(region ? active.question.regions : active.question.skus, value)) {
      active.result->refused = true;
      return Finish(active, "rejected",
                    fmt::format("refused for a value it did not hold: {}", verdict.detail));
    }
    active.changed = true;
    (region ? regions_ : skus_).insert(value);
    Told(budget_.TellFact(std::string(region ? kRegionFact : kSkuFact) + value, active.name(),
                          attempt));
    if (IsEmpty(active)) return Finish(active, "", "");
    if (++active.invalid > kMostInvalid) return Finish(active, "rejected", verdict.detail);
    ready_.push_front(&active);
  }

  void Move(Active& active, int attempt, const PlacementVerdict& verdict, Time received) {
    const std::chrono::milliseconds rest =
        verdict.wait ? std::chrono::milliseconds(*verdict.wait) : options_.bucket_window;
    Told(budget_.TellRest(active.call->subscription, active.location, active.name(), attempt,
                          received + rest));
    if (++active.moves > kMostMoves) return Finish(active, "budget", verdict.detail);
    ready_.push_front(&active);
  }

  void Park(Active& active, std::chrono::milliseconds wait) {
    active.parked = true;
    waiting_.emplace(context_.clock->Now() + wait, &active);
  }

  void Finish(Active& active, std::string reason, std::string detail) {
    active.done = true;
    active.result->reason = std::move(reason);
    active.result->detail = std::move(detail);
  }

  /// What is written down for a request without answer.
  std::string Fate(const Active& active, std::string_view reason) {
    Result<std::string> fate = budget_.Fate(active.name(), active.attempt, reason);
    return fate.ok() ? *std::move(fate) : std::string(reason);
  }

  /// What cannot be told to other calls, they find out themselves.
  static void Told(const Status&) {}

  net::Transport& transport_;
  CallBudget& budget_;
  const PlacementOptions& options_;
  const OpContext& context_;
  OpContext waiting_context_;  // with the deadline of requests
  net::Jitter jitter_;
  PlacementOutcome outcome_;
  std::deque<Active> actives_;
  std::deque<Active*> ready_;
  std::multimap<Time, Active*> waiting_;
  std::set<std::string> regions_, skus_;
  std::optional<Error> token_failure_;
};

}  // namespace

Result<PlacementOutcome> AskPlacement(net::Transport& transport, CallBudget& budget,
                                      const std::vector<PlacementCall>& calls,
                                      const PlacementOptions& options, const OpContext& context) {
  return Round(transport, budget, calls, options, context).Run();
}

Result<EarlierAnswers> FindEarlierPlacement(net::Transport& transport,
                                            std::vector<PlacementCall>& calls,
                                            const PlacementOptions& options,
                                            const OpContext& context) {
  std::map<std::string, net::Request> requests;
  for (const PlacementCall& call : calls) {
    requests.emplace(fmt::format("{}", call.number),
                     MakeRequest(options, call.subscription, "*",
                                 {options.zones, options.count, call.regions, call.skus}));
  }
  ASSIGN_OR_RETURN(EarlierAnswers earlier,
                   AskEarlier(transport, options.task, requests, options.earlier_limit, context));
  for (PlacementCall& call : calls) {
    const auto found = earlier.found.find(fmt::format("{}", call.number));
    call.earlier = found == earlier.found.end() ? "" : found->second;
  }
  return earlier;
}

Result<std::vector<std::string>> AskPlacementLocations(net::Transport& transport,
                                                       CallBudget& budget,
                                                       const PlacementCall& sample,
                                                       const PlacementOptions& options,
                                                       const OpContext& context) {
  constexpr char kUnknown[] = "unknown";
  const PlacementQuestion question{options.zones, 1, sample.regions, sample.skus};
  int attempt = 0;
  const auto ask = [&]() -> Result<std::vector<std::string>> {
    net::Secret token;
    if (options.tokens != nullptr) {
      ASSIGN_OR_RETURN(token, options.tokens->Token(context));
    }
    ASSIGN_OR_RETURN(const CallBudget::Permit permit,
                     budget.Ask(sample.subscription, "locations", attempt++, kUnknown));
    if (permit.kind != CallBudget::Permit::Kind::kTaken)
      return Exhausted("locations are not asked for: {}", permit.reason);
    net::Request request = MakeRequest(options, sample.subscription, kUnknown, question);
    if (options.tokens != nullptr) request.headers.Add("Authorization", "Bearer " + token.Reveal());
    ASSIGN_OR_RETURN(const net::Response response, transport.Send(request, context));
    if (response.status >= 400 && response.status < 500) {
      Result<std::vector<std::string>> locations = ParseSupportedLocations(response.body);
      if (locations.ok()) return locations;
    }
    if (response.status == 401 || response.status == 403) {
      RETURN_IF_ERROR(budget.TellDenied(response.status == 401 ? "" : sample.subscription,
                                        "locations", attempt));
    }
    RETURN_IF_ERROR(net::StatusFromResponse(request, response));
    return Invalid("{}: an unknown location was accepted", request.Name());
  };
  return net::Retry(options.retry, context, ask,
                    options.jitter ? options.jitter : net::RandomJitter());
}

std::string PlacementCallId(Time slot, const std::string& subscription,
                            const PlacementQuestion& question, int attempt) {
  return Sha256Hex(fmt::format("{}\n{}\n{}\n{}\n{}\n{}", FormatTime(slot), question.count,
                               subscription, fmt::join(question.regions, ","),
                               fmt::join(question.skus, ","), attempt))
      .substr(0, 16);
}

}  // namespace catchment::sources::azure
