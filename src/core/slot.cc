#include "core/slot.h"

#include <algorithm>
#include <array>

#include "base/cron.h"
#include "base/text.h"

namespace catchment::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::sys_days;
using std::chrono::year_month_day;

year_month_day DateOf(Time time) { return {std::chrono::floor<std::chrono::days>(time)}; }

Time PeriodStart(Period period, Time time) {
  const year_month_day date = DateOf(time);
  switch (period) {
    case Period::kHour:
      return std::chrono::floor<std::chrono::hours>(time);
    case Period::kDay:
      return std::chrono::floor<std::chrono::days>(time);
    case Period::kMonth:
      return sys_days(date.year() / date.month() / 1);
    case Period::kYear:
      return sys_days(date.year() / std::chrono::January / 1);
    case Period::kNone:
      break;
  }
  return time;
}

Time PeriodEnd(Period period, Time start) {
  const year_month_day date = DateOf(start);
  switch (period) {
    case Period::kHour:
      return start + std::chrono::hours(1);
    case Period::kDay:
      return start + std::chrono::days(1);
    case Period::kMonth:
      return sys_days((date.year() / date.month() + std::chrono::months(1)) / 1);
    case Period::kYear:
      return sys_days((date.year() + std::chrono::years(1)) / std::chrono::January / 1);
    case Period::kNone:
      break;
  }
  return start;
}

std::string PeriodText(Period period, Time start) {
  std::string text = FormatTime(start);
  switch (period) {
    case Period::kYear:
      return text.substr(0, 4);
    case Period::kMonth:
      return text.substr(0, 7);
    case Period::kDay:
      return text.substr(0, 10);
    case Period::kHour:
    case Period::kNone:
      break;
  }
  return text;
}

/// A schedule of the form `every`, counted from its start.
Time FloorToEvery(const Schedule& schedule, Time time) {
  const Time origin = schedule.start.value_or(Time{});
  const auto step = std::chrono::microseconds(*schedule.every);
  auto steps = (time - origin) / step;
  if (origin + steps * step > time) --steps;
  return origin + steps * step;
}

/// The newest firing at or before `time`, bounds of the schedule aside. kNotFound: there is none.
Result<Time> PreviousFiring(const Schedule& schedule, Time time) {
  if (schedule.every) return FloorToEvery(schedule, time);
  if (!schedule.at.empty()) {
    const auto after = std::upper_bound(schedule.at.begin(), schedule.at.end(), time);
    if (after == schedule.at.begin()) return NotFound("the schedule has no earlier time");
    return Time(*std::prev(after));
  }
  if (schedule.cron.empty()) return Time(std::chrono::floor<std::chrono::seconds>(time));
  ASSIGN_OR_RETURN(const Cron cron, Cron::Parse(schedule.cron, schedule.timezone));
  const std::optional<Time> previous = cron.Previous(time);
  if (!previous) return NotFound("the schedule has no earlier time");
  return Time(*previous);
}

std::optional<Time> FiringAfter(const Schedule& schedule, const std::optional<Cron>& cron,
                                Time time) {
  if (schedule.start && time < *schedule.start)
    time = *schedule.start - std::chrono::microseconds(1);
  std::optional<Time> next;
  if (schedule.every) {
    next = FloorToEvery(schedule, time) + *schedule.every;
  } else if (!schedule.at.empty()) {
    const auto after = std::upper_bound(schedule.at.begin(), schedule.at.end(), time);
    if (after != schedule.at.end()) next = *after;
  } else if (cron) {
    next = cron->Next(time);
  }
  if (next && schedule.until && *next >= *schedule.until) return std::nullopt;
  return next;
}

std::optional<Cron> CronOf(const Schedule& schedule) {
  if (schedule.cron.empty()) return std::nullopt;
  Result<Cron> cron = Cron::Parse(schedule.cron, schedule.timezone);
  if (!cron.ok()) return std::nullopt;  // the pipeline's parser refused it already
  return std::move(cron).value();
}

Slot PeriodSlot(Period period, Time time) {
  const Time start = PeriodStart(period, time);
  return {SlotId{PeriodText(period, start)}, start, PeriodEnd(period, start)};
}

Slot TickSlot(const Pipeline& pipeline, Time start) {
  const std::optional<Time> next = NextFiring(pipeline, start);
  return {SlotId{FormatTime(start)}, start, next.value_or(start)};
}

bool AllDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The moment a text means, with the short forms of the pipeline's period.
Result<Time> ParseSlotText(Period period, std::string_view text) {
  const auto wrong = [&] {
    return Invalid("slot '{}' is not a time; use 2026-01-28T00:10:00Z", text.substr(0, 64));
  };
  std::string full(text);
  if (period == Period::kMonth && text.size() == 6 && AllDigits(text)) {
    full = fmt::format("{}-{}-01", text.substr(0, 4), text.substr(4));
  } else if (period == Period::kMonth && text.size() == 7) {
    full = fmt::format("{}-01", text);
  } else if (period == Period::kYear && text.size() == 4) {
    full = fmt::format("{}-01-01", text);
  } else if (text.size() <= 10 && period != Period::kDay && period != Period::kMonth) {
    return wrong();  // a date alone names no tick
  }
  Result<Time> time = ParseTime(full);
  if (!time.ok()) return wrong();
  return time;
}

/// The start of the first slot; null: no bound.
Result<std::optional<Time>> FirstStart(const Pipeline& pipeline, const std::string& each) {
  auto found = pipeline.slot.first.find(each);
  if (found == pipeline.slot.first.end()) found = pipeline.slot.first.find("");
  if (found == pipeline.slot.first.end()) return std::optional<Time>();
  ASSIGN_OR_RETURN(const Time time, ParseSlotText(pipeline.slot.period, found->second));
  return std::optional<Time>(PeriodStart(pipeline.slot.period, time));
}

Status CheckBounds(const Pipeline& pipeline, const Slot& slot, const std::string& each) {
  ASSIGN_OR_RETURN(const std::optional<Time> first, FirstStart(pipeline, each));
  if (first && slot.start < *first) {
    return Invalid("slot {} is before the first slot of {}, {}", slot.id.text,
                   each.empty() ? pipeline.name : each, PeriodText(pipeline.slot.period, *first));
  }
  const Schedule& schedule = pipeline.schedule;
  if (schedule.start && slot.start < *schedule.start) {
    return Invalid("slot {} is before the schedule's start, {}", slot.id.text,
                   FormatTime(*schedule.start));
  }
  if (schedule.until && slot.start >= *schedule.until) {
    return Invalid("slot {} is past the schedule's end, {}", slot.id.text,
                   FormatTime(*schedule.until));
  }
  return {};
}

Result<Slot> FloorSlot(const Pipeline& pipeline, Time time) {
  if (pipeline.slot.period != Period::kNone) return PeriodSlot(pipeline.slot.period, time);
  ASSIGN_OR_RETURN(const Time start, PreviousFiring(pipeline.schedule, time));
  return TickSlot(pipeline, start);
}

/// When a slot falls due: a tick at once, a period at its end, or at its begin if it stays open.
Time DueTime(const Pipeline& pipeline, const Slot& slot) {
  const bool at_end = pipeline.slot.period != Period::kNone && pipeline.slot.open.empty();
  return at_end ? slot.end : slot.start;
}

}  // namespace

Result<Slot> ResolveSlot(const Pipeline& pipeline, std::string_view text, Time now,
                         const std::string& each) {
  text = Trim(text);
  if (text == "due") {
    std::optional<Slot> due = NewestDue(pipeline, now, each);
    if (!due) return Invalid("no slot of {} has fallen due yet", pipeline.name);
    return std::move(*due);
  }
  ASSIGN_OR_RETURN(const Time time, ParseSlotText(pipeline.slot.period, text));
  Result<Slot> slot = FloorSlot(pipeline, time);
  if (!slot.ok()) return Invalid("slot '{}': {}", text, slot.error().message);
  RETURN_IF_ERROR(CheckBounds(pipeline, *slot, each));
  if (slot->start > now) {
    return Invalid("slot {} has not begun yet; it is {} now", slot->id.text, FormatTime(now));
  }
  return slot;
}

Result<Slot> SlotFromId(const Pipeline& pipeline, const SlotId& id) {
  ASSIGN_OR_RETURN(const Time time, ParseSlotText(pipeline.slot.period, id.text));
  if (pipeline.slot.period != Period::kNone) return PeriodSlot(pipeline.slot.period, time);
  return TickSlot(pipeline, time);
}

Result<std::vector<Slot>> ListSlots(const Pipeline& pipeline, Time from, Time to,
                                    const std::string& each, size_t limit) {
  ASSIGN_OR_RETURN(const std::optional<Time> first, FirstStart(pipeline, each));
  const Schedule& schedule = pipeline.schedule;
  if (first) from = std::max(from, *first);
  if (schedule.start) from = std::max(from, *schedule.start);
  if (schedule.until) to = std::min(to, *schedule.until);
  std::vector<Slot> slots;
  const auto too_many = [&] {
    return Invalid("more than {} slots of {} from {} to {}; ask for a shorter span", limit,
                   pipeline.name, FormatTime(from), FormatTime(to));
  };
  if (pipeline.slot.period != Period::kNone) {
    Slot slot = PeriodSlot(pipeline.slot.period, from);
    if (slot.start < from) slot = PeriodSlot(pipeline.slot.period, slot.end);
    for (; slot.start < to; slot = PeriodSlot(pipeline.slot.period, slot.end)) {
      if (slots.size() == limit) return too_many();
      slots.push_back(slot);
    }
    return slots;
  }
  if (schedule.empty()) return slots;
  const std::optional<Cron> cron = CronOf(schedule);
  std::optional<Time> start = FiringAfter(schedule, cron, from - std::chrono::microseconds(1));
  while (start && *start < to) {
    if (slots.size() == limit) return too_many();
    const std::optional<Time> next = FiringAfter(schedule, cron, *start);
    slots.push_back({SlotId{FormatTime(*start)}, *start, next.value_or(*start)});
    start = next;
  }
  return slots;
}

std::optional<Slot> NewestDue(const Pipeline& pipeline, Time now, const std::string& each) {
  if (pipeline.schedule.until && now >= *pipeline.schedule.until) {
    now = *pipeline.schedule.until - std::chrono::microseconds(1);
  }
  Result<Slot> slot = FloorSlot(pipeline, now);
  if (slot.ok() && DueTime(pipeline, *slot) > now) {
    slot = FloorSlot(pipeline, slot->start - std::chrono::microseconds(1));
  }
  if (!slot.ok() || !CheckBounds(pipeline, *slot, each).ok()) return std::nullopt;
  return std::move(slot).value();
}

std::optional<Time> NextFiring(const Pipeline& pipeline, Time time) {
  return FiringAfter(pipeline.schedule, CronOf(pipeline.schedule), time);
}

milliseconds WindowOf(const Pipeline& pipeline, const Slot& slot) {
  if (pipeline.schedule.window) return *pipeline.schedule.window;
  const auto interval = std::chrono::floor<milliseconds>(slot.end - slot.start);
  return std::max<milliseconds>(interval / 2, std::chrono::minutes(1));
}

bool OutsideWindow(const Pipeline& pipeline, const Slot& slot, Time now) {
  if (pipeline.schedule.empty()) return false;
  const Time due = pipeline.slot.period == Period::kNone ? slot.start : slot.end;
  return now > due + WindowOf(pipeline, slot);
}

bool IsOpen(const Pipeline& pipeline, const Slot& slot, milliseconds open, Time now) {
  return pipeline.slot.period != Period::kNone && now < slot.end + open;
}

bool RecheckDue(const Pipeline& pipeline, const Slot& slot, milliseconds open, Time published_at,
                Time now) {
  const SlotRules& rules = pipeline.slot;
  if (rules.recheck_last == 0 || rules.period == Period::kNone) return false;
  if (now - published_at < rules.recheck_every || IsOpen(pipeline, slot, open, now)) return false;
  Slot newer = slot;
  for (int closed = 0; closed < rules.recheck_last; ++closed) {
    newer = PeriodSlot(rules.period, newer.end);
    if (IsOpen(pipeline, newer, open, now)) return true;
  }
  return false;
}

std::vector<Slot> DueSlots(const Pipeline& pipeline, milliseconds open,
                           const std::map<SlotId, Time>& published, Time now,
                           const std::string& each) {
  std::vector<Slot> due;
  const std::optional<Slot> newest = NewestDue(pipeline, now, each);
  if (!newest) return due;
  if (pipeline.slot.period == Period::kNone || pipeline.slot.open.empty()) return {*newest};
  const Period period = pipeline.slot.period;
  const bool all = pipeline.schedule.missed == Missed::kAll && !published.empty();
  const auto before = [&](const Slot& slot) {
    return PeriodSlot(period, slot.start - std::chrono::microseconds(1));
  };
  Slot slot = *newest;
  for (int closed = 0; CheckBounds(pipeline, slot, each).ok(); slot = before(slot)) {
    const auto known = published.find(slot.id);
    bool wanted = true;
    if (!IsOpen(pipeline, slot, open, now)) {
      const bool older_than_all = published.empty() || slot.id < published.begin()->first;
      const bool within = closed < pipeline.slot.recheck_last;
      const bool missed =
          closed == 0 ? pipeline.schedule.missed != Missed::kNone : all && !older_than_all;
      wanted =
          known == published.end() ? missed : RecheckDue(pipeline, slot, open, known->second, now);
      if (closed > 0 && !within && (!all || older_than_all)) break;
      ++closed;
    }
    if (wanted) due.push_back(slot);
  }
  std::reverse(due.begin(), due.end());
  return due;
}

}  // namespace catchment::core
