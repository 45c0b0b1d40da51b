#include "transforms/diff.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <limits>

#include "columnar/arrow_status.h"
#include "columnar/schema.h"
#include "transforms/key_columns_internal.h"

namespace catchment::transforms {
namespace {

using Kind = FlatColumn::Kind;

/// Rows that belong together: the row of the table before and after; -1: there is none.
struct Pair {
  int64_t before, after;
};

/// Whether an integer and a double are the same number, exactly.
template <typename Integer>
bool SameNumber(Integer integer, double number) {
  // 2^63 and 2^64 are doubles; every double below them that has no fraction converts without loss.
  constexpr double kEnd =
      std::is_signed_v<Integer> ? 9223372036854775808.0 : 18446744073709551616.0;
  constexpr double kBegin = std::is_signed_v<Integer> ? -9223372036854775808.0 : 0.0;
  return number >= kBegin && number < kEnd && std::trunc(number) == number &&
         static_cast<Integer>(number) == integer;
}

bool SameValue(const FlatColumn& a, int64_t i, const FlatColumn& b, int64_t j) {
  if (a.kind == b.kind) {
    if (a.kind != Kind::kOther) return CompareValues(a, i, b, j) == 0;
    return a.array->RangeEquals(*b.array, i, i + 1, j,
                                arrow::EqualOptions::Defaults().nans_equal(true));
  }
  const bool a_null = a.IsNull(i), b_null = b.IsNull(j);
  if (a_null || b_null) return a_null == b_null;
  if (a.kind == Kind::kDouble) return SameValue(b, j, a, i);
  if (b.kind == Kind::kDouble) {
    return a.kind == Kind::kInt ? SameNumber(a.ints[i], b.doubles[j])
                                : SameNumber(a.unsigneds[i], b.doubles[j]);
  }
  const int64_t integer = a.kind == Kind::kInt ? a.ints[i] : b.ints[j];
  const uint64_t whole = a.kind == Kind::kInt ? b.unsigneds[j] : a.unsigneds[i];
  return integer >= 0 && static_cast<uint64_t>(integer) == whole;
}

bool IsNumber(Kind kind) {
  return kind == Kind::kInt || kind == Kind::kUnsigned || kind == Kind::kDouble;
}

std::string HowToCompare(const arrow::DataType& before) {
  return fmt::format("cast it back to {}, or publish under a new table name",
                     columnar::TypeName(before));
}

/// A table's columns, by what they are for.
class DiffSide {
 public:
  /// `next`: the side after, whose columns that are not in `table` yet count as null; null: all
  /// must be there.
  static Result<DiffSide> Make(const columnar::Table& table, const DiffOptions& options,
                               std::string_view what, const DiffSide* next) {
    std::vector<std::string> names, missing;
    for (const auto* list : {&options.key, &options.compare, &options.keep_before, &options.keep}) {
      for (const std::string& name : *list) {
        const bool there = table.schema()->GetFieldIndex(name) >= 0;
        if (!there && (next == nullptr || list == &options.key))
          return Invalid("diff: {} has no column '{}'", what, name);
        std::vector<std::string>& target = there ? names : missing;
        if (std::find(target.begin(), target.end(), name) == target.end()) target.push_back(name);
      }
    }
    DiffSide side;
    ASSIGN_OR_RETURN(side.table_, table.Load(names), "diff: {}", what);
    for (const std::string& name : missing) {
      ASSIGN_ARROW_OR_RETURN(auto nulls,
                             arrow::MakeArrayOfNull(next->Type(name), side.table_->num_rows()));
      ASSIGN_ARROW_OR_RETURN(
          side.table_,
          side.table_->AddColumn(side.table_->num_columns(), arrow::field(name, next->Type(name)),
                                 std::make_shared<arrow::ChunkedArray>(std::move(nulls))));
    }
    return side;
  }

  Result<std::shared_ptr<arrow::Array>> Column(const std::string& name) const {
    return WholeColumn(*table_, name);
  }

  Result<FlatColumn> Flat(const std::string& name) const {
    ASSIGN_OR_RETURN(auto array, Column(name));
    return Flatten(std::move(array), name);
  }

  Result<KeyedRows> Keyed(const DiffOptions& options, std::string_view what) const {
    std::vector<FlatColumn> keys;
    for (const std::string& name : options.key) {
      ASSIGN_OR_RETURN(FlatColumn key, Flat(name));
      keys.push_back(std::move(key));
    }
    ASSIGN_OR_RETURN(KeyedRows keyed, OrderByKey(std::move(keys), table_->num_rows(), options.key),
                     "diff: {}", what);
    if (keyed.duplicate < 0) return keyed;
    return Invalid("diff: {} has the key {} more than once; keep one row of it, or name more `key`",
                   what, RenderRow(keyed.keys, options.key, keyed.duplicate));
  }

  std::shared_ptr<arrow::DataType> Type(const std::string& name) const {
    return table_->schema()->GetFieldByName(name)->type();
  }
  bool empty() const { return table_ == nullptr; }

  /// Bring columns to the types that `other` has.
  Status CastTo(const DiffSide& other) {
    for (int column = 0; column < table_->num_columns(); ++column) {
      const std::shared_ptr<arrow::Field> field = table_->schema()->field(column);
      const std::shared_ptr<arrow::DataType> type = other.Type(field->name());
      if (field->type()->Equals(*type)) continue;
      const auto cast = columnar::CastColumn(table_->column(column), type);
      if (!cast.ok()) {
        return Invalid("diff: column '{}' of the published table: {}; {}", field->name(),
                       cast.error().message, HowToCompare(*field->type()));
      }
      ASSIGN_ARROW_OR_RETURN(table_,
                             table_->SetColumn(column, arrow::field(field->name(), type), *cast));
    }
    return {};
  }

 private:
  std::shared_ptr<arrow::Table> table_;
};

/// Walk both tables in key order. Pairs come out by rising key.
std::vector<Pair> Join(const KeyedRows* before, const KeyedRows& after) {
  std::vector<Pair> pairs;
  const int64_t before_rows = before == nullptr ? 0 : before->rows;
  pairs.reserve(static_cast<size_t>(std::max(before_rows, after.rows)) + 16);
  int64_t i = 0, j = 0;
  // Most rows have their like at the other side: look at many at once, and after a block with a
  // difference row by row for as long.
  constexpr int64_t kBlock = 64;
  int64_t row_by_row = before_rows == 0 || !before->order.empty() || !after.order.empty()
                           ? std::numeric_limits<int64_t>::max()
                           : 0;
  while (i < before_rows && j < after.rows) {
    if (row_by_row == 0 && std::min(before_rows - i, after.rows - j) >= kBlock) {
      if (SameBytes(before->keys, i, after.keys, j, kBlock)) {
        for (const int64_t end = i + kBlock; i < end;) pairs.push_back({i++, j++});
        continue;
      }
      row_by_row = kBlock;
    }
    row_by_row -= row_by_row > 0;
    const int64_t old_row = before->At(i), new_row = after.At(j);
    const int order = CompareKeys(before->keys, old_row, after.keys, new_row);
    pairs.push_back({order <= 0 ? old_row : -1, order >= 0 ? new_row : -1});
    i += order <= 0;
    j += order >= 0;
  }
  for (; i < before_rows; ++i) pairs.push_back({before->At(i), -1});
  for (; j < after.rows; ++j) pairs.push_back({-1, after.At(j)});
  return pairs;
}

/// Drop the pairs in which no compared column differs.
Status KeepDifferent(const DiffSide& before, const DiffSide& after, const DiffOptions& options,
                     std::vector<Pair>* pairs) {
  std::vector<uint8_t> differs(pairs->size());
  for (size_t at = 0; at < pairs->size(); ++at)
    differs[at] = (*pairs)[at].before < 0 || (*pairs)[at].after < 0;
  for (const std::string& name : options.compare) {
    if (before.empty()) break;
    ASSIGN_OR_RETURN(const FlatColumn old_column, before.Flat(name));
    ASSIGN_OR_RETURN(const FlatColumn new_column, after.Flat(name));
    if (old_column.kind != new_column.kind &&
        !(IsNumber(old_column.kind) && IsNumber(new_column.kind))) {
      return Invalid("diff: column '{}' was {} and is {}: these cannot be compared; {}", name,
                     columnar::TypeName(*before.Type(name)), columnar::TypeName(*after.Type(name)),
                     HowToCompare(*before.Type(name)));
    }
    for (size_t at = 0; at < pairs->size(); ++at) {
      if (!differs[at])
        differs[at] = !SameValue(old_column, (*pairs)[at].before, new_column, (*pairs)[at].after);
    }
  }
  size_t kept = 0;
  for (size_t at = 0; at < pairs->size(); ++at) {
    if (differs[at]) (*pairs)[kept++] = (*pairs)[at];
  }
  pairs->resize(kept);
  return {};
}

/// Row numbers of one side of the pairs, null where it has none.
Result<std::shared_ptr<arrow::Array>> Rows(const std::vector<Pair>& pairs, int64_t Pair::*side) {
  arrow::Int64Builder builder;
  ARROW_OR_RETURN(builder.Reserve(static_cast<int64_t>(pairs.size())));
  for (const Pair& pair : pairs) {
    if (pair.*side >= 0) {
      builder.UnsafeAppend(pair.*side);
    } else {
      builder.UnsafeAppendNull();
    }
  }
  ASSIGN_ARROW_OR_RETURN(auto rows, builder.Finish());
  return rows;
}

/// Puts the output together, column by column.
class Output {
 public:
  Output(const DiffSide& before, const DiffSide& after, const std::vector<Pair>& pairs)
      : before_(before), after_(after), pairs_(pairs) {}

  Status Prepare() {
    ASSIGN_OR_RETURN(old_rows_, Rows(pairs_, &Pair::before));
    ASSIGN_OR_RETURN(new_rows_, Rows(pairs_, &Pair::after));
    return {};
  }

  Status AddSlot(Time slot) {
    const auto rows = static_cast<int64_t>(pairs_.size());
    const auto ts = arrow::timestamp(arrow::TimeUnit::MILLI, "UTC");
    const int64_t moment =
        std::chrono::floor<std::chrono::milliseconds>(slot).time_since_epoch().count();
    const auto day = static_cast<int32_t>(
        std::chrono::floor<std::chrono::days>(slot).time_since_epoch().count());
    ASSIGN_ARROW_OR_RETURN(auto slots,
                           arrow::MakeArrayFromScalar(arrow::TimestampScalar(moment, ts), rows));
    ASSIGN_ARROW_OR_RETURN(auto dates, arrow::MakeArrayFromScalar(arrow::Date32Scalar(day), rows));
    arrow::StringBuilder kinds;
    for (const Pair& pair : pairs_) {
      ARROW_OR_RETURN(kinds.Append(pair.before < 0  ? "added"
                                   : pair.after < 0 ? "removed"
                                                    : "changed"));
    }
    ASSIGN_ARROW_OR_RETURN(auto kind, kinds.Finish());
    Add("slot", std::move(slots), false);
    Add("date", std::move(dates), false);
    Add("kind", std::move(kind), false);
    return {};
  }

  /// The value after; of a removed row, the one before.
  Status AddCarried(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(auto values, Taken(after_, name, new_rows_));
      if (!before_.empty() && new_rows_->null_count() > 0) {
        ASSIGN_OR_RETURN(const auto old_values, Taken(before_, name, old_rows_));
        ASSIGN_ARROW_OR_RETURN(const auto present, arrow::compute::IsValid(new_rows_));
        ASSIGN_ARROW_OR_RETURN(
            const auto merged,
            arrow::compute::CallFunction("if_else", {present, values, old_values}), "column '{}'",
            name);
        values = merged.make_array();
      }
      Add(name, std::move(values));
    }
    return {};
  }

  Status AddCompared(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(auto values, Taken(after_, name, new_rows_));
      Add(name, std::move(values));
    }
    for (const std::string& name : names) {
      std::shared_ptr<arrow::Array> values;
      if (before_.empty()) {
        ASSIGN_ARROW_OR_RETURN(
            values, arrow::MakeArrayOfNull(after_.Type(name), static_cast<int64_t>(pairs_.size())));
      } else {
        ASSIGN_OR_RETURN(values, Taken(before_, name, old_rows_));
      }
      Add("previous_" + name, std::move(values));
    }
    return {};
  }

  columnar::Table Finish() && {
    return columnar::Table::FromArrow(
        arrow::Table::Make(arrow::schema(fields_), columns_, static_cast<int64_t>(pairs_.size())));
  }

 private:
  static Result<std::shared_ptr<arrow::Array>> Taken(const DiffSide& side, const std::string& name,
                                                     const std::shared_ptr<arrow::Array>& rows) {
    ASSIGN_OR_RETURN(const auto column, side.Column(name));
    ASSIGN_ARROW_OR_RETURN(auto taken, arrow::compute::Take(*column, *rows), "column '{}'", name);
    return taken;
  }
  void Add(const std::string& name, std::shared_ptr<arrow::Array> values, bool nullable = true) {
    fields_.push_back(arrow::field(name, values->type(), nullable));
    columns_.push_back(std::move(values));
  }

  const DiffSide& before_;
  const DiffSide& after_;
  const std::vector<Pair>& pairs_;
  std::shared_ptr<arrow::Array> old_rows_, new_rows_;
  arrow::FieldVector fields_;
  arrow::ArrayVector columns_;
};

}  // namespace

Result<DiffOptions> PlaceKeptColumns(DiffOptions options, const columnar::Table& schema_of) {
  std::vector<std::string> after;
  for (std::string& name : options.keep) {
    const std::shared_ptr<arrow::Field> field = schema_of.schema()->GetFieldByName(name);
    if (field == nullptr) return Invalid("diff: keep: there is no column '{}'", name);
    (columnar::TypeName(*field->type()) == "text" ? options.keep_before : after)
        .push_back(std::move(name));
  }
  options.keep = std::move(after);
  return options;
}

Result<columnar::Table> Diff(const columnar::Table* before, const columnar::Table& after,
                             const DiffOptions& options, Time slot) {
  if (options.key.empty()) return Invalid("diff: no key column is named");
  ASSIGN_OR_RETURN(const DiffSide new_side, DiffSide::Make(after, options, "the table", nullptr));
  // Both sides are looked through at once where that takes longer than starting a thread.
  const auto policy =
      before != nullptr && after.num_rows() > 10'000 ? std::launch::async : std::launch::deferred;
  std::future<Result<KeyedRows>> new_keyed =
      std::async(policy, [&] { return new_side.Keyed(options, "the table"); });
  DiffSide old_side, cast_side;
  std::vector<Pair> pairs;
  if (before == nullptr) {
    ASSIGN_OR_RETURN(const KeyedRows new_rows, new_keyed.get());
    pairs = Join(nullptr, new_rows);
  } else {
    ASSIGN_OR_RETURN(old_side, DiffSide::Make(*before, options, "the published table", &new_side));
    cast_side = old_side;
    RETURN_IF_ERROR(cast_side.CastTo(new_side));
    const Result<KeyedRows> old_rows = cast_side.Keyed(options, "the published table");
    ASSIGN_OR_RETURN(const KeyedRows new_rows, new_keyed.get());
    RETURN_IF_ERROR(old_rows.status());
    pairs = Join(&*old_rows, new_rows);
  }
  RETURN_IF_ERROR(KeepDifferent(old_side, new_side, options, &pairs));
  Output output(cast_side, new_side, pairs);
  RETURN_IF_ERROR(output.Prepare());
  RETURN_IF_ERROR(output.AddSlot(slot));
  RETURN_IF_ERROR(output.AddCarried(options.key));
  RETURN_IF_ERROR(output.AddCarried(options.keep_before));
  RETURN_IF_ERROR(output.AddCompared(options.compare));
  RETURN_IF_ERROR(output.AddCarried(options.keep));
  return std::move(output).Finish();
}

}  // namespace catchment::transforms
