#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "columnar/table.h"

namespace catchment::transforms {

/// What must hold for one column.
struct ColumnRule {
  std::string column;
  std::optional<std::string> type;  ///< as columnar/schema.h names it: `float64`, `text`, `ts`
  bool not_null = false;
  /// Inclusive unless said otherwise; nulls pass.
  std::optional<double> minimum = {}, maximum = {};
  bool minimum_exclusive = false, maximum_exclusive = false;
  std::vector<std::string> allowed = {};  ///< values as text; numbers compare by value; empty: any
  std::optional<std::string> pattern = {};  ///< RE2 syntax, whole text
};

/// Values of `columns` occur as `other_columns` of `table`; rows with a null in `columns` pass.
struct ForeignKey {
  std::vector<std::string> columns;
  std::string table;
  std::vector<std::string> other_columns;
};

/// The contract of one table.
struct TableContract {
  std::vector<std::string> key = {};  ///< unique; null is a value; empty: no check
  std::vector<ColumnRule> columns = {};
  std::vector<ForeignKey> foreign_keys = {};
  std::optional<int64_t> rows_minimum = {}, rows_maximum = {};
  /// Largest share of the previous publish's rows that may be lost, 0…1.
  std::optional<double> drop_at_most = {};
};

/// The outcome of one check.
struct Verdict {
  std::string check;  ///< `spot_price: range (0, ]`, `key`, `rows`
  bool passed = true;
  int64_t offending = 0;    ///< rows that break it
  std::string first_row;    ///< the first of them, `column=value, …`; empty if passed
  std::string explanation;  ///< one line: what was expected and what was found
};

/// Check a table. `previous_rows`: of the previous publish, null if there is none. `others` gives a
/// foreign key's table, null if there is none. All checks run; the verdicts stand in the order of
/// the contract. kInvalid: the contract names a column or table that does not exist, or a bad
/// pattern.
Result<std::vector<Verdict>> CheckContract(
    const columnar::Table& table, const TableContract& contract,
    std::optional<int64_t> previous_rows,
    const std::function<const columnar::Table*(const std::string&)>& others);

}  // namespace catchment::transforms
