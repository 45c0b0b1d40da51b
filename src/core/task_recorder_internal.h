#pragma once

#include <condition_variable>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "core/run_store.h"

namespace catchment::core {

/// Makes the ends of tasks durable from a thread of its own, so that the next task need not wait
/// for the disk: what ended while one write was under way goes together into the next. Flush() or
/// the destructor waits until all is written.
class TaskRecorder {
 public:
  TaskRecorder(RunStore& runs, RunId run)
      : runs_(runs),
        run_(std::move(run)),
        thread_([this](const std::stop_token& stop) { Work(stop); }) {}

  void Add(TaskRecord task) {
    {
      MutexLock lock(mutex_);
      waiting_.push_back(std::move(task));
    }
    changed_.notify_all();
  }

  /// Wait until everything added is written. The first failure since the last Flush, if any.
  Status Flush() {
    MutexLock lock(mutex_);
    changed_.wait(mutex_, [&]() REQUIRES(mutex_) { return waiting_.empty() && !writing_; });
    return std::exchange(failure_, Status());
  }

 private:
  void Work(const std::stop_token& stop) {
    while (true) {
      std::vector<TaskRecord> batch;
      {
        MutexLock lock(mutex_);
        const auto some = [&]() REQUIRES(mutex_) { return !waiting_.empty(); };
        if (!changed_.wait(mutex_, stop, some)) return;
        batch.swap(waiting_);
        writing_ = true;
      }
      const Status status = runs_.TasksDone(run_, batch);
      {
        MutexLock lock(mutex_);
        writing_ = false;
        if (failure_.ok()) failure_ = status;
      }
      changed_.notify_all();
    }
  }

  // Constant after construction.
  RunStore& runs_;  // thread-safe itself
  const RunId run_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::vector<TaskRecord> waiting_ GUARDED_BY(mutex_);
  bool writing_ GUARDED_BY(mutex_) = false;
  Status failure_ GUARDED_BY(mutex_);
  // Thread-safe themselves.
  std::condition_variable_any changed_;
  std::jthread thread_;  // last: joined before what it uses goes
};

}  // namespace catchment::core
