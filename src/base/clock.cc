#include "base/clock.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace catchment {

Time SystemClock::Now() const {
  const Time now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  MutexLock lock(mutex_);
  latest_ = std::max(latest_, now);
  return latest_;
}

bool SystemClock::Sleep(std::chrono::milliseconds duration, std::stop_token stop) const {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock<std::mutex> lock(mutex);
  wake.wait_for(lock, stop, duration, [&] { return stop.stop_requested(); });
  return !stop.stop_requested();
}

Time ManualClock::Now() const {
  MutexLock lock(mutex_);
  return now_;
}

bool ManualClock::Sleep(std::chrono::milliseconds duration, std::stop_token stop) const {
  if (stop.stop_requested()) return false;
  MutexLock lock(mutex_);
  now_ += duration;
  return true;
}

void ManualClock::Advance(std::chrono::microseconds by) {
  MutexLock lock(mutex_);
  now_ += by;
}

void ManualClock::Set(Time now) {
  MutexLock lock(mutex_);
  now_ = now;
}

}  // namespace catchment
