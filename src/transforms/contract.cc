#include "transforms/contract.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_set>

#include "base/text.h"
#include "columnar/arrow_status.h"
#include "columnar/schema.h"
#include "transforms/key_columns_internal.h"

namespace catchment::transforms {
namespace {

using Kind = FlatColumn::Kind;

std::optional<double> CellNumber(const FlatColumn& column, int64_t row) {
  switch (column.kind) {
    case Kind::kInt:
      return static_cast<double>(column.ints[row]);
    case Kind::kUnsigned:
      return static_cast<double>(column.unsigneds[row]);
    case Kind::kDouble:
      return column.doubles[row];
    default:
      return std::nullopt;
  }
}

/// A value as text by which values of different tables are equal: a tag for null, then the value.
void AppendValue(const FlatColumn& column, int64_t row, std::string* text) {
  if (column.IsNull(row)) {
    text->append("n;");
    return;
  }
  if (column.kind == Kind::kText) {
    const std::string_view value = column.Text(row);
    fmt::format_to(std::back_inserter(*text), "t{}:{}", value.size(), value);
  } else if (column.kind == Kind::kInt) {
    fmt::format_to(std::back_inserter(*text), "i{};", column.ints[row]);
  } else if (const std::optional<double> number = CellNumber(column, row)) {
    // A whole number is written as one, so that 5 and 5.0 are equal.
    if (std::trunc(*number) == *number && std::abs(*number) < 9e15) {
      fmt::format_to(std::back_inserter(*text), "i{};", static_cast<int64_t>(*number));
    } else {
      fmt::format_to(std::back_inserter(*text), "d{};", *number);
    }
  } else {
    const auto scalar = column.array->GetScalar(row);
    const std::string value = scalar.ok() ? (*scalar)->ToString() : "?";
    fmt::format_to(std::back_inserter(*text), "o{}:{}", value.size(), value);
  }
}

/// Runs the checks of one table and collects their verdicts.
class Checker {
 public:
  Checker(const arrow::Table& table, const TableContract& contract)
      : table_(table), contract_(contract) {}

  Status Run(std::optional<int64_t> previous_rows,
             const std::function<const columnar::Table*(const std::string&)>& others) {
    RETURN_IF_ERROR(CheckKey());
    CheckRows(previous_rows);
    for (const ColumnRule& rule : contract_.columns)
      RETURN_IF_ERROR(CheckColumn(rule), "contract: {}", rule.column);
    for (const ForeignKey& key : contract_.foreign_keys)
      RETURN_IF_ERROR(CheckForeignKey(key, others));
    return {};
  }

  std::vector<Verdict> verdicts;

 private:
  Result<FlatColumn> Column(const std::string& name) const {
    ASSIGN_OR_RETURN(auto array, WholeColumn(table_, name));
    return Flatten(std::move(array), name);
  }

  Result<std::vector<FlatColumn>> Columns(const std::vector<std::string>& names) const {
    std::vector<FlatColumn> columns;
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(FlatColumn column, Column(name));
      columns.push_back(std::move(column));
    }
    return columns;
  }

  /// How a row is shown: its key, then what is wrong.
  Result<std::string> Render(int64_t row, const std::vector<std::string>& more) const {
    std::vector<std::string> names = contract_.key;
    for (const std::string& name : more) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    ASSIGN_OR_RETURN(const auto columns, Columns(names));
    return RenderRow(columns, names, row);
  }

  /// A verdict on rows: those for which `broken` holds.
  template <typename Broken>
  Status Judge(std::string check, const std::vector<std::string>& names, std::string_view expected,
               Broken broken) {
    Verdict verdict{.check = std::move(check),
                    .passed = true,
                    .offending = 0,
                    .first_row = {},
                    .explanation = {}};
    int64_t first = -1;
    for (int64_t row = 0; row < table_.num_rows(); ++row) {
      if (!broken(row)) continue;
      if (first < 0) first = row;
      ++verdict.offending;
    }
    if (first >= 0) {
      verdict.passed = false;
      ASSIGN_OR_RETURN(verdict.first_row, Render(first, names));
      verdict.explanation = fmt::format("{}: expected {}; {} of {} rows break it, first {}",
                                        verdict.check, expected, FormatCount(verdict.offending),
                                        FormatCount(table_.num_rows()), verdict.first_row);
    }
    verdicts.push_back(std::move(verdict));
    return {};
  }

  Status CheckKey() {
    if (contract_.key.empty()) return {};
    ASSIGN_OR_RETURN(auto columns, Columns(contract_.key), "contract: key");
    ASSIGN_OR_RETURN(const KeyedRows keyed,
                     OrderByKey(std::move(columns), table_.num_rows(), contract_.key));
    std::vector<bool> repeated(static_cast<size_t>(table_.num_rows()));
    if (keyed.duplicate >= 0) {
      for (int64_t place = 1; place < keyed.rows; ++place) {
        const int64_t row = keyed.At(place);
        repeated[static_cast<size_t>(row)] =
            CompareKeys(keyed.keys, keyed.At(place - 1), keyed.keys, row) == 0;
      }
    }
    return Judge("key", {}, "no key twice",
                 [&](int64_t row) { return repeated[static_cast<size_t>(row)]; });
  }

  void CheckRows(std::optional<int64_t> previous_rows) {
    const int64_t rows = table_.num_rows();
    const auto add = [&](std::string check, bool passed, std::string expected) {
      Verdict verdict{.check = std::move(check),
                      .passed = passed,
                      .offending = 0,
                      .first_row = {},
                      .explanation = {}};
      if (!passed) {
        verdict.explanation = fmt::format("{}: expected {}, found {} rows", verdict.check, expected,
                                          FormatCount(rows));
      }
      verdicts.push_back(std::move(verdict));
    };
    if (contract_.rows_minimum) {
      add("rows: min", rows >= *contract_.rows_minimum,
          fmt::format("at least {}", FormatCount(*contract_.rows_minimum)));
    }
    if (contract_.rows_maximum) {
      add("rows: max", rows <= *contract_.rows_maximum,
          fmt::format("at most {}", FormatCount(*contract_.rows_maximum)));
    }
    if (contract_.drop_at_most && previous_rows) {
      const double least = static_cast<double>(*previous_rows) * (1 - *contract_.drop_at_most);
      add("rows: drop_at_most", static_cast<double>(rows) >= least - 1e-6,
          fmt::format("a loss of at most {:g}% of the {} rows published before",
                      *contract_.drop_at_most * 100, FormatCount(*previous_rows)));
    }
  }

  Status CheckColumn(const ColumnRule& rule) {
    ASSIGN_OR_RETURN(const FlatColumn column, Column(rule.column));
    const auto field = table_.schema()->GetFieldByName(rule.column);
    if (rule.type) {
      ASSIGN_OR_RETURN(const auto type, columnar::TypeFromName(*rule.type));
      const std::string expected = columnar::TypeName(*type),
                        found = columnar::TypeName(*field->type());
      Verdict verdict{.check = rule.column + ": type",
                      .passed = expected == found,
                      .offending = 0,
                      .first_row = {},
                      .explanation = {}};
      if (!verdict.passed) {
        verdict.offending = table_.num_rows();
        verdict.explanation =
            fmt::format("{}: expected {}, found {}", verdict.check, expected, found);
      }
      verdicts.push_back(std::move(verdict));
    }
    const std::vector<std::string> names = {rule.column};
    if (rule.not_null) {
      const auto& array = table_.GetColumnByName(rule.column);
      const bool any = array->null_count() > 0;
      ASSIGN_OR_RETURN(const auto whole, WholeColumn(table_, rule.column));
      RETURN_IF_ERROR(Judge(rule.column + ": not_null", names, "no null",
                            [&](int64_t row) { return any && whole->IsNull(row); }));
    }
    if (rule.minimum || rule.maximum) RETURN_IF_ERROR(CheckRange(rule, column, names));
    if (!rule.allowed.empty()) RETURN_IF_ERROR(CheckAllowed(rule, column, names));
    if (rule.pattern) RETURN_IF_ERROR(CheckPattern(rule, column, names));
    return {};
  }

  Status CheckRange(const ColumnRule& rule, const FlatColumn& column,
                    const std::vector<std::string>& names) {
    if (column.kind == Kind::kText || column.kind == Kind::kOther)
      return Invalid("range: the column holds no numbers");
    const std::string range = fmt::format("{}{}, {}{}", rule.minimum_exclusive ? '(' : '[',
                                          rule.minimum ? fmt::format("{:g}", *rule.minimum) : "",
                                          rule.maximum ? fmt::format("{:g}", *rule.maximum) : "",
                                          rule.maximum_exclusive ? ')' : ']');
    return Judge(fmt::format("{}: range {}", rule.column, range), names, "a value in " + range,
                 [&](int64_t row) {
                   if (column.IsNull(row)) return false;
                   const double value = *CellNumber(column, row);
                   const bool above =
                       !rule.minimum ||
                       (rule.minimum_exclusive ? value > *rule.minimum : value >= *rule.minimum);
                   const bool below =
                       !rule.maximum ||
                       (rule.maximum_exclusive ? value < *rule.maximum : value <= *rule.maximum);
                   return !(above && below);
                 });
  }

  Status CheckAllowed(const ColumnRule& rule, const FlatColumn& column,
                      const std::vector<std::string>& names) {
    std::unordered_set<std::string> texts(rule.allowed.begin(), rule.allowed.end());
    std::vector<double> numbers;
    if (column.kind == Kind::kOther)
      return Invalid("allowed: values of this type cannot be compared");
    if (column.kind != Kind::kText) {
      for (const std::string& text : rule.allowed) {
        double number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (text == "true" || text == "false") {
          number = text == "true";
        } else if (error != std::errc() || end != text.data() + text.size()) {
          return Invalid("allowed: '{}' is no number, but the column holds numbers", text);
        }
        numbers.push_back(number);
      }
    }
    std::string value;
    return Judge(rule.column + ": allowed", names,
                 fmt::format("one of {}", fmt::join(rule.allowed, ", ")), [&](int64_t row) {
                   if (column.IsNull(row)) return false;
                   if (column.kind == Kind::kText)
                     return !texts.contains(value.assign(column.Text(row)));
                   return std::find(numbers.begin(), numbers.end(), *CellNumber(column, row)) ==
                          numbers.end();
                 });
  }

  Status CheckPattern(const ColumnRule& rule, const FlatColumn& column,
                      const std::vector<std::string>& names) {
    if (column.kind != Kind::kText) return Invalid("pattern: the column holds no text");
    // Arrow's own RE2: its library exports the symbols of the one it was built with, so that a
    // second RE2 in the program would be mixed with it.
    const arrow::compute::MatchSubstringOptions whole(fmt::format("\\A(?:{})\\z", *rule.pattern));
    ASSIGN_ARROW_OR_RETURN(
        const arrow::Datum matched,
        arrow::compute::CallFunction("match_substring_regex", {column.array}, &whole),
        "pattern '{}'", *rule.pattern);
    const std::shared_ptr<arrow::Array> array = matched.make_array();
    const auto& matches = static_cast<const arrow::BooleanArray&>(*array);
    return Judge(rule.column + ": pattern", names, fmt::format("text like {}", *rule.pattern),
                 [&](int64_t row) { return !column.IsNull(row) && !matches.Value(row); });
  }

  Status CheckForeignKey(const ForeignKey& key,
                         const std::function<const columnar::Table*(const std::string&)>& others) {
    const std::string check = fmt::format("{} in {}", fmt::join(key.columns, ", "), key.table);
    const columnar::Table* other = others ? others(key.table) : nullptr;
    if (other == nullptr) return Invalid("contract: {}: there is no table '{}'", check, key.table);
    if (key.columns.empty() || key.columns.size() != key.other_columns.size()) {
      return Invalid("contract: {}: as many columns are needed on both sides", check);
    }
    ASSIGN_OR_RETURN(const auto columns, Columns(key.columns), "contract: {}", check);
    ASSIGN_OR_RETURN(const auto rows, other->Load(key.other_columns), "contract: {}", check);
    std::vector<FlatColumn> other_columns;
    for (const std::string& name : key.other_columns) {
      ASSIGN_OR_RETURN(auto array, WholeColumn(*rows, name));
      ASSIGN_OR_RETURN(FlatColumn column, Flatten(std::move(array), name));
      other_columns.push_back(std::move(column));
    }
    const auto value_of = [](const std::vector<FlatColumn>& of, int64_t row, std::string* text) {
      text->clear();
      for (const FlatColumn& column : of) AppendValue(column, row, text);
    };
    std::unordered_set<std::string> known;
    std::string value;
    for (int64_t row = 0; row < rows->num_rows(); ++row) {
      value_of(other_columns, row, &value);
      known.insert(value);
    }
    return Judge(check, key.columns, fmt::format("a row of {} for each", key.table),
                 [&](int64_t row) {
                   if (std::any_of(columns.begin(), columns.end(),
                                   [&](const FlatColumn& column) { return column.IsNull(row); })) {
                     return false;
                   }
                   value_of(columns, row, &value);
                   return !known.contains(value);
                 });
  }

  const arrow::Table& table_;
  const TableContract& contract_;
};

/// The columns that a contract looks at, so that files are read no further.
Result<std::vector<std::string>> NamedColumns(const columnar::Table& table,
                                              const TableContract& contract) {
  std::vector<std::string> names = contract.key;
  for (const ColumnRule& rule : contract.columns) names.push_back(rule.column);
  for (const ForeignKey& key : contract.foreign_keys)
    names.insert(names.end(), key.columns.begin(), key.columns.end());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const std::string& name : names) {
    if (table.schema()->GetFieldIndex(name) < 0)
      return Invalid("contract: there is no column '{}'", name);
  }
  return names;
}

}  // namespace

Result<std::vector<Verdict>> CheckContract(
    const columnar::Table& table, const TableContract& contract,
    std::optional<int64_t> previous_rows,
    const std::function<const columnar::Table*(const std::string&)>& others) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamedColumns(table, contract));
  std::shared_ptr<arrow::Table> rows;
  if (names.empty()) {
    rows = arrow::Table::Make(arrow::schema({}), arrow::ArrayVector{}, table.num_rows());
  } else {
    ASSIGN_OR_RETURN(rows, table.Load(names), "contract");
  }
  Checker checker(*rows, contract);
  RETURN_IF_ERROR(checker.Run(previous_rows, others));
  return std::move(checker.verdicts);
}

}  // namespace catchment::transforms
