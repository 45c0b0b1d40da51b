#include "net/parallel.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

namespace catchment::net {

namespace {

using Steady = OpContext::Steady;

/// One request on its way through tries and waits.
struct Item {
  size_t index = 0;
  Request request;
  Backoff backoff;
  bool arrived = false;  ///< its place is free although its answer is not here yet
};

/// Between the I/O thread and the calling one: answers on their way to it, and requests made ready,
/// one of which takes the place of each that is answered without waiting for the calling thread.
class Arrivals {
 public:
  struct Arrival {
    size_t index;
    Result<Response> answer;
  };

  /// The request to send in its place, if one is ready; if none is, the owner may be gone on
  /// return.
  Item* Push(Item* item, Result<Response> answer) {
    std::lock_guard<std::mutex> lock(mutex_);
    Item* next = FreeLocked(item);
    queue_.push_back({item->index, std::move(answer)});
    arrived_.notify_one();
    return next;
  }
  /// The item's answer is on its way: the request to send in its place, if one is ready.
  Item* Free(Item* item) {
    std::lock_guard<std::mutex> lock(mutex_);
    return FreeLocked(item);
  }
  /// `item` stays where it is until its answer is popped.
  void AddReady(Item* item, bool first) {
    std::lock_guard<std::mutex> lock(mutex_);
    ready_.insert(first ? ready_.begin() : ready_.end(), item);
  }
  Item* TakeReady() {
    std::lock_guard<std::mutex> lock(mutex_);
    return TakeReadyLocked();
  }
  /// Those made ready that will not be sent.
  std::deque<Item*> TakeBackReady() {
    std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(ready_, {});
  }
  /// How many are sent and unanswered. Only the calling thread makes it more.
  size_t running() {
    std::lock_guard<std::mutex> lock(mutex_);
    return running_;
  }
  void CountSent() {
    std::lock_guard<std::mutex> lock(mutex_);
    ++running_;
  }
  /// Wait for an arrival until `until` or a stop.
  std::optional<Arrival> Pop(Steady::time_point until, const std::stop_token& stop) {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto some = [&] { return !queue_.empty(); };
    if (until == Steady::time_point::max()) {
      arrived_.wait(lock, stop, some);
    } else {
      arrived_.wait_until(lock, stop, until, some);
    }
    return PopLocked();
  }

 private:
  Item* FreeLocked(Item* item) {
    if (std::exchange(item->arrived, true)) return nullptr;
    --running_;
    return TakeReadyLocked();
  }
  Item* TakeReadyLocked() {
    if (ready_.empty()) return nullptr;
    Item* item = ready_.front();
    ready_.pop_front();
    ++running_;
    return item;
  }
  std::optional<Arrival> PopLocked() {
    if (queue_.empty()) return std::nullopt;
    Arrival arrival = std::move(queue_.front());
    queue_.pop_front();
    return arrival;
  }

  // Guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::deque<Arrival> queue_;
  std::deque<Item*> ready_;
  size_t running_ = 0;
};

/// The state of one SendParallel. Only the calling thread touches it, `arrivals_` apart.
class Crowd {
 public:
  Crowd(Transport& transport, const ParallelOptions& options, const OpContext& context,
        const ParallelWork& work)
      : transport_(transport),
        options_(options),
        context_(context),
        work_(work),
        most_(std::max(1, options.in_flight)),
        ahead_(work.before || work.pace ? 0 : std::min<size_t>(most_, 32)),
        jitter_(options.jitter ? options.jitter : RandomJitter()),
        linked_(context.stop, [this] { stop_.request_stop(); }) {
    sending_ = context;
    sending_.stop = stop_.get_token();
  }

  Status Run() {
    while (true) {
      if (end_.ok()) CheckContext();
      if (end_.ok()) Fill();
      if (in_flight_.empty() && ((waiting_.empty() && !paused_) || !end_.ok())) break;
      if (auto arrival = arrivals_.Pop(WakeUp(), end_.ok() ? context_.stop : std::stop_token())) {
        Handle(*std::move(arrival));
      }
    }
    while (!waiting_.empty()) {
      Item item = std::move(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      if (!failed_) GiveUp(item, end_.error());
    }
    return end_;
  }

 private:
  void CheckContext() {
    Status status = context_.Check();
    if (!status.ok()) End(std::move(status));
  }

  void End(Status status) {
    if (end_.ok()) end_ = std::move(status);
    stop_.request_stop();
    for (const Item* unsent : arrivals_.TakeBackReady()) {
      Item item = std::move(in_flight_.extract(unsent->index).mapped());
      if (!failed_) GiveUp(item, end_.error());
    }
  }

  /// How many may be kept: sent, made ready, or answered and not yet looked at.
  size_t Limit() const { return most_ + ahead_; }

  Steady::time_point WakeUp() const {
    if (!end_.ok()) return Steady::time_point::max();
    const Steady::time_point until = std::min(context_.deadline, pace_again_);
    if (paused_) return std::min(until, *paused_);
    if (waiting_.empty() || in_flight_.size() >= Limit()) return until;
    return std::min(until, waiting_.begin()->first);
  }

  std::optional<Item> TakeDue() {
    if (waiting_.empty() || waiting_.begin()->first > Steady::now()) return std::nullopt;
    Item item = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    return item;
  }

  std::optional<Item> TakeNew() {
    std::optional<Request> request = work_.next();
    if (!request) return std::nullopt;
    return Item{next_index_++, *std::move(request),
                Backoff(options_.retry, [this] { return jitter_(); })};
  }

  /// Whether requests may be begun; a pause of a made-up time is over at once.
  bool TakePace() {
    paused_.reset();
    if (!work_.pace) return true;
    const Pace pace = work_.pace();
    most_ = static_cast<size_t>(std::max(1, pace.in_flight));
    pace_again_ = pace.again;
    const Steady::time_point now = Steady::now();
    if (pace.not_before <= now || pace.not_before <= slept_until_) return true;
    if (context_.clock->simulated()) {
      slept_until_ = pace.not_before;
      return context_.clock->Sleep(
          std::chrono::ceil<std::chrono::milliseconds>(pace.not_before - now), context_.stop);
    }
    paused_ = pace.not_before;
    return false;
  }

  /// Send until as many as allowed are on their way: those whose wait is over first. Without
  /// `before` and `pace`, which must run just before each try, some more are made ready.
  void Fill() {
    if (!TakePace()) return;
    while (end_.ok() && arrivals_.running() < most_) {
      if (Item* ready = arrivals_.TakeReady()) {
        Start(ready);
        continue;
      }
      if (in_flight_.size() >= Limit()) return;
      std::optional<Item> item = TakeDue();
      if (!item) item = TakeNew();
      if (!item) return;
      Send(*std::move(item));
    }
    if (ahead_ == 0) return;
    while (end_.ok() && in_flight_.size() < Limit()) {
      std::optional<Item> item = TakeDue();
      const bool again = item.has_value();
      if (!again) item = TakeNew();
      if (!item) return;
      arrivals_.AddReady(Keep(*std::move(item)), again);
    }
  }

  Item* Keep(Item item) {
    const size_t index = item.index;
    item.arrived = false;
    return &in_flight_.emplace(index, std::move(item)).first->second;
  }

  void Send(Item item) {
    if (work_.before) {
      const Status status = work_.before(item.index, item.request);
      if (!status.ok()) return GiveUp(item, status.error());
    }
    Item* kept = Keep(std::move(item));
    arrivals_.CountSent();
    Start(kept);
  }

  /// Also on the I/O thread. A place in running() is taken already; the item is in in_flight_ until
  /// its answer is popped, so that the Crowd outlives the answer.
  void Start(Item* item) {
    Request request = item->request;
    request.arrived = [this, item] {
      if (Item* next = arrivals_.Free(item)) Start(next);
    };
    transport_.Start(std::move(request), sending_, [this, item](Result<Response> answer) {
      if (Item* next = arrivals_.Push(item, std::move(answer))) Start(next);
    });
  }

  void Handle(Arrivals::Arrival arrival) {
    Item item = std::move(in_flight_.extract(arrival.index).mapped());
    if (failed_) return;
    if (end_.ok()) CheckContext();
    // Keeps the connections busy while the answer is looked at; but what goes out next may depend
    // on it where the caller decides before each try.
    if (end_.ok() && !work_.before && !work_.pace) Fill();
    if (failed_) return;
    // At a deadline or stop what was answered still counts; what was not is given up for that
    // reason.
    if (!end_.ok() && !arrival.answer.ok()) return GiveUp(item, end_.error());
    const Status status = work_.accept(item.index, item.request, std::move(arrival.answer));
    if (status.ok()) return;
    if (!end_.ok()) return GiveUp(item, end_.error());
    const auto wait = item.backoff.AfterFailure(status.error(), context_);
    if (!wait) return GiveUp(item, item.backoff.Final(status.error()));
    Steady::time_point due = Steady::now() + *wait;
    if (context_.clock->simulated()) {
      context_.clock->Sleep(*wait, context_.stop);
      due = Steady::now();
    }
    waiting_.emplace(due, std::move(item));
  }

  void GiveUp(const Item& item, const Error& error) {
    Status status = work_.give_up ? work_.give_up(item.index, item.request, error) : Status(error);
    if (status.ok() || !end_.ok()) return;
    failed_ = true;
    End(std::move(status));
  }

  Transport& transport_;
  const ParallelOptions& options_;
  const OpContext& context_;
  const ParallelWork& work_;
  size_t most_;                                                 // in flight
  const size_t ahead_;                                          // made ready
  std::optional<Steady::time_point> paused_;                    // nothing is begun before
  Steady::time_point pace_again_ = Steady::time_point::max();   // see Pace::again
  Steady::time_point slept_until_ = Steady::time_point::min();  // of a made-up time
  Jitter jitter_;  // one for all, so that requests that failed together do not return together
  Arrivals arrivals_;
  std::stop_source stop_;  // of what is in flight
  OpContext sending_;
  std::map<size_t, Item> in_flight_;  // see Limit()
  std::multimap<Steady::time_point, Item> waiting_;
  size_t next_index_ = 0;
  Status end_;           // why nothing more is sent
  bool failed_ = false;  // ended by the caller: answers are no longer looked at
  std::stop_callback<std::function<void()>> linked_;
};

}  // namespace

Status SendParallel(Transport& transport, const ParallelOptions& options, const OpContext& context,
                    const ParallelWork& work) {
  return Crowd(transport, options, context, work).Run();
}

std::vector<Result<Response>> SendAll(Transport& transport, std::vector<Request> requests,
                                      const ParallelOptions& options, const OpContext& context) {
  std::vector<Result<Response>> results(requests.size(),
                                        Result<Response>(Cancelled("not sent: the run stopped")));
  size_t next = 0;
  ParallelWork work;
  work.next = [&]() -> std::optional<Request> {
    if (next == requests.size()) return std::nullopt;
    return std::move(requests[next++]);
  };
  work.accept = [&](size_t index, const Request& request, Result<Response> answer) -> Status {
    if (!answer.ok()) {
      Error error = answer.error();
      if (error.code == Code::kCorrupt) error.code = Code::kUnavailable;  // a live answer of no use
      return error;
    }
    Status status = StatusFromResponse(request, *answer);
    if (!status.ok() && status.error().code == Code::kUnavailable) return status;
    results[index] = std::move(answer);
    return Status();
  };
  work.give_up = [&](size_t index, const Request&, const Error& error) {
    results[index] = error;
    return Status();
  };
  const Status end = SendParallel(transport, options, context, work);
  for (size_t unsent = next; unsent < results.size() && !end.ok(); ++unsent) {
    results[unsent] = end.error();
  }
  return results;
}

}  // namespace catchment::net
