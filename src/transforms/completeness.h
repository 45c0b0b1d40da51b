#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/coverage.h"

namespace catchment::transforms {

/// How complete a table must be to be published.
struct CompletenessRule {
  double at_least = 1;        ///< share of the expected units, 0…1
  bool hold_below = true;     ///< below it nothing is published; else it is published with gaps
  std::string unit = "item";  ///< of the coverage rows that count
};

/// What is known of a table that is to be published.
struct CompletenessFacts {
  std::string table;  ///< a task, for the gap
  int64_t rows = 0;
  /// Of the sources that the table is made from, through tasks that are no sources: their coverage
  /// rows of the rule's unit say how many units are expected.
  std::vector<const SourceReport*> nearest;
  /// Of the sources that those need, which list the units in parts (days). Units of gaps
  /// `no_answer` are expected and were never listed; a part in the `missing` of a coverage row of
  /// another unit holds an unknown number, unless an old list of it stands (gap `stale`).
  std::vector<const SourceReport*> further;
  /// Of the tasks in between, the table's own included: what they put aside, they name in gaps.
  std::vector<const SourceReport*> between = {};
};

struct Completeness {
  int64_t expected = 0;  ///< as far as it is known
  std::string unknown;   ///< why it is not known; empty: it is
  /// False: nothing may be published. A table without rows because all units were rejected is not
  /// published whatever the rule says; the message then is what was wrong with them.
  bool holds = true;
  std::string message;  ///< why not, one line; empty if it holds
  /// What is missing beyond the gaps that the reports name: a run that lost units silently must not
  /// look complete.
  std::vector<Gap> gaps;
};

/// Compare rows with what the sources expect.
///
///   c = rows ÷ expected; a part without a list makes c unknown, which counts as below.
///
/// Pure. `held back: 104,520 of 104,675 items (99.852 %) are below complete 99.9 %`.
Completeness CheckCompleteness(const CompletenessRule& rule, const CompletenessFacts& facts);

}  // namespace catchment::transforms
