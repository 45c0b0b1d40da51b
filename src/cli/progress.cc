#include "cli/progress.h"

#include <fmt/format.h>

#include <cstdio>

#include "cli/output.h"

namespace catchment::cli {

ProgressLine::ProgressLine()
    : allowed_(ProgressAllowed()), began_(std::chrono::steady_clock::now()) {
  if (allowed_) drawer_ = std::jthread([this](const std::stop_token& stop) { Draw(stop); });
}

ProgressLine::~ProgressLine() {
  if (!allowed_) return;
  drawer_.request_stop();
  drawer_.join();
  std::fputs("\r\033[K", stderr);
}

void ProgressLine::Show(const core::RunEvent& event) {
  if (!allowed_) return;
  std::string text;
  switch (event.kind) {
    case core::RunEvent::Kind::kStep:
      text = event.step;
      break;
    case core::RunEvent::Kind::kTaskStarted:
      text = event.task;
      break;
    case core::RunEvent::Kind::kTaskDone:
      text =
          fmt::format("{} {}, {} rows", event.task, core::TaskStateName(event.state), event.rows);
      break;
    case core::RunEvent::Kind::kNote:
      text = event.text;
      break;
  }
  if (event.total > 0) text = fmt::format("{}/{} {}", event.done, event.total, text);
  const std::lock_guard lock(mutex_);
  text_ = std::move(text);
}

void ProgressLine::Draw(const std::stop_token& stop) {
  using namespace std::chrono_literals;
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, 1s, [&] { return stop.stop_requested(); });
  while (!stop.stop_requested()) {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began_);
    std::fprintf(stderr, "\r\033[K[%llds] %.*s", static_cast<long long>(seconds.count()), 100,
                 text_.c_str());
    std::fflush(stderr);
    changed_.wait_for(lock, stop, 200ms, [&] { return stop.stop_requested(); });
  }
}

}  // namespace catchment::cli
