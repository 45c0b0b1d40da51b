#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/time.h"

namespace catchment::simulator {

/// Counts calls per bucket in a sliding window of simulated time. Runs may ask with times in any
/// order: a call is refused if it would leave any window that holds it with too many. Thread-safe.
class CallWindow {
 public:
  CallWindow(int64_t calls, std::chrono::milliseconds window) : calls_(calls), window_(window) {}

  struct Answer {
    bool allowed = true;
    int64_t left = 0;              ///< after this call, in the window that ends with it
    std::chrono::seconds wait{0};  ///< if refused: until a call leaves, at least 1 s
  };
  /// Take one call at `now`; `foreign` of the bucket's calls are always taken by others. A refused
  /// call is not counted.
  Answer Take(const std::string& bucket, Time now, int64_t foreign);

 private:
  int64_t Fullest(const std::vector<Time>& taken, Time now) const;

  // Constant after construction.
  const int64_t calls_;
  const std::chrono::milliseconds window_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::map<std::string, std::vector<Time>> taken_ GUARDED_BY(mutex_);  // sorted
};

}  // namespace catchment::simulator
