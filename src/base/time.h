#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace catchment {

/// A moment in UTC, microseconds since 1970. What tables, slots and records carry.
using Time = std::chrono::sys_time<std::chrono::microseconds>;

/// Parse RFC 3339 with any offset (`2026-01-28T00:10:00Z`, `…+02:00`, fractions to nanoseconds, cut
/// to microseconds), or without offset, read as UTC: `YYYY-MM-DD`, `YYYY-MM-DDTHH:MM[:SS]`,
/// `YYYY-MM-DD HH:MM[:SS]`. kInvalid: anything else, a date that does not exist, a year outside
/// 1678–2261.
Result<Time> ParseTime(std::string_view text);

/// RFC 3339 in UTC, `2026-01-28T00:10:00Z`; a fraction (3 or 6 digits) only if it is not zero.
std::string FormatTime(Time time);

/// strftime for the codes %Y %m %d %H %M %S %j %y %% in UTC. kInvalid: another code.
Result<std::string> FormatTime(Time time, std::string_view pattern);

/// Parse `90s`, `62m`, `6h`, `7d`, `500ms` and sums such as `1h30m`. kInvalid: no unit, negative,
/// over 100 years.
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

/// The shortest of the forms above, e.g. `6h`, `1h30m`, `250ms`, `0s`.
std::string FormatDuration(std::chrono::milliseconds duration);

}  // namespace catchment
