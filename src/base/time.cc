#include "base/time.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace catchment {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// Reads a fixed layout from the left; any mismatch makes it fail for good.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  int Number(size_t digits) {
    int value = 0;
    if (rest_.size() < digits) return Fail();
    for (size_t i = 0; i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return Fail();
      value = 10 * value + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }
  void Expect(char c) {
    if (!Accept(c)) Fail();
  }
  bool Accept(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool AcceptAny(std::string_view set) {
    if (rest_.empty() || set.find(rest_.front()) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// `.` and 1–9 digits as microseconds; 0 if there is no `.`.
  int64_t Fraction() {
    if (!Accept('.')) return 0;
    int64_t value = 0;
    size_t digits = 0;
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
      if (digits < 6) value = 10 * value + (rest_.front() - '0');
      ++digits;
      rest_.remove_prefix(1);
    }
    if (digits == 0 || digits > 9) return Fail();
    for (size_t i = digits; i < 6; ++i) value *= 10;
    return value;
  }
  bool ok() const { return ok_; }
  bool done() const { return rest_.empty(); }

 private:
  int Fail() {
    ok_ = false;
    return 0;
  }
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

Result<Time> ParseTime(std::string_view text) {
  const auto wrong = [&] {
    return Invalid("'{}' is not a time; use 2026-01-28T00:10:00Z", text.substr(0, 64));
  };
  Scanner scan(text);
  const int year = scan.Number(4);
  scan.Expect('-');
  const int month = scan.Number(2);
  scan.Expect('-');
  const int day = scan.Number(2);
  int hour = 0, minute = 0, second = 0;
  int64_t fraction = 0;
  int offset_minutes = 0;
  if (scan.ok() && !scan.done()) {
    if (!scan.AcceptAny("Tt ")) return wrong();
    hour = scan.Number(2);
    scan.Expect(':');
    minute = scan.Number(2);
    if (scan.Accept(':')) {
      second = scan.Number(2);
      fraction = scan.Fraction();
    }
    if (!scan.done() && !scan.AcceptAny("Zz")) {
      const int sign = scan.Accept('-') ? -1 : 1;
      if (sign == 1) scan.Expect('+');
      const int offset_hour = scan.Number(2);
      scan.Accept(':');
      const int offset_minute = scan.Number(2);
      if (offset_hour > 23 || offset_minute > 59) return wrong();
      offset_minutes = sign * (60 * offset_hour + offset_minute);
    }
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(unsigned(month)),
                                         std::chrono::day(unsigned(day))};
  if (!scan.ok() || !scan.done() || !date.ok() || hour > 23 || minute > 59 || second > 59 ||
      year < 1678 || year > 2261) {
    return wrong();
  }
  const Time time = Time(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
                    std::chrono::minutes(minute) + std::chrono::seconds(second) +
                    microseconds(fraction) - std::chrono::minutes(offset_minutes);
  if (offset_minutes == 0) return time;
  // The offset can carry a time over the limit.
  const auto utc_year =
      std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(time)).year();
  if (int(utc_year) < 1678 || int(utc_year) > 2261) return wrong();
  return time;
}

std::string FormatTime(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", int(date.year()), unsigned(date.month()),
                  unsigned(date.day()), clock.hours().count(), clock.minutes().count(),
                  clock.seconds().count());
  if (const int64_t fraction = clock.subseconds().count(); fraction % 1000 != 0) {
    text += fmt::format(".{:06}", fraction);
  } else if (fraction != 0) {
    text += fmt::format(".{:03}", fraction / 1000);
  }
  return text + "Z";
}

Result<std::string> FormatTime(Time time, std::string_view pattern) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      text += pattern[i];
      continue;
    }
    const char code = ++i < pattern.size() ? pattern[i] : '\0';
    switch (code) {
      case 'Y':
        text += fmt::format("{:04}", int(date.year()));
        break;
      case 'y':
        text += fmt::format("{:02}", int(date.year()) % 100);
        break;
      case 'm':
        text += fmt::format("{:02}", unsigned(date.month()));
        break;
      case 'd':
        text += fmt::format("{:02}", unsigned(date.day()));
        break;
      case 'H':
        text += fmt::format("{:02}", clock.hours().count());
        break;
      case 'M':
        text += fmt::format("{:02}", clock.minutes().count());
        break;
      case 'S':
        text += fmt::format("{:02}", clock.seconds().count());
        break;
      case 'j': {
        const std::chrono::sys_days first{date.year() / std::chrono::January / 1};
        text += fmt::format("{:03}", (day - first).count() + 1);
        break;
      }
      case '%':
        text += '%';
        break;
      default:
        return Invalid("'{}' in a time pattern is not known; use %Y %m %d %H %M %S %j %y %%",
                       code == '\0' ? std::string("%") : std::string("%") + code);
    }
  }
  return text;
}

namespace {

struct Unit {
  std::string_view name;
  int64_t milliseconds;
};
constexpr std::array<Unit, 5> kUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

}  // namespace

Result<milliseconds> ParseDuration(std::string_view text) {
  constexpr int64_t kLimit = int64_t{100} * 366 * 86'400'000;
  const auto wrong = [&] {
    return Invalid("'{}' is not a duration; use 90s, 62m, 6h, 7d or 1h30m", text);
  };
  std::string_view rest = text;
  int64_t total = 0;
  if (rest.empty()) return wrong();
  while (!rest.empty()) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc() || rest.front() == '-') return wrong();
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    const size_t letters = std::min(rest.find_first_of("0123456789"), rest.size());
    int64_t unit = 0;
    for (const Unit& known : kUnits) {
      if (rest.substr(0, letters) == known.name) unit = known.milliseconds;
    }
    if (unit == 0 || number > kLimit / unit) return wrong();
    total += number * unit;
    if (total > kLimit) return wrong();
    rest.remove_prefix(letters);
  }
  return milliseconds(total);
}

std::string FormatDuration(milliseconds duration) {
  int64_t left = duration.count();
  if (left == 0) return "0s";
  std::string text;
  for (const Unit& unit : kUnits) {
    if (left >= unit.milliseconds) {
      text += fmt::format("{}{}", left / unit.milliseconds, unit.name);
      left %= unit.milliseconds;
    }
  }
  return text;
}

}  // namespace catchment
