#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "core/run.h"

namespace catchment::cli {

/// One line on a terminal's standard error that says what a run is doing, from its first second on;
/// nothing anywhere else. Thread: `progress`, only while it shows.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Show(const core::RunEvent& event);

 private:
  void Draw(const std::stop_token& stop);

  // Constant after construction.
  const bool allowed_;
  const std::chrono::steady_clock::time_point began_;
  // Guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string text_;
  std::jthread drawer_;  // last: ends before what it uses
};

}  // namespace catchment::cli
