#include "base/cron.h"

#include <date/tz.h>

#include <array>
#include <bitset>
#include <charconv>
#include <vector>

#include "base/text.h"

namespace catchment {

struct Cron::Fields {
  std::bitset<60> minutes;
  std::bitset<24> hours;
  std::bitset<32> days;
  std::bitset<13> months;
  std::bitset<7> weekdays;  // 0 is Sunday
  bool any_day = false, any_weekday = false;
  const date::time_zone* zone = nullptr;

  bool MatchesDate(const date::year_month_day& day) const {
    if (!months[unsigned(day.month())]) return false;
    const unsigned weekday = date::weekday(date::local_days(day)).c_encoding();
    if (any_day || any_weekday) return days[unsigned(day.day())] && weekdays[weekday];
    return days[unsigned(day.day())] || weekdays[weekday];
  }
  date::local_days LocalDay(Time time) const {
    const date::sys_time<std::chrono::microseconds> moment(time.time_since_epoch());
    return date::floor<date::days>(date::make_zoned(zone, moment).get_local_time());
  }
  /// All firings of a local day; none if its date does not match.
  std::vector<Time> Firings(date::local_days day) const {
    std::vector<Time> firings;
    if (!MatchesDate(date::year_month_day(day))) return firings;
    for (int hour = 0; hour < 24; ++hour) {
      if (!hours[static_cast<size_t>(hour)]) continue;
      for (int minute = 0; minute < 60; ++minute) {
        if (!minutes[static_cast<size_t>(minute)]) continue;
        firings.push_back(ToUtc(day + std::chrono::hours(hour) + std::chrono::minutes(minute)));
      }
    }
    return firings;
  }
  /// The moment of a local time; within a gap the first moment after it, within an overlap the
  /// first.
  Time ToUtc(date::local_time<std::chrono::minutes> local) const {
    const date::local_info info = zone->get_info(local);
    if (info.result == date::local_info::nonexistent)
      return Time(info.first.end.time_since_epoch());
    return Time((local.time_since_epoch() - info.first.offset));
  }
};

namespace {

constexpr int kSearchDays = 366 * 8;

struct FieldRange {
  std::string_view name;
  int low, high;
  std::vector<std::string> names;  // names[i] stands for low + i
};

const std::array<FieldRange, 5>& Ranges() {
  static const std::array<FieldRange, 5> ranges = {{
      {"minute", 0, 59, {}},
      {"hour", 0, 23, {}},
      {"day", 1, 31, {}},
      {"month",
       1,
       12,
       {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
      {"weekday", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
  }};
  return ranges;
}

Result<int> ParseNumber(std::string_view text, const FieldRange& range) {
  const std::string lower = ToLower(text);
  for (size_t i = 0; i < range.names.size(); ++i) {
    if (lower == range.names[i]) return range.low + static_cast<int>(i);
  }
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < range.low ||
      value > range.high) {
    return Invalid("cron {}: '{}' is not within {}-{}", range.name, text, range.low, range.high);
  }
  return value;
}

/// Add one comma-free part (`*`, `5`, `1-5`, `*/10`, `5/10`, `mon-fri/2`) to `set`.
Status AddPart(std::string_view part, const FieldRange& range, std::vector<bool>& set) {
  const size_t slash = part.find('/');
  const std::string_view span = part.substr(0, slash);
  int step = 1;
  if (slash != std::string_view::npos) {
    const std::string_view text = part.substr(slash + 1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
    if (error != std::errc() || end != text.data() + text.size() || step < 1 || step > range.high) {
      return Invalid("cron {}: step '{}' is not within 1-{}", range.name, text, range.high);
    }
  }
  int low = range.low, high = range.high;
  if (span != "*") {
    const size_t dash = span.find('-');
    ASSIGN_OR_RETURN(low, ParseNumber(span.substr(0, dash), range));
    if (dash != std::string_view::npos) {
      ASSIGN_OR_RETURN(high, ParseNumber(span.substr(dash + 1), range));
    } else if (slash == std::string_view::npos) {
      high = low;
    }
    if (high < low) return Invalid("cron {}: '{}' runs backwards", range.name, span);
  }
  for (int value = low; value <= high; value += step) set[static_cast<size_t>(value)] = true;
  return {};
}

Result<std::vector<bool>> ParseField(std::string_view text, const FieldRange& range) {
  std::vector<bool> set(static_cast<size_t>(range.high) + 1);
  for (const std::string& part : Split(text, ',')) RETURN_IF_ERROR(AddPart(part, range, set));
  return set;
}

}  // namespace

Result<Cron> Cron::Parse(std::string_view expression, std::string_view timezone) {
  if (expression.size() > 200) return Invalid("cron: longer than 200 characters");
  std::vector<std::string> texts;
  for (const std::string& part : Split(Trim(expression), ' ')) {
    if (!part.empty()) texts.push_back(part);
  }
  if (texts.size() != 5) {
    return Invalid("cron '{}' has {} fields, expected 5: minute hour day month weekday", expression,
                   texts.size());
  }
  auto fields = std::make_shared<Fields>();
  for (size_t i = 0; i < 5; ++i) {
    ASSIGN_OR_RETURN(const std::vector<bool> set, ParseField(texts[i], Ranges()[i]));
    for (size_t value = 0; value < set.size(); ++value) {
      if (!set[value]) continue;
      switch (i) {
        case 0:
          fields->minutes.set(value);
          break;
        case 1:
          fields->hours.set(value);
          break;
        case 2:
          fields->days.set(value);
          break;
        case 3:
          fields->months.set(value);
          break;
        default:
          fields->weekdays.set(value % 7);
          break;
      }
    }
  }
  fields->any_day = texts[2].starts_with('*');
  fields->any_weekday = texts[4].starts_with('*');
  try {
    fields->zone = date::locate_zone(std::string(timezone));
  } catch (const std::exception&) {
    return Invalid("time zone '{}' is not known; use an IANA name such as UTC or Europe/Berlin",
                   timezone);
  }
  Cron cron;
  cron.expression_ = expression;
  cron.timezone_ = timezone;
  cron.fields_ = std::move(fields);
  return cron;
}

std::optional<Time> Cron::Next(Time time) const {
  // From the local day before on: a zone's offset can put an earlier local day after `time`.
  const date::local_days start = fields_->LocalDay(time) - date::days(1);
  for (int offset = 0; offset < kSearchDays; ++offset) {
    std::optional<Time> first;
    for (const Time moment : fields_->Firings(start + date::days(offset))) {
      if (moment > time && (!first || moment < *first)) first = moment;
    }
    if (first) return first;
  }
  return std::nullopt;
}

std::optional<Time> Cron::Previous(Time time) const {
  const date::local_days start = fields_->LocalDay(time) + date::days(1);
  for (int offset = 0; offset < kSearchDays; ++offset) {
    std::optional<Time> last;
    for (const Time moment : fields_->Firings(start - date::days(offset))) {
      if (moment <= time && (!last || moment > *last)) last = moment;
    }
    if (last) return last;
  }
  return std::nullopt;
}

}  // namespace catchment
