#include "net/rate_limiter.h"

#include "base/test.h"
#include "net/fake_transport.h"

namespace catchment::net {

using namespace std::chrono_literals;

TEST(RateLimiterTest, SpacesRequestsOut) {
  RateLimiter limiter(10);
  const Time now = Time() + 1h;
  EXPECT_EQ(limiter.Reserve(now), 0ms);
  EXPECT_EQ(limiter.Reserve(now), 100ms);
  EXPECT_EQ(limiter.Reserve(now), 200ms);
  EXPECT_EQ(limiter.Reserve(now + 1s), 0ms);
}

TEST(RateLimiterTest, ABurstGoesAtOnceAndThenThePaceHolds) {
  RateLimiter limiter(1, 3);
  ManualClock clock(Time() + 1h);
  OpContext context;
  context.clock = &clock;
  for (int i = 0; i < 3; ++i) ASSERT_OK(limiter.Wait(context));
  EXPECT_EQ(clock.Now() - Time(), 1h);
  for (int i = 0; i < 5; ++i) ASSERT_OK(limiter.Wait(context));
  EXPECT_EQ(clock.Now() - Time(), 1h + 5s);
}

TEST(RateLimiterTest, APauseHoldsAndIsNotShortened) {
  RateLimiter limiter(0);
  const Time now = Time() + 1h;
  limiter.PauseUntil(now + 5s);
  limiter.PauseUntil(now + 2s);
  EXPECT_EQ(limiter.Reserve(now), 5s);
  EXPECT_EQ(limiter.Reserve(now + 6s), 0s);
}

TEST(RateLimiterTest, DoesNotWaitPastTheDeadline) {
  RateLimiter limiter(0);
  ManualClock clock(Time() + 1h);
  OpContext context;
  context.clock = &clock;
  limiter.PauseUntil(clock.Now() + 1h);
  EXPECT_ERROR(limiter.Wait(context.Within(1min)), Code::kDeadline, "rate");
  EXPECT_EQ(clock.Now() - Time(), 1h);
}

TEST(RateLimiterTest, KnowsHowServicesAskToPause) {
  EXPECT_EQ(PauseAskedFor(Answer(429, "", {{"retry-after", "7"}})), 7s);
  EXPECT_EQ(PauseAskedFor(Answer(200, "",
                                 {{"x-ms-user-quota-remaining", "0"},
                                  {"x-ms-user-quota-resets-after", "00:01:05"}})),
            65s);
  EXPECT_FALSE(PauseAskedFor(Answer(200, "",
                                    {{"x-ms-user-quota-remaining", "3"},
                                     {"x-ms-user-quota-resets-after", "00:00:05"}}))
                   .has_value());
  EXPECT_FALSE(PauseAskedFor(Answer(200, "",
                                    {{"x-ms-user-quota-remaining", "0"},
                                     {"x-ms-user-quota-resets-after", "5 s"}}))
                   .has_value());
}

}  // namespace catchment::net
