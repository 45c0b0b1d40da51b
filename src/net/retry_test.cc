#include "net/retry.h"

#include "base/test.h"
#include "net/fake_transport.h"

namespace catchment::net {

using namespace std::chrono_literals;

namespace {

constexpr Time kStart{std::chrono::sys_days{std::chrono::year_month_day{
    std::chrono::year(2026), std::chrono::month(1), std::chrono::day(28)}}};

OpContext ContextOn(const Clock& clock) {
  OpContext context;
  context.clock = &clock;
  return context;
}

Jitter Always(double value) {
  return [value] { return value; };
}

}  // namespace

TEST(RetryTest, WaitsTwiceAsLongEachTimeUpToTheCap) {
  ManualClock clock(kStart);
  std::vector<std::chrono::microseconds> at;
  const Status status = Retry(
      {.tries = 9}, ContextOn(clock),
      [&]() -> Status {
        at.push_back(clock.Now() - kStart);
        return Unavailable("HTTP 503");
      },
      Always(1.0));
  EXPECT_ERROR(status, Code::kUnavailable, "HTTP 503 after 9 tries");
  EXPECT_EQ(at, (std::vector<std::chrono::microseconds>{0s, 500ms, 1500ms, 3500ms, 7500ms, 15500ms,
                                                        31500ms, 51500ms, 71500ms}));
}

TEST(RetryTest, JitterIsFull) {
  ManualClock clock(kStart);
  int calls = 0;
  const auto result = Retry(
      {.tries = 2}, ContextOn(clock),
      [&]() -> Result<int> {
        if (++calls == 1) return Unavailable("reset");
        return 7;
      },
      Always(0.0));
  ASSERT_OK(result);
  EXPECT_EQ(*result, 7);
  EXPECT_EQ(clock.Now(), kStart);
}

TEST(RetryTest, RandomJitterStaysBelowOneAndDiffers) {
  Jitter jitter = RandomJitter();
  double low = 1, high = 0;
  for (int i = 0; i < 1000; ++i) {
    const double value = jitter();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    low = std::min(low, value);
    high = std::max(high, value);
  }
  EXPECT_LT(low, 0.1);
  EXPECT_GT(high, 0.9);
}

// A10: an unrecognised HTTP error was repeated without pause until the quota was gone.
TEST(RetryTest, OnlyUnavailableIsTriedAgain) {
  ManualClock clock(kStart);
  for (const Code code : {Code::kInvalid, Code::kDenied, Code::kCorrupt, Code::kExhausted,
                          Code::kDeadline, Code::kNotFound}) {
    int calls = 0;
    const Status status = Retry({.tries = 5}, ContextOn(clock), [&]() -> Status {
      ++calls;
      return Error{code, "no", std::nullopt};
    });
    EXPECT_EQ(calls, 1);
    EXPECT_ERROR(status, code, "no");
  }
}

TEST(RetryTest, HonoursRetryAfter) {
  ManualClock clock(kStart);
  int calls = 0;
  const Status status = Retry(
      {.tries = 2}, ContextOn(clock),
      [&]() -> Status {
        if (++calls == 2) return Status();
        Error error = Unavailable("HTTP 429");
        error.retry_after = 372s;
        return error;
      },
      Always(1.0));
  EXPECT_OK(status);
  EXPECT_EQ(clock.Now() - kStart, 372s);
}

TEST(RetryTest, NeverWaitsPastTheDeadline) {
  ManualClock clock(kStart);
  OpContext context = ContextOn(clock).Within(60s);
  int calls = 0;
  const Status status = Retry({.tries = 5}, context, [&]() -> Status {
    ++calls;
    Error error = Unavailable("HTTP 429");
    error.retry_after = 3600s;
    return error;
  });
  EXPECT_EQ(calls, 1);
  EXPECT_ERROR(status, Code::kUnavailable, "HTTP 429");
  EXPECT_EQ(status.error().retry_after, 3600s);
}

// A11: the last retry failing crashed the whole run.
TEST(RetryTest, TheLastFailureIsAnError) {
  ManualClock clock(kStart);
  EXPECT_ERROR(
      Retry({.tries = 1}, ContextOn(clock), []() -> Status { return Unavailable("down"); }),
      Code::kUnavailable, "down");
}

TEST(RetryTest, AStopEndsTheWaiting) {
  SystemClock clock;
  OpContext context = ContextOn(clock);
  std::stop_source stop;
  context.stop = stop.get_token();
  int calls = 0;
  const Status status = Retry(
      {.tries = 5, .first = 1h, .cap = 1h}, context,
      [&]() -> Status {
        ++calls;
        stop.request_stop();
        return Unavailable("down");
      },
      Always(1.0));
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(status.ok());
}

TEST(RetryTest, LaterTriesAreNamed) {
  ManualClock clock(kStart);
  OpContext context = ContextOn(clock);
  context.prefix = "[azure-spot|price]";
  std::vector<std::string> prefixes;
  (void)Retry({.tries = 2}, context, [&](const OpContext& of_try) -> Status {
    prefixes.push_back(of_try.prefix);
    return Unavailable("down");
  });
  EXPECT_EQ(prefixes, (std::vector<std::string>{"[azure-spot|price]", "[azure-spot|price|try 2]"}));
}

TEST(RetryTest, StatusesSayWhatTheCallerCanDo) {
  const Request request{.url = "https://h/subscriptions/0000-1111/x",
                        .redact = {{"0000-1111", "ab12"}}};
  const auto code = [&](int status) {
    return StatusFromResponse(request, Answer(status)).error().code;
  };
  for (const int status : {408, 429, 500, 502, 503, 504, 599}) {
    EXPECT_EQ(code(status), Code::kUnavailable) << status;
  }
  EXPECT_EQ(code(401), Code::kDenied);
  EXPECT_EQ(code(403), Code::kDenied);
  for (const int status : {302, 400, 404, 410, 413, 422}) EXPECT_EQ(code(status), Code::kInvalid);
  for (const int status : {200, 204, 304}) {
    EXPECT_OK(StatusFromResponse(request, Answer(status)));
  }
  const Status status = StatusFromResponse(request, Answer(400, "bad\r\nvalue of 0000-1111"));
  EXPECT_EQ(status.error().message,
            "GET https://h/subscriptions/ab12/x: HTTP 400: bad  value of ab12");
}

TEST(RetryTest, RetryAfterIsSecondsOrADate) {
  ASSERT_OK_AND_ASSIGN(const Time now, ParseTime("1994-11-06T08:49:00Z"));
  EXPECT_EQ(ParseRetryAfter("120", now), 120s);
  EXPECT_EQ(ParseRetryAfter(" 0 ", now), 0s);
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", now), 37s);
  EXPECT_EQ(ParseRetryAfter("Sunday, 06-Nov-94 08:49:37 GMT", now), 37s);
  EXPECT_EQ(ParseRetryAfter("Sun Nov  6 08:49:37 1994", now), 37s);
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:40:00 GMT", now), 0s);
  EXPECT_EQ(ParseRetryAfter("99999999999999999999999", now), std::chrono::days(7));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 2094 08:49:37 GMT", now), std::chrono::days(7));
  for (const char* bad : {"", "-1", "1.5", "soon", "12 s", "06 Nov 1994 08:49:37 GMT"}) {
    EXPECT_FALSE(ParseRetryAfter(bad, now).has_value()) << bad;
  }
  Response response = Answer(429, "", {{"Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"}});
  response.received = now;
  EXPECT_EQ(StatusFromResponse(Request{}, response).error().retry_after, 37s);
}

TEST(RetryTest, BadHttpDatesAreRefused) {
  for (const char* bad : {"Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
                          "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
                          "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nox 1994 08:49:37 GMT", "S", ",",
                          "Sun,", "Sun Nov  6 08:49:37 19941"}) {
    EXPECT_ERROR(ParseHttpDate(bad), Code::kInvalid, "HTTP date");
  }
}

TEST(RetryTest, HttpDatesComeBackTheSame) {
  ASSERT_OK_AND_ASSIGN(const Time time, ParseTime("2028-02-29T23:59:59Z"));
  EXPECT_EQ(FormatHttpDate(time), "Tue, 29 Feb 2028 23:59:59 GMT");
  ASSERT_OK_AND_ASSIGN(const Time back, ParseHttpDate(FormatHttpDate(time)));
  EXPECT_EQ(back, time);
}

}  // namespace catchment::net
