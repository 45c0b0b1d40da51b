#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"
#include "base/time.h"

namespace catchment {

/// Where a run takes the time from. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  /// The time that goes into data: collected_at, publish time.
  virtual Time Now() const = 0;

  /// Wait for `duration` or until `stop` is requested. Returns false if it was.
  virtual bool Sleep(std::chrono::milliseconds duration, std::stop_token stop) const = 0;

  /// Whether the time is made up; manifests of such runs carry `simulated: true`.
  virtual bool simulated() const = 0;
};

/// The machine's clock. Time never runs backwards within a process: Now() is the greatest value
/// seen so far.
class SystemClock final : public Clock {
 public:
  Time Now() const override;
  bool Sleep(std::chrono::milliseconds duration, std::stop_token stop) const override;
  bool simulated() const override { return false; }

 private:
  // Guarded by mutex_.
  mutable Mutex mutex_;
  mutable Time latest_ GUARDED_BY(mutex_);
};

/// Stands still, unless moved or slept on: a sleep returns at once and moves the time.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Time start) : now_(start) {}
  Time Now() const override;
  bool Sleep(std::chrono::milliseconds duration, std::stop_token stop) const override;
  bool simulated() const override { return true; }
  void Advance(std::chrono::microseconds by);
  void Set(Time now);

 private:
  // Guarded by mutex_.
  mutable Mutex mutex_;
  mutable Time now_ GUARDED_BY(mutex_);
};

}  // namespace catchment
