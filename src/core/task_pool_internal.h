#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace catchment::core {

/// Threads that carry out jobs in the order they are given, and hand each one's end back through
/// one wait. One thread gives and waits; its destructor drops jobs not begun and joins the others.
template <typename Done>
class TaskPool {
 public:
  explicit TaskPool(int workers) {
    for (int i = 0; i < workers; ++i) {
      threads_.emplace_back([this](const std::stop_token& stop) { Work(stop); });
    }
  }

  void Start(std::function<Done()> job) {
    {
      MutexLock lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    job_ready_.notify_one();
  }

  /// Block until a job has ended; one end for each Start.
  Done WaitForOne() {
    MutexLock lock(mutex_);
    job_done_.wait(mutex_, [&]() REQUIRES(mutex_) { return !done_.empty(); });
    Done done = std::move(done_.front());
    done_.pop_front();
    return done;
  }

 private:
  void Work(const std::stop_token& stop) {
    while (true) {
      std::function<Done()> job;
      {
        MutexLock lock(mutex_);
        const auto some = [&]() REQUIRES(mutex_) { return !jobs_.empty(); };
        if (!job_ready_.wait(mutex_, stop, some)) return;
        if (stop.stop_requested()) return;
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      Done done = job();
      {
        MutexLock lock(mutex_);
        done_.push_back(std::move(done));
      }
      job_done_.notify_one();
    }
  }

  // Guarded by mutex_.
  Mutex mutex_;
  std::deque<std::function<Done()>> jobs_ GUARDED_BY(mutex_);
  std::deque<Done> done_ GUARDED_BY(mutex_);
  // Thread-safe themselves.
  std::condition_variable_any job_ready_, job_done_;
  std::vector<std::jthread> threads_;  // last: joined before what they use goes
};

}  // namespace catchment::core
