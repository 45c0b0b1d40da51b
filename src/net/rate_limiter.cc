#include "net/rate_limiter.h"

#include <algorithm>
#include <cstdio>

#include "net/retry.h"

namespace catchment::net {

using std::chrono::microseconds;
using std::chrono::milliseconds;

RateLimiter::RateLimiter(double per_second, int burst)
    : per_second_(per_second), burst_(std::max(1, burst)) {}

milliseconds RateLimiter::Reserve(Time now) {
  MutexLock lock(mutex_);
  Time start = std::max(now, paused_until_.value_or(now));
  if (per_second_ > 0) {
    const microseconds interval(static_cast<int64_t>(1e6 / per_second_));
    if (next_) start = std::max(start, *next_ - (burst_ - 1) * interval);
    next_ = std::max(start, next_.value_or(start)) + interval;
  }
  return std::chrono::ceil<milliseconds>(start - now);
}

Status RateLimiter::Wait(const OpContext& context) {
  RETURN_IF_ERROR(context.Check());
  const milliseconds wait = Reserve(context.clock->Now());
  if (wait <= milliseconds(0)) return Status();
  if (wait >= context.Left()) {
    return Deadline("{} the rate allows the next request only after the deadline", context.prefix);
  }
  if (!context.clock->Sleep(wait, context.stop)) return Cancelled("{} stopped", context.prefix);
  return Status();
}

void RateLimiter::PauseUntil(Time until) {
  MutexLock lock(mutex_);
  paused_until_ = std::max(paused_until_.value_or(until), until);
}

namespace {

/// `hh:mm:ss`
std::optional<std::chrono::seconds> ParseClockText(std::string_view text) {
  if (text.size() != 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
  int parts[3];
  for (int part = 0; part < 3; ++part) {
    const char tens = text[part * 3], ones = text[part * 3 + 1];
    if (tens < '0' || tens > '9' || ones < '0' || ones > '9') return std::nullopt;
    parts[part] = (tens - '0') * 10 + (ones - '0');
  }
  return std::chrono::seconds((parts[0] * 60 + parts[1]) * 60 + parts[2]);
}

}  // namespace

std::optional<std::chrono::seconds> PauseAskedFor(const Response& response) {
  if (response.status == 429 || response.status == 503) {
    if (const std::string* value = response.headers.Find("retry-after")) {
      if (const auto wait = ParseRetryAfter(*value, response.received)) return wait;
    }
  }
  if (response.headers.Get("x-ms-user-quota-remaining") != "0") return std::nullopt;
  return ParseClockText(response.headers.Get("x-ms-user-quota-resets-after"));
}

}  // namespace catchment::net
