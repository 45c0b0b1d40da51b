#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "core/run_store.h"

namespace catchment::core {

/// Resident memory of this process in bytes, 0 if the system does not say.
int64_t ResidentMemory();

/// Takes a sample of the process's memory at once, every `period` of the machine's time from a
/// thread of its own, and a last one at Stop(). Thread-safe.
class ResourceMonitor {
 public:
  /// `clock` gives the samples' times and outlives this, `memory` their bytes. Without a period no
  /// thread is started, and Sample() is the caller's.
  ResourceMonitor(const Clock& clock, std::chrono::milliseconds period,
                  std::function<int64_t()> memory);

  void TaskStarted(const std::string& task);
  void TaskEnded(const std::string& task);
  void Sample();
  /// End the thread and take the last sample; once.
  void Stop();
  std::vector<MemorySample> samples() const;

 private:
  void Work(const std::stop_token& stop);

  // Constant after construction.
  const Clock& clock_;
  const std::chrono::milliseconds period_;
  const std::function<int64_t()> memory_;
  // Guarded by mutex_.
  mutable Mutex mutex_;
  std::vector<std::string> running_ GUARDED_BY(mutex_);  // in the order they started
  std::vector<MemorySample> samples_ GUARDED_BY(mutex_);
  bool stopped_ GUARDED_BY(mutex_) = false;
  // Thread-safe themselves.
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: joined before what it uses goes
};

}  // namespace catchment::core
