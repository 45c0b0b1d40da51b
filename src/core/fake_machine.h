#pragma once

#include <set>

#include "base/mutex.h"
#include "core/lease.h"

namespace catchment::core {

/// A machine whose time and processes a test decides. Several FakeMachines can look at one store:
/// as other processes, other containers or other hosts.
class FakeMachine final : public Machine {
 public:
  FakeMachine() = default;
  explicit FakeMachine(LeaseHolder self) : self_(std::move(self)) {}

  LeaseHolder Self(const std::string& run) const override {
    MutexLock lock(mutex_);
    LeaseHolder holder = self_;
    holder.run = run;
    return holder;
  }
  std::chrono::milliseconds SinceBoot() const override {
    MutexLock lock(mutex_);
    return since_boot_;
  }
  bool Lives(const LeaseHolder& holder) const override {
    MutexLock lock(mutex_);
    return !dead_.contains(holder.pid);
  }
  Time Now() const override { return Time(std::chrono::sys_days(std::chrono::days(20'000))); }

  void Advance(std::chrono::milliseconds by) {
    MutexLock lock(mutex_);
    since_boot_ += by;
  }
  void Kill(int64_t pid) {
    MutexLock lock(mutex_);
    dead_.insert(pid);
  }

 private:
  // Guarded by mutex_.
  mutable Mutex mutex_;
  LeaseHolder self_ GUARDED_BY(mutex_){
      .run = "", .host = "host", .boot = "boot", .space = "space", .pid = 1, .started = 1};
  std::chrono::milliseconds since_boot_ GUARDED_BY(mutex_){1'000'000};
  std::set<int64_t> dead_ GUARDED_BY(mutex_);
};

}  // namespace catchment::core
