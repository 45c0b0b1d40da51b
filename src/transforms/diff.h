#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "columnar/table.h"

namespace catchment::transforms {

/// Which columns a diff looks at. The output's columns are, in order: slot, date, kind, `key`,
/// `keep_before`, `compare`, `compare` with the prefix `previous_`, `keep`.
struct DiffOptions {
  std::vector<std::string> key =
      {};  ///< what identifies a row; null is a value, two nulls are equal
  std::vector<std::string> compare = {};  ///< a row is changed if one of these differs
  std::vector<std::string> keep =
      {};  ///< carried along (of the row before, if removed), never compared
  /// Those of the carried columns that stand before the compared ones; disjoint from `keep`.
  std::vector<std::string> keep_before = {};
};

/// Split `keep` as a pipeline file lists it: text columns describe the row and go to `keep_before`,
/// the others are measures and stay after. `schema_of` is the table they are taken from. kInvalid:
/// an unknown column.
Result<DiffOptions> PlaceKeptColumns(DiffOptions options, const columnar::Table& schema_of);

/// Compare two states of a table.
///
/// Rows: one per key that is `added` (previous values null), `changed`, or `removed` (current
/// values null); sorted by key, nulls first. Equal rows give none. Columns: slot timestamp[ms,
/// UTC], date date32 (of the slot), kind text, all not null; then as DiffOptions says, with the
/// types of `after`. null differs from a value and equals null; numbers are equal by value whatever
/// their types, exactly; NaN equals NaN. Time is linear when both tables are sorted by key (as
/// published tables are), else an order is made first. `before` null: every row is added.
/// kInvalid: a column is missing or of a type that cannot be compared; a key occurs twice (names
/// it).
Result<columnar::Table> Diff(const columnar::Table* before, const columnar::Table& after,
                             const DiffOptions& options, Time slot);

}  // namespace catchment::transforms
