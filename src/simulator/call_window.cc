#include <algorithm>

#include "simulator/call_window_internal.h"

namespace catchment::simulator {

// The most calls in a window (t − window, t] that holds `now`.
int64_t CallWindow::Fullest(const std::vector<Time>& taken, Time now) const {
  const auto held_at = [&](Time end) {
    const auto first = std::upper_bound(taken.begin(), taken.end(), end - window_);
    const auto last = std::upper_bound(taken.begin(), taken.end(), end);
    return static_cast<int64_t>(last - first);
  };
  int64_t most = held_at(now);
  for (auto later = std::upper_bound(taken.begin(), taken.end(), now);
       later != taken.end() && *later - now < window_; ++later) {
    most = std::max(most, held_at(*later));
  }
  return most;
}

CallWindow::Answer CallWindow::Take(const std::string& bucket, Time now, int64_t foreign) {
  const MutexLock lock(mutex_);
  std::vector<Time>& taken = taken_[bucket];
  const int64_t used = Fullest(taken, now) + foreign;
  Answer answer;
  if (used < calls_) {
    taken.insert(std::upper_bound(taken.begin(), taken.end(), now), now);
    answer.left = calls_ - used - 1;
    return answer;
  }
  answer.allowed = false;
  const auto oldest = std::upper_bound(taken.begin(), taken.end(), now - window_);
  const Time leaves = oldest == taken.end() ? now + window_ : *oldest + window_;
  answer.wait =
      std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(leaves - now));
  return answer;
}

}  // namespace catchment::simulator
