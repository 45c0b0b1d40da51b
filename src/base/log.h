#pragma once

#include <fmt/format.h>

#include <string_view>

namespace catchment {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Write one line to standard error, time first. Thread-safe. Never give it a secret's value.
void LogLine(LogLevel level, std::string_view text);

/// Lines below `level` are dropped. Default: kWarning. CATCHMENT_LOG=debug|info|warning|error sets
/// it at start.
void SetLogLevel(LogLevel level);

template <typename... Args>
void Log(LogLevel level, fmt::format_string<Args...> text, Args&&... args) {
  LogLine(level, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace catchment
