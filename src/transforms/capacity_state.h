#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "columnar/table.h"

namespace catchment::transforms {

/// Which scores raise T2.
enum class T2Rule {
  kAtLeast,  ///< 2 or more, so that T3 never exceeds T2
  kExactly,  ///< 2 alone
};

struct CapacityOptions {
  std::vector<std::string> key = {};  ///< columns of both tables; null is a value
  /// The one of `key` that rules (b) and (c) below look at, which must be its last; "": neither.
  std::string zone_column = "zone";
  bool fold_case =
      false;  ///< texts of `key` meet in lower case (ASCII), shown as `before` has them
  std::string score_column = "score";  ///< of the answers
  std::string count_column = "desired_count";
  T2Rule t2 = T2Rule::kAtLeast;
  std::vector<int64_t> counts = {};  ///< that are asked in turn, rising; contains 1
  std::chrono::milliseconds zone_ttl = std::chrono::days(7);
};

/// Carry the capacity state of every key on by this run's answers: T2 and T3 are the largest counts
/// believed to score at least 2 and 3; they rise with a success at a larger count and are kept
/// until an answer contradicts them.
///
/// `answers`, one row per answered cell: the key, `count_column` and `score_column` as integers (a
/// null score is an answer that tells nothing), asked_at timestamp; optional: score_text text, call
/// integer (number in the plan; absent: 0), wanted bool (absent: true). Cells that are not wanted
/// count for nothing. If a key is answered twice, the lower call wins (then the earlier, then the
/// lower score). No columns at all: no answers.
/// `before` (head's snapshot; null: none): the key and, as far as it has them, the columns below.
///
/// Out, one row per key, sorted by key, nulls first: the key with the types of `answers`, score
/// int8, t2 int16, t3 int16, last_score int8, last_count int16, scored_at timestamp[ms, UTC],
/// answer_text text, answered_at timestamp[ms, UTC]. An answer with a score gives a new state and
/// sets all of them, one without sets answer_text and answered_at alone; keys not answered keep
/// everything.
///
/// Rows leave (b) if their zone is null and the pair (the key without zone) has a row with a zone,
/// or there is no state to keep; (c) if the pair was answered now, but not this zone, whose
/// answered_at is more than `zone_ttl` before `slot`. Pairs that are gone altogether are
/// the caller's to remove.
/// kInvalid: options; a column is missing or of another type; a score or count below 1; a key twice
/// in `before`.
Result<columnar::Table> CapacityState(const columnar::Table& answers, const columnar::Table* before,
                                      const CapacityOptions& options, Time slot);

}  // namespace catchment::transforms
