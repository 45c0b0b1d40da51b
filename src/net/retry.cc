#include "net/retry.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "base/text.h"

namespace catchment::net {

using std::chrono::milliseconds;
using std::chrono::seconds;

Jitter RandomJitter() {
  return [engine = std::mt19937_64(std::random_device{}())]() mutable {
    return static_cast<double>(engine() >> 11) * 0x1.0p-53;
  };
}

std::optional<milliseconds> Backoff::AfterFailure(const Error& error, const OpContext& context) {
  ++failures_;
  if (error.code != Code::kUnavailable || failures_ >= policy_.tries) return std::nullopt;
  const double highest = std::min(
      static_cast<double>(policy_.cap.count()),
      static_cast<double>(policy_.first.count()) * std::pow(policy_.factor, failures_ - 1));
  milliseconds wait(static_cast<int64_t>(highest * jitter_()));
  if (error.retry_after) wait = std::max(wait, milliseconds(*error.retry_after));
  if (wait >= context.Left() || context.stop.stop_requested()) return std::nullopt;
  return wait;
}

Error Backoff::Final(Error last) const {
  if (failures_ > 1) last.message += fmt::format(" after {} tries", failures_);
  return last;
}

namespace {

/// The beginning of a body as one printable line.
std::string Excerpt(std::string_view body) {
  std::string line;
  for (const unsigned char c : body.substr(0, 160)) {
    line += c < ' ' || c == 0x7f ? ' ' : static_cast<char>(c);
  }
  return std::string(Trim(line));
}

Code CodeOfStatus(int status) {
  if (status == 408 || status == 429 || status >= 500) return Code::kUnavailable;
  return status == 401 || status == 403 ? Code::kDenied : Code::kInvalid;
}

}  // namespace

Status StatusFromResponse(const Request& request, const Response& response) {
  if ((response.status >= 200 && response.status < 300) || response.status == 304) return Status();
  Error error{CodeOfStatus(response.status), {}, std::nullopt};
  error.message = fmt::format("{}: HTTP {}", request.Name(), response.status);
  const std::string excerpt = request.record
                                  ? Excerpt(Redact(response.body.substr(0, 1024), request.redact))
                                  : std::string();
  if (!excerpt.empty()) error.message += ": " + excerpt;
  if (error.code == Code::kUnavailable) {
    if (const std::string* value = response.headers.Find("retry-after")) {
      error.retry_after = ParseRetryAfter(*value, response.received);
    }
  }
  return error;
}

std::optional<seconds> ParseRetryAfter(std::string_view value, Time now) {
  constexpr seconds kLongest = std::chrono::days(7);
  value = Trim(value);
  if (value.empty()) return std::nullopt;
  if (std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    int64_t number = 0;
    for (const char c : value) {
      number = number * 10 + (c - '0');
      if (number > kLongest.count()) return kLongest;
    }
    return seconds(number);
  }
  const Result<Time> date = ParseHttpDate(value);
  if (!date.ok()) return std::nullopt;
  return std::clamp(std::chrono::ceil<seconds>(*date - now), seconds(0), kLongest);
}

namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/// Reads a date from left to right; after the first mismatch everything fails.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : text_(text) {}

  void Literal(std::string_view expected) {
    if (!ok_ || !text_.starts_with(expected)) {
      ok_ = false;
      return;
    }
    text_.remove_prefix(expected.size());
  }
  int Number(size_t digits, bool space_padded = false) {
    if (!ok_ || text_.size() < digits) {
      ok_ = false;
      return 0;
    }
    int number = 0;
    for (size_t i = 0; i < digits; ++i) {
      const char c = text_[i];
      if (space_padded && i == 0 && c == ' ') continue;
      if (c < '0' || c > '9') ok_ = false;
      number = number * 10 + (c - '0');
    }
    text_.remove_prefix(digits);
    return number;
  }
  unsigned Month() {
    for (unsigned month = 0; ok_ && month < kMonths.size(); ++month) {
      if (!text_.starts_with(kMonths[month])) continue;
      text_.remove_prefix(3);
      return month + 1;
    }
    ok_ = false;
    return 1;
  }
  std::chrono::seconds Clock() {
    const int hour = Number(2);
    Literal(":");
    const int minute = Number(2);
    Literal(":");
    const int second = Number(2);
    if (hour > 23 || minute > 59 || second > 60) ok_ = false;  // 60: a leap second
    return std::chrono::hours(hour) + std::chrono::minutes(minute) + seconds(second);
  }
  bool AtEnd() const { return ok_ && text_.empty(); }

 private:
  std::string_view text_;
  bool ok_ = true;
};

}  // namespace

Result<Time> ParseHttpDate(std::string_view text) {
  text = Trim(text);
  const auto refuse = [&] {
    return Invalid("'{}' is no HTTP date such as 'Sun, 06 Nov 1994 08:49:37 GMT'",
                   text.substr(0, 60));
  };
  const size_t weekday = text.find_first_of(", ");
  if (weekday == std::string_view::npos || weekday < 3 || weekday > 9) return refuse();
  int year = 0;
  unsigned month = 1;
  int day = 1;
  seconds clock{};
  DateReader reader(text.substr(weekday));
  if (text[weekday] == ' ') {  // asctime
    reader.Literal(" ");
    month = reader.Month();
    reader.Literal(" ");
    day = reader.Number(2, true);
    reader.Literal(" ");
    clock = reader.Clock();
    reader.Literal(" ");
    year = reader.Number(4);
  } else {
    const bool short_year = weekday > 3;  // RFC 850 spells the weekday out
    const std::string_view separator = short_year ? "-" : " ";
    reader.Literal(", ");
    day = reader.Number(2);
    reader.Literal(separator);
    month = reader.Month();
    reader.Literal(separator);
    year = reader.Number(short_year ? 2 : 4);
    if (short_year) year += year < 70 ? 2000 : 1900;
    reader.Literal(" ");
    clock = reader.Clock();
    reader.Literal(" GMT");
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!reader.AtEnd() || !date.ok()) return refuse();
  return Time(std::chrono::sys_days(date)) + clock;
}

std::string FormatHttpDate(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<seconds>(time - day));
  return fmt::format(
      "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[std::chrono::weekday(day).c_encoding()],
      static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
      static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
      clock.seconds().count());
}

}  // namespace catchment::net
