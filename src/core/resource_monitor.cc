#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "core/resource_monitor_internal.h"

namespace catchment::core {

int64_t ResidentMemory() {
  std::ifstream file("/proc/self/statm");
  int64_t all = 0, resident = 0;
  if (!(file >> all >> resident)) return 0;
  return resident * sysconf(_SC_PAGESIZE);
}

ResourceMonitor::ResourceMonitor(const Clock& clock, std::chrono::milliseconds period,
                                 std::function<int64_t()> memory)
    : clock_(clock), period_(period), memory_(std::move(memory)) {
  Sample();
  if (period_.count() > 0) {
    thread_ = std::jthread([this](const std::stop_token& stop) { Work(stop); });
  }
}

void ResourceMonitor::Work(const std::stop_token& stop) {
  while (true) {
    {
      MutexLock lock(mutex_);
      if (wake_.wait_for(mutex_, stop, period_, [&] { return stop.stop_requested(); })) return;
      if (stop.stop_requested()) return;
    }
    Sample();
  }
}

void ResourceMonitor::TaskStarted(const std::string& task) {
  MutexLock lock(mutex_);
  running_.push_back(task);
}

void ResourceMonitor::TaskEnded(const std::string& task) {
  MutexLock lock(mutex_);
  const auto found = std::find(running_.begin(), running_.end(), task);
  if (found != running_.end()) running_.erase(found);
}

void ResourceMonitor::Sample() {
  const Time now = clock_.Now();
  const int64_t bytes = memory_();
  MutexLock lock(mutex_);
  if (stopped_) return;
  samples_.push_back({now, fmt::format("{}", fmt::join(running_, "+")), bytes});
}

void ResourceMonitor::Stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  Sample();
  MutexLock lock(mutex_);
  stopped_ = true;
}

std::vector<MemorySample> ResourceMonitor::samples() const {
  MutexLock lock(mutex_);
  return samples_;
}

}  // namespace catchment::core
