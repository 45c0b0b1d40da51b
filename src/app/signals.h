#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace catchment::app {

/// Turns SIGINT and SIGTERM into a stop request; a second one ends the process at once. Make it
/// before any other thread: it blocks both signals in the calling thread, and threads inherit that.
/// Thread: `signals`.
class SignalWatcher {
 public:
  SignalWatcher();
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  std::stop_token token() const { return stop_.get_token(); }
  /// The signal that arrived, 0 if none did.
  int signal() const { return signal_.load(); }

 private:
  std::stop_source stop_;
  std::atomic<int> signal_{0};
  std::jthread watcher_;  // last: ends before what it uses
};

}  // namespace catchment::app
