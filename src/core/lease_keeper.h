#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <thread>

#include "base/mutex.h"
#include "base/result.h"

namespace catchment::core {

/// Renews a lease from a thread of its own, three times within its ttl, on the machine's steady
/// clock. A failure to reach the store is tried again until the ttl is used up; a lease that
/// another took over is lost at once. The thread ends with the keeper.
class LeaseKeeper {
 public:
  /// `renew` renews the lease; `lost` is called once, from the keeper's thread, with the reason.
  LeaseKeeper(std::chrono::milliseconds ttl, std::function<Status()> renew,
              std::function<void(const Error&)> lost);

 private:
  void Keep(const std::stop_token& stop);

  // Constant after construction.
  const std::chrono::milliseconds ttl_;
  const std::function<Status()> renew_;
  const std::function<void(const Error&)> lost_;
  // Thread-safe themselves.
  Mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: joined before what it uses goes
};

}  // namespace catchment::core
