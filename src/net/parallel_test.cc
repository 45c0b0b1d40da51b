#include "net/parallel.h"

#include <algorithm>
#include <set>

#include "base/test.h"
#include "net/fake_transport.h"
#include "net/faulty_transport.h"

namespace catchment::net {

using namespace std::chrono_literals;

namespace {

struct ParallelFixture {
  ParallelFixture() { context.clock = &clock; }
  ManualClock clock{Time()};
  OpContext context;
};

std::vector<Request> Pages(int count) {
  std::vector<Request> requests;
  for (int page = 0; page < count; ++page) {
    requests.push_back({.url = fmt::format("https://h/{}", page)});
  }
  return requests;
}

/// Keeps requests until it is told to answer them.
class HeldTransport final : public Transport {
 public:
  Result<Response> Send(const Request&, const OpContext&) override { return Internal("not used"); }
  void Start(Request request, const OpContext& context, Done done) override {
    most = std::max(most, held.size() + 1);
    held.push_back({std::move(request), context, std::move(done)});
    if (when_held) when_held();
  }
  void AnswerAll(const Result<Response>& answer) {
    auto now = std::move(held);
    held.clear();
    for (auto& one : now) one.done(answer);
  }
  struct Held {
    Request request;
    OpContext context;
    Done done;
  };
  std::vector<Held> held;
  size_t most = 0;
  std::function<void()> when_held;
};

}  // namespace

TEST(ParallelTest, ResultsComeInOrder) {
  ParallelFixture f;
  FakeTransport service(
      [](const Request& request) -> Result<Response> { return Answer(200, request.url); });
  const auto results = SendAll(service, Pages(20), {.in_flight = 4}, f.context);
  ASSERT_EQ(results.size(), 20u);
  for (int page = 0; page < 20; ++page) {
    ASSERT_OK(results[page]);
    EXPECT_EQ(results[page]->body, fmt::format("https://h/{}", page));
  }
}

TEST(ParallelTest, NeverMoreInFlightThanAllowed) {
  ParallelFixture f;
  HeldTransport service;
  service.when_held = [&] {
    if (service.held.size() == 3) service.AnswerAll(Answer(200));
  };
  const auto results = SendAll(service, Pages(9), {.in_flight = 3}, f.context);
  for (const auto& result : results) EXPECT_OK(result);
  EXPECT_EQ(service.most, 3u);
}

// A12: a connection error silently lost up to 40 pairs. A15: a failed page was dropped and the run
// called a success.
TEST(ParallelTest, AFailedRequestIsAnErrorInItsPlace) {
  ParallelFixture f;
  FakeTransport service([](const Request& request) -> Result<Response> {
    if (request.url == "https://h/2") return Unavailable("reset");
    if (request.url == "https://h/3") return Answer(503);
    return Answer(request.url == "https://h/1" ? 404 : 200);
  });
  const auto results =
      SendAll(service, Pages(5), {.in_flight = 2, .retry = {.tries = 3}}, f.context);
  EXPECT_EQ(results[1]->status, 404);
  EXPECT_ERROR(results[2], Code::kUnavailable, "reset after 3 tries");
  EXPECT_ERROR(results[3], Code::kUnavailable, "HTTP 503 after 3 tries");
  EXPECT_EQ(results[4]->status, 200);
  EXPECT_EQ(service.requests().size(), 9u);
}

TEST(ParallelTest, RetriesWaitOnTheClockWhileOthersGoOn) {
  ParallelFixture f;
  FakeTransport inner([](const Request&) -> Result<Response> { return Answer(200); });
  FaultyTransport service(inner, AnswerFirst(1, Answer(429, "", {{"Retry-After", "60"}})));
  const auto results =
      SendAll(service, Pages(3), {.in_flight = 1, .retry = {.tries = 2}}, f.context);
  for (const auto& result : results) EXPECT_OK(result);
  EXPECT_EQ(f.clock.Now() - Time(), 60s);
  EXPECT_EQ(service.requests(), 4);
}

TEST(ParallelTest, AnAnswerMayMakeMoreWork) {
  ParallelFixture f;
  FakeTransport service([](const Request&) -> Result<Response> { return Answer(200); });
  std::vector<int> todo = {0};
  std::set<int> done;
  ParallelWork work;
  std::map<size_t, int> page_of;
  size_t index = 0;
  work.next = [&]() -> std::optional<Request> {
    if (todo.empty()) return std::nullopt;
    page_of[index++] = todo.back();
    todo.pop_back();
    return Request{.url = "https://h/"};
  };
  work.accept = [&](size_t at, const Request&, const Result<Response>&) {
    done.insert(page_of[at]);
    if (page_of[at] < 10) todo.push_back(page_of[at] + 1);
    return Status();
  };
  EXPECT_OK(SendParallel(service, {.in_flight = 4}, f.context, work));
  EXPECT_EQ(done.size(), 11u);
}

TEST(ParallelTest, BeforeRunsBeforeEachTryAndMayGiveUp) {
  ParallelFixture f;
  FakeTransport service([](const Request&) -> Result<Response> { return Answer(503); });
  std::vector<Request> pages = Pages(2);
  size_t next = 0;
  int spent = 0;
  std::vector<std::string> given_up;
  ParallelWork work;
  work.next = [&]() -> std::optional<Request> {
    if (next == pages.size()) return std::nullopt;
    return pages[next++];
  };
  work.before = [&](size_t, Request& request) -> Status {
    if (++spent > 4) return Exhausted("budget");
    request.headers.Set("try", std::to_string(spent));
    return Status();
  };
  work.accept = [&](size_t, const Request& request, Result<Response> answer) {
    return StatusFromResponse(request, *answer);
  };
  work.give_up = [&](size_t at, const Request&, const Error& error) {
    given_up.push_back(fmt::format("{} {}", at, CodeName(error.code)));
    return Status();
  };
  EXPECT_OK(SendParallel(service, {.in_flight = 1, .retry = {.tries = 3}}, f.context, work));
  EXPECT_EQ(service.requests().size(), 4u);
  std::sort(given_up.begin(), given_up.end());
  ASSERT_EQ(given_up.size(), 2u);
}

TEST(ParallelTest, WithoutGiveUpTheFirstFailureEndsAll) {
  ParallelFixture f;
  HeldTransport service;
  int started = 0;
  service.when_held = [&] {
    if (++started == 3) service.AnswerAll(Invalid("HTTP 400"));
  };
  std::vector<Request> pages = Pages(10);
  size_t next = 0;
  ParallelWork work;
  work.next = [&]() -> std::optional<Request> { return pages[next++]; };
  int accepted = 0;
  work.accept = [&](size_t, const Request&, const Result<Response>& answer) {
    ++accepted;
    // Those sent to keep the connections busy are cancelled.
    service.when_held = [&] { service.AnswerAll(Cancelled("stopped")); };
    service.AnswerAll(Cancelled("stopped"));
    return answer.status();
  };
  EXPECT_ERROR(SendParallel(service, {.in_flight = 3}, f.context, work), Code::kInvalid, "400");
  EXPECT_EQ(accepted, 1);
}

// A09: quota exhausted midway threw away all scores already obtained.
TEST(ParallelTest, AtAStopWhatWasAnsweredStillCounts) {
  ParallelFixture f;
  std::stop_source stop;
  f.context.stop = stop.get_token();
  HeldTransport service;
  service.when_held = [&] {
    if (service.held.size() < 3) return;
    stop.request_stop();
    EXPECT_TRUE(service.held[0].context.stop.stop_requested());
    auto held = std::move(service.held);
    held[0].done(Answer(200));
    held[1].done(Cancelled("stopped"));
    held[2].done(Answer(200));
  };
  std::vector<Request> pages = Pages(5);
  size_t next = 0;
  std::set<size_t> accepted, given_up;
  ParallelWork work;
  work.next = [&]() -> std::optional<Request> {
    if (next == pages.size()) return std::nullopt;
    return pages[next++];
  };
  work.before = [](size_t, Request&) { return Status(); };  // nothing is made ready ahead
  work.accept = [&](size_t at, const Request&, const Result<Response>& answer) {
    accepted.insert(at);
    return answer.status();
  };
  work.give_up = [&](size_t at, const Request&, const Error& error) {
    EXPECT_EQ(error.code, Code::kCancelled);
    given_up.insert(at);
    return Status();
  };
  EXPECT_ERROR(SendParallel(service, {.in_flight = 3}, f.context, work), Code::kCancelled, "");
  EXPECT_EQ(accepted, (std::set<size_t>{0, 2}));
  EXPECT_EQ(given_up, (std::set<size_t>{1}));
  EXPECT_EQ(next, 3u);
}

TEST(ParallelTest, WhatWasMadeReadyAndNotSentIsGivenUp) {
  ParallelFixture f;
  std::stop_source stop;
  f.context.stop = stop.get_token();
  FakeTransport service([&](const Request& request) -> Result<Response> {
    if (request.url == "https://h/2") stop.request_stop();
    return Answer(200);
  });
  const auto results = SendAll(service, Pages(40), {.in_flight = 4}, f.context);
  for (const auto& result : results) {
    EXPECT_TRUE(result.ok() || result.error().code == Code::kCancelled);
  }
  EXPECT_OK(results[0]);
  EXPECT_FALSE(results[39].ok());
}

TEST(ParallelTest, ADueRetryGoesBeforeNewRequests) {
  ParallelFixture f;
  FakeTransport inner([](const Request&) -> Result<Response> { return Answer(200); });
  FaultyTransport service(inner, AnswerFirst(1, Answer(503)));
  const auto results =
      SendAll(service, Pages(500), {.in_flight = 2, .retry = {.tries = 2}}, f.context);
  for (const auto& result : results) EXPECT_OK(result);
  const auto requests = inner.requests();
  for (size_t at = 0; at < requests.size(); ++at) {
    EXPECT_TRUE(requests[at].url != "https://h/0" || at < 10) << at;
  }
}

TEST(ParallelTest, AfterTheDeadlineNothingIsSent) {
  ParallelFixture f;
  f.context.deadline = OpContext::Steady::now() - 1s;
  FakeTransport service([](const Request&) -> Result<Response> { return Answer(200); });
  const auto results = SendAll(service, Pages(3), {}, f.context);
  for (const auto& result : results) EXPECT_ERROR(result, Code::kDeadline, "");
  EXPECT_TRUE(service.requests().empty());
}

TEST(ParallelTest, ThePaceSaysHowManyAndFromWhenOn) {
  ParallelFixture f;
  HeldTransport service;
  int limit = 1;
  size_t most_at_one = 0;
  const Time begin = f.clock.Now();
  const auto rest = OpContext::Steady::now() + 30s;
  std::vector<Request> pages = Pages(12);
  size_t next = 0, done = 0;
  service.when_held = [&] {
    if (service.held.size() < static_cast<size_t>(limit)) return;
    if (limit == 1) most_at_one = std::max(most_at_one, service.held.size());
    service.AnswerAll(Answer(200));
  };
  ParallelWork work;
  work.next = [&]() -> std::optional<Request> {
    if (next == pages.size()) return std::nullopt;
    return pages[next++];
  };
  work.pace = [&] { return Pace{limit, done >= 6 ? rest : OpContext::Steady::time_point::min()}; };
  work.accept = [&](size_t, const Request&, const Result<Response>&) {
    if (++done == 3) limit = 3;
    return Status();
  };
  ASSERT_OK(SendParallel(service, {.in_flight = 9}, f.context, work));
  EXPECT_EQ(done, 12u);
  EXPECT_EQ(most_at_one, 1u);
  EXPECT_EQ(service.most, 3u);
  // One pause, of a made-up time, with nothing in flight meanwhile.
  EXPECT_GT(f.clock.Now() - begin, 25s);
  EXPECT_LE(f.clock.Now() - begin, 30s);
}

TEST(ParallelTest, ThePaceIsAskedAgainWhileAnAnswerIsSlow) {
  ParallelFixture f;
  HeldTransport service;
  service.when_held = [&] {  // the first is not answered before the second is sent
    if (service.held.size() == 2) service.AnswerAll(Answer(200));
  };
  std::vector<Request> pages = Pages(2);
  size_t next = 0, asked = 0;
  ParallelWork work;
  work.next = [&]() -> std::optional<Request> {
    if (next == pages.size()) return std::nullopt;
    return pages[next++];
  };
  work.pace = [&] {
    Pace pace;
    pace.in_flight = ++asked < 5 ? 1 : 2;
    if (pace.in_flight == 1) pace.again = OpContext::Steady::now() + 1ms;
    return pace;
  };
  work.accept = [](size_t, const Request&, const Result<Response>&) { return Status(); };
  ASSERT_OK(SendParallel(service, {.in_flight = 9}, f.context, work));
  EXPECT_EQ(next, 2u);
  EXPECT_EQ(service.most, 2u);
}

}  // namespace catchment::net
