#include <chrono>

#include "stac/datetime_internal.h"

namespace catchment::stac {
namespace {

constexpr int64_t kSecond = 1'000'000, kDay = 86'400 * kSecond;
// Of the years 0000 to 9999.
constexpr int64_t kFirst = -719'528 * kDay, kEnd = 2'932'897 * kDay;

/// Two digits at `at`; −1: none.
int TwoDigits(const char* at) {
  const unsigned tens = static_cast<unsigned char>(at[0]) - unsigned{'0'};
  const unsigned ones = static_cast<unsigned char>(at[1]) - unsigned{'0'};
  return tens > 9 || ones > 9 ? -1 : static_cast<int>(tens * 10 + ones);
}

/// Days since 1970 of a date; false: there is none.
bool DaysSince1970(int year, int month, int day, int64_t& days) {
  if (year < 0 || month < 1 || month > 12 || day < 1) return false;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (day > 28 && !date.ok()) return false;
  days = std::chrono::sys_days(date).time_since_epoch().count();
  return true;
}

/// `Z` or `±hh:mm` as all of `text`, in microseconds to subtract.
bool ParseOffset(std::string_view text, int64_t& offset) {
  offset = 0;
  if (text.size() == 1) return text[0] == 'Z' || text[0] == 'z';
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return false;
  const int hours = TwoDigits(&text[1]), minutes = TwoDigits(&text[4]);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
  offset = (hours * 60 + minutes) * 60 * kSecond * (text[0] == '-' ? -1 : 1);
  return true;
}

void AppendDigits(int64_t value, int digits, std::string& out) {
  const size_t first = out.size();
  out.append(static_cast<size_t>(digits), '0');
  for (size_t i = out.size(); i > first; value /= 10)
    out[--i] = static_cast<char>('0' + value % 10);
}

}  // namespace

bool ParseDatetime(std::string_view text, int64_t& microseconds, bool& long_fraction) {
  if (text.size() < 20) return false;
  const char* at = text.data();
  if (at[4] != '-' || at[7] != '-' || at[13] != ':' || at[16] != ':' ||
      (at[10] != 'T' && at[10] != ' ' && at[10] != 't')) {
    return false;
  }
  const int century = TwoDigits(at), year = TwoDigits(at + 2);
  const int hour = TwoDigits(at + 11), minute = TwoDigits(at + 14), second = TwoDigits(at + 17);
  int64_t days = 0;
  if (century < 0 || year < 0 ||
      !DaysSince1970(century * 100 + year, TwoDigits(at + 5), TwoDigits(at + 8), days)) {
    return false;
  }
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
  size_t end = 19;
  int64_t fraction = 0;
  if (at[end] == '.') {
    int64_t unit = 100'000;
    const size_t first = ++end;
    for (; end < text.size() && at[end] >= '0' && at[end] <= '9'; ++end, unit /= 10) {
      fraction += (at[end] - '0') * unit;  // 0 after the sixth
    }
    if (end == first) return false;
    long_fraction = end - first > 6;
  } else {
    long_fraction = false;
  }
  int64_t offset = 0;
  if (!ParseOffset(text.substr(end), offset)) return false;
  microseconds = days * kDay + ((hour * 60 + minute) * 60 + second) * kSecond + fraction - offset;
  return microseconds >= kFirst && microseconds < kEnd;
}

bool AppendDatetime(int64_t microseconds, std::string& out) {
  using std::chrono::floor;
  if (microseconds < kFirst || microseconds >= kEnd) return false;
  const std::chrono::sys_time<std::chrono::microseconds> time{
      std::chrono::microseconds(microseconds)};
  const auto day = floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const int64_t rest = (time - day).count(), seconds = rest / kSecond;
  AppendDigits(static_cast<int>(date.year()), 4, out);
  out += '-';
  AppendDigits(static_cast<unsigned>(date.month()), 2, out);
  out += '-';
  AppendDigits(static_cast<unsigned>(date.day()), 2, out);
  out += 'T';
  AppendDigits(seconds / 3600, 2, out);
  out += ':';
  AppendDigits(seconds / 60 % 60, 2, out);
  out += ':';
  AppendDigits(seconds % 60, 2, out);
  if (rest % kSecond != 0) {
    out += '.';
    AppendDigits(rest % kSecond, 6, out);
  }
  out += 'Z';
  return true;
}

}  // namespace catchment::stac
