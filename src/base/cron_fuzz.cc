// What people write as a schedule, a time, a duration or a pattern of a file name. Three lines: a
// cron expression, a time zone (empty: UTC), a time; each line is also read as the other forms.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/cron.h"
#include "base/text.h"
#include "base/time.h"

namespace {

using catchment::Cron;
using catchment::FormatDuration;
using catchment::FormatTime;
using catchment::ParseDuration;
using catchment::ParseTime;
using catchment::Split;
using catchment::Time;

void Expect(bool holds) {
  if (!holds) std::abort();
}

/// Firings go forward, and looking back from one finds it again.
void Schedules(std::string_view expression, std::string_view zone, Time time) {
  const auto cron = Cron::Parse(expression, zone);
  if (!cron.ok()) {
    Expect(!cron.error().message.empty());
    return;
  }
  for (int firing = 0; firing < 3; ++firing) {
    const auto next = cron->Next(time);
    const auto previous = cron->Previous(time);
    Expect(!previous || *previous <= time);
    if (!next) return;
    Expect(*next > time);
    Expect(cron->Previous(*next) == next);
    Expect(cron->Previous(*next - std::chrono::microseconds(1)) == previous);
    Expect(!previous || cron->Next(*previous) == next);
    time = *next;
  }
}

/// What is written reads back as the same value.
void Values(const std::string& text) {
  if (const auto time = ParseTime(text); time.ok()) {
    const auto again = ParseTime(FormatTime(*time));
    Expect(again.ok() && *again == *time);
  }
  if (const auto duration = ParseDuration(text); duration.ok()) {
    Expect(duration->count() >= 0);
    const auto again = ParseDuration(FormatDuration(*duration));
    Expect(again.ok() && *again == *duration);
  }
  const auto name = FormatTime(Time(), text);
  Expect(!name.ok() ||
         (name->find('%') == std::string::npos) == (text.find("%%") == std::string::npos));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Longer texts only repeat; the limits are reached well before.
  std::vector<std::string> lines = Split(
      std::string_view(reinterpret_cast<const char*>(data), std::min<size_t>(size, 1024)), '\n');
  for (const std::string& line : lines) Values(line);
  lines.resize(3);
  const auto time = ParseTime(lines[2]);
  Schedules(lines[0], lines[1].empty() ? "UTC" : lines[1],
            time.ok() ? *time : Time(std::chrono::sys_days{std::chrono::year(2026) / 1 / 28}));
  return 0;
}
