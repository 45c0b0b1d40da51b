#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "core/pipeline.h"

namespace catchment::core {

/// One logical time of a pipeline.
struct Slot {
  SlotId id;   ///< canonical text
  Time start;  ///< the tick, or the first moment of the period
  Time end;    ///< the next tick, or the first moment after the period

  bool operator==(const Slot&) const = default;
};

/// What a text means as a slot of `pipeline`: RFC 3339 with any offset, `YYYY-MM-DDTHH:MM[:SS]` and
/// `YYYY-MM-DD HH:MM` in UTC, `YYYY-MM` and `YYYYMM` for months, `YYYY-MM-DD` for days, `YYYY` for
/// years, `due` for the newest due; floored to the schedule. `each` is the value of the `for_each`
/// variable, for the first slot.
///
/// kInvalid: not a time (`slot 'x' is not a time; use 2026-01-28T00:10:00Z`), before the first slot
/// or the schedule's start, not yet begun.
Result<Slot> ResolveSlot(const Pipeline& pipeline, std::string_view text, Time now,
                         const std::string& each = "");

/// Read a canonical text, as SlotId carries it, without checking it against a schedule's bounds.
Result<Slot> SlotFromId(const Pipeline& pipeline, const SlotId& id);

/// The slots that begin in [from, to), oldest first, at most `limit`. kInvalid: more than `limit`.
Result<std::vector<Slot>> ListSlots(const Pipeline& pipeline, Time from, Time to,
                                    const std::string& each = "", size_t limit = 1'000'000);

/// The newest slot that has fallen due at `now`; null if none has. A period falls due at its end,
/// or at its begin if slots stay open.
std::optional<Slot> NewestDue(const Pipeline& pipeline, Time now, const std::string& each = "");

/// When the schedule fires next after `time`; null: never.
std::optional<Time> NextFiring(const Pipeline& pipeline, Time time);

/// How long after falling due a slot may be collected from sources that know the present only:
/// `window`, or half the interval, at least a minute.
std::chrono::milliseconds WindowOf(const Pipeline& pipeline, const Slot& slot);

/// Whether `now` is past the slot's window.
bool OutsideWindow(const Pipeline& pipeline, const Slot& slot, Time now);

/// Whether a publish of the slot does not close it yet at `now`. `open` is `slot.open` with
/// placeholders resolved; zero: it closes at its end.
bool IsOpen(const Pipeline& pipeline, const Slot& slot, std::chrono::milliseconds open, Time now);

/// Whether a closed slot published at `published_at` is to be collected again at `now`.
bool RecheckDue(const Pipeline& pipeline, const Slot& slot, std::chrono::milliseconds open,
                Time published_at, Time now);

/// What `due` means at `now`, oldest first. Of slots that close when they fall due: NewestDue
/// alone. Of periods that stay open for `open`: all open ones that have begun, those of the last
/// `recheck.last` closed ones whose recheck is due, and closed ones that were missed (`missed:
/// last`: the newest closed one, `all`: every one since the oldest published). `published`: when
/// each slot was last published. `each` as above.
std::vector<Slot> DueSlots(const Pipeline& pipeline, std::chrono::milliseconds open,
                           const std::map<SlotId, Time>& published, Time now,
                           const std::string& each = "");

}  // namespace catchment::core
