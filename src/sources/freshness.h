#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/coverage.h"
#include "base/op_context.h"
#include "sources/source.h"

namespace catchment::sources {

/// Whether a unit has to be asked for anew: it has no prior answer, the day begins, or the slot is
/// `refresh` or more after the slot that collected the prior answer.
bool IsDue(const SourceInput& input, const std::string& unit, std::chrono::milliseconds refresh);

/// The prior answer of a unit if it may stand in for a failed request: collected at most `limit`
/// before `now`. Null: there is none, or it is older.
const PriorAnswer* UsableCopy(const SourceInput& input, const std::string& unit,
                              std::chrono::milliseconds limit, Time now);

/// The reason of a gap that a failure makes: `credentials`, `budget`, `deadline`, else `failed`.
std::string_view GapReason(Code code);

/// The code of a failure with this reason; of `failed`: kUnavailable.
Code CodeOfReason(std::string_view reason);

/// A unit's failure with the reason that the recording keeps: a replay sees only that there is no
/// answer (kNotFound), not that there was no token or no time. Asks the source's transport. `calls`
/// becomes 0 in a replay of a run that made no request.
Error RememberedFailure(const SourceInput& input, const std::string& unit, Error failure,
                        const OpContext& context, int64_t& calls);

/// What the state says of a unit that this run collected completely:
/// {"run", "task", "slot_time", "collected_at"}; the engine adds where the exchanges are.
nlohmann::json UnitFacts(const SourceInput& input, Time collected_at);

/// Say in `report` that nothing was obtained: state, reason, error_code, a gap and a coverage row
/// of one missing `unit`.
void ReportUnavailable(SourceReport& report, const Error& error, std::string_view unit);

}  // namespace catchment::sources
