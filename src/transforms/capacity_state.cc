#include "transforms/capacity_state.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <tuple>

#include "columnar/arrow_status.h"
#include "columnar/initialize.h"
#include "columnar/schema.h"
#include "transforms/key_columns_internal.h"

namespace catchment::transforms {
namespace {

std::shared_ptr<arrow::DataType> Moment() {
  return arrow::timestamp(arrow::TimeUnit::MILLI, "UTC");
}

/// A number that may be missing.
using Number = std::optional<int64_t>;

struct State {
  Number score, t2, t3, last_score, last_count, scored_at, answered_at;
};

/// Members of State and the columns that hold them.
struct StateColumn {
  const char* name;
  std::shared_ptr<arrow::DataType> type;
  Number State::*member;
};

std::vector<StateColumn> StateColumns() {
  return {{"score", arrow::int8(), &State::score},
          {"t2", arrow::int16(), &State::t2},
          {"t3", arrow::int16(), &State::t3},
          {"last_score", arrow::int8(), &State::last_score},
          {"last_count", arrow::int16(), &State::last_count},
          {"scored_at", Moment(), &State::scored_at},
          {"answered_at", Moment(), &State::answered_at}};
}

/// Loaded columns of one table, brought to the types that are wanted.
class CapacitySide {
 public:
  /// `what` begins messages.
  static Result<CapacitySide> Make(const columnar::Table& table, std::string what) {
    RETURN_IF_ERROR(columnar::Initialize());
    return CapacitySide(table, std::move(what));
  }
  int64_t rows() const { return table_->num_rows(); }
  bool Has(const std::string& name) const { return table_->schema()->GetFieldIndex(name) >= 0; }
  std::shared_ptr<arrow::DataType> Type(const std::string& name) const {
    return table_->schema()->GetFieldByName(name)->type();
  }

  /// A column as `type`. A missing one is all null if `optional`.
  Result<std::shared_ptr<arrow::Array>> Column(const std::string& name,
                                               const std::shared_ptr<arrow::DataType>& type,
                                               bool optional) const {
    if (!Has(name)) {
      if (!optional) return Invalid("capacity_state: {} has no column '{}'", what_, name);
      ASSIGN_ARROW_OR_RETURN(auto nulls, arrow::MakeArrayOfNull(type, rows()));
      return nulls;
    }
    ASSIGN_OR_RETURN(const auto loaded, table_->Load({name}), "capacity_state: {}", what_);
    ASSIGN_OR_RETURN(auto whole, WholeColumn(*loaded, name));
    if (whole->type()->Equals(*type)) return whole;
    if (arrow::is_integer(type->id()) && !arrow::is_integer(whole->type_id()) &&
        whole->type_id() != arrow::Type::NA) {
      return Invalid("capacity_state: column '{}' of {} must hold whole numbers, not {}", name,
                     what_, columnar::TypeName(*whole->type()));
    }
    arrow::compute::CastOptions options = arrow::compute::CastOptions::Safe(type);
    options.allow_time_truncate = true;  // times are kept to milliseconds
    ASSIGN_ARROW_OR_RETURN(const arrow::Datum cast, arrow::compute::Cast(whole, options),
                           "capacity_state: column '{}' of {}", name, what_);
    return cast.make_array();
  }

  Result<FlatColumn> Flat(const std::string& name, const std::shared_ptr<arrow::DataType>& type,
                          bool optional) const {
    ASSIGN_OR_RETURN(auto array, Column(name, type, optional));
    return Flatten(std::move(array), name);
  }

 private:
  CapacitySide(const columnar::Table& table, std::string what)
      : table_(&table), what_(std::move(what)) {}
  const columnar::Table* table_;
  std::string what_;
};

/// The values that are compared: a key's own, texts in lower case if `fold_case`.
Result<FlatColumn> ComparedKey(std::shared_ptr<arrow::Array> array, const std::string& name,
                               bool fold_case) {
  if (fold_case && arrow::is_string(array->type_id())) {
    ASSIGN_ARROW_OR_RETURN(const arrow::Datum lower,
                           arrow::compute::CallFunction("ascii_lower", {array}),
                           "capacity_state: column '{}'", name);
    array = lower.make_array();
  }
  return Flatten(std::move(array), name);
}

Number NumberAt(const FlatColumn& column, int64_t row) {
  return column.IsNull(row) ? std::nullopt : Number(column.ints[row]);
}

/// The answers' columns and the best answer of each key.
struct Answers {
  FlatColumn score, count, asked_at, call, wanted;
  KeyedRows keyed;

  static Result<Answers> Make(const CapacitySide& side, const CapacityOptions& options,
                              std::vector<FlatColumn> keys) {
    Answers answers;
    const auto number = arrow::int64();
    ASSIGN_OR_RETURN(answers.score, side.Flat(options.score_column, number, false));
    ASSIGN_OR_RETURN(answers.count, side.Flat(options.count_column, number, false));
    ASSIGN_OR_RETURN(answers.asked_at, side.Flat("asked_at", Moment(), false));
    ASSIGN_OR_RETURN(answers.call, side.Flat("call", number, true));
    if (side.Has("wanted")) {
      ASSIGN_OR_RETURN(answers.wanted, side.Flat("wanted", arrow::boolean(), false));
    }
    ASSIGN_OR_RETURN(answers.keyed, OrderByKey(std::move(keys), side.rows(), options.key),
                     "capacity_state: the answers");
    for (int64_t row = 0; row < side.rows(); ++row) {
      const Number score = NumberAt(answers.score, row), count = NumberAt(answers.count, row);
      if (count && *count >= 1 && *count <= INT16_MAX && score.value_or(1) >= 1 &&
          score.value_or(1) <= INT8_MAX && !answers.asked_at.IsNull(row)) {
        continue;
      }
      return Invalid(
          "capacity_state: the answer of {} is no answer: score {}, count {}, asked {}; a score is "
          "1 to 127, a count 1 to 32767",
          RenderRow(answers.keyed.keys, options.key, row),
          score ? fmt::format("{}", *score) : "null", count ? fmt::format("{}", *count) : "null",
          answers.asked_at.IsNull(row) ? "never" : "in time");
    }
    return answers;
  }

  bool Wanted(int64_t row) const {
    return wanted.array == nullptr || NumberAt(wanted, row).value_or(0) != 0;
  }

  /// Which of two answers to one key counts.
  bool Before(int64_t a, int64_t b) const {
    const auto rank = [this](int64_t row) {
      return std::tuple(NumberAt(call, row).value_or(0), asked_at.ints[row],
                        NumberAt(score, row).value_or(INT64_MAX), count.ints[row]);
    };
    return rank(a) < rank(b);
  }

  /// The wanted answer of the key at `place`, -1 if none; `place` moves behind the key.
  int64_t TakeKey(int64_t* place) const {
    const int64_t first = keyed.At(*place);
    int64_t best = -1;
    for (; *place < keyed.rows; ++*place) {
      const int64_t row = keyed.At(*place);
      if (row != first && CompareKeys(keyed.keys, first, keyed.keys, row) != 0) break;
      if (Wanted(row) && (best < 0 || Before(row, best))) best = row;
    }
    return best;
  }
};

/// Largest of `counts` below `count`; 0 for the first and for one that is not listed.
int64_t NextSmaller(const std::vector<int64_t>& counts, int64_t count) {
  const auto at = std::lower_bound(counts.begin(), counts.end(), count);
  return at == counts.end() || *at != count || at == counts.begin() ? 0 : *(at - 1);
}

/// A usable answer `score` at `count`.
void Advance(State* state, int64_t score, int64_t count, const CapacityOptions& options) {
  const int64_t smaller = NextSmaller(options.counts, count);
  const int64_t base = count == 1 ? score : std::max(score, state->score.value_or(score));
  const int64_t t2_before = state->t2.value_or(0), t3_before = state->t3.value_or(0);
  const int64_t reached = options.t2 == T2Rule::kAtLeast || score == 2 ? count : 0;
  int64_t t3 = 0, t2 = 0;
  if (base >= 3) t3 = score >= 3 ? std::max(count, t3_before) : std::min(smaller, t3_before);
  if (base >= 2) t2 = score >= 2 ? std::max(reached, t2_before) : std::min(smaller, t2_before);
  // Holds by itself unless the state before was broken.
  if (options.t2 == T2Rule::kAtLeast) t3 = std::min(t3, t2);
  state->score = base;
  state->t2 = t2;
  state->t3 = t3;
  state->last_score = score;
  state->last_count = count;
}

/// A row of the result. Row numbers of answers stand behind those of the table before.
struct Row {
  State state;
  int64_t key = 0;    ///< row whose key it has
  int64_t text = -1;  ///< row whose answer text it has; -1: null
  bool answered = false;
  bool zoned = false;
};

/// Walks both tables pair by pair.
class Merge {
 public:
  Merge(const KeyedRows& before, const Answers& answers, std::vector<FlatColumn> state_columns,
        FlatColumn text, const CapacityOptions& options, Time slot)
      : before_(before),
        answers_(answers),
        state_columns_(std::move(state_columns)),
        text_(std::move(text)),
        options_(options),
        columns_(StateColumns()),
        slot_(std::chrono::floor<std::chrono::milliseconds>(slot).time_since_epoch().count()) {}

  std::vector<Row> Rows() && {
    rows_.reserve(static_cast<size_t>(before_.rows + 16));
    int64_t i = 0, j = 0;
    while (i < before_.rows || j < answers_.keyed.rows) {
      const int order = Order(i, j);
      const int64_t old_row = order <= 0 ? before_.At(i++) : -1;
      const int64_t answer = order >= 0 ? answers_.TakeKey(&j) : -1;
      if (old_row >= 0 || answer >= 0) Add(old_row, answer);
    }
    EndPair();
    return std::move(rows_);
  }

 private:
  int Order(int64_t i, int64_t j) const {
    if (i == before_.rows) return 1;
    if (j == answers_.keyed.rows) return -1;
    return CompareKeys(before_.keys, before_.At(i), answers_.keyed.keys, answers_.keyed.At(j));
  }

  const std::vector<FlatColumn>& KeysOf(int64_t* row) const {
    if (*row < before_.rows) return before_.keys;
    *row -= before_.rows;
    return answers_.keyed.keys;
  }

  void Add(int64_t old_row, int64_t answer) {
    Row row;
    row.key = old_row >= 0 ? old_row : before_.rows + answer;
    if (old_row >= 0) {
      for (size_t column = 0; column < columns_.size(); ++column) {
        row.state.*columns_[column].member = NumberAt(state_columns_[column], old_row);
      }
      if (!text_.IsNull(old_row)) row.text = old_row;
    }
    if (answer >= 0) {
      row.answered = true;
      row.text = before_.rows + answer;
      row.state.answered_at = answers_.asked_at.ints[answer];
      if (const Number score = NumberAt(answers_.score, answer); score) {
        Advance(&row.state, *score, answers_.count.ints[answer], options_);
        row.state.scored_at = row.state.answered_at;
      }
    }
    if (!SamePair(row)) EndPair();
    int64_t at = row.key;
    const auto& keys = KeysOf(&at);
    row.zoned = options_.zone_column.empty() || !keys.back().IsNull(at);
    rows_.push_back(row);
  }

  bool SamePair(const Row& row) const {
    if (options_.zone_column.empty() || rows_.size() == pair_begin_) return false;
    int64_t i = rows_.back().key, j = row.key;
    const auto& a = KeysOf(&i);
    const auto& b = KeysOf(&j);
    for (size_t column = 0; column + 1 < a.size(); ++column) {
      if (CompareValues(a[column], i, b[column], j) != 0) return false;
    }
    return true;
  }

  /// Rules (b) and (c) for the rows since the pair began.
  void EndPair() {
    const auto begin = rows_.begin() + static_cast<ptrdiff_t>(pair_begin_);
    if (!options_.zone_column.empty()) {
      const bool zoned = std::any_of(begin, rows_.end(), [](const Row& row) { return row.zoned; });
      const bool answered =
          std::any_of(begin, rows_.end(), [](const Row& row) { return row.answered; });
      rows_.erase(std::remove_if(begin, rows_.end(),
                                 [&](const Row& row) {
                                   if (!row.zoned) return zoned || !HasState(row);
                                   return answered && !row.answered && Forgotten(row.state);
                                 }),
                  rows_.end());
    }
    pair_begin_ = rows_.size();
  }

  bool HasState(const Row& row) const {
    return row.text >= 0 ||
           std::any_of(columns_.begin(), columns_.end(), [&](const StateColumn& column) {
             return (row.state.*column.member).has_value();
           });
  }

  bool Forgotten(const State& state) const {
    return state.answered_at && slot_ - *state.answered_at > options_.zone_ttl.count();
  }

  const KeyedRows& before_;
  const Answers& answers_;
  const std::vector<FlatColumn> state_columns_;
  const FlatColumn text_;
  const CapacityOptions& options_;
  const std::vector<StateColumn> columns_;
  const int64_t slot_;  // milliseconds
  std::vector<Row> rows_;
  size_t pair_begin_ = 0;
};

/// Values of the two arrays, one behind the other, by row number; -1: null.
template <typename RowNumber>
Result<std::shared_ptr<arrow::Array>> Pick(const arrow::ArrayVector& arrays,
                                           const std::vector<Row>& rows, RowNumber number) {
  arrow::Int64Builder builder;
  ARROW_OR_RETURN(builder.Reserve(static_cast<int64_t>(rows.size())));
  for (const Row& row : rows) {
    if (row.*number >= 0) {
      builder.UnsafeAppend(row.*number);
    } else {
      builder.UnsafeAppendNull();
    }
  }
  ASSIGN_ARROW_OR_RETURN(const auto numbers, builder.Finish());
  ASSIGN_ARROW_OR_RETURN(const auto all, arrow::Concatenate(arrays));
  ASSIGN_ARROW_OR_RETURN(auto taken, arrow::compute::Take(*all, *numbers));
  return taken;
}

template <typename Builder>
Result<std::shared_ptr<arrow::Array>> Numbers(const std::vector<Row>& rows,
                                              const StateColumn& column) {
  Builder builder(column.type, arrow::default_memory_pool());
  ARROW_OR_RETURN(builder.Reserve(static_cast<int64_t>(rows.size())));
  for (const Row& row : rows) {
    if (const Number value = row.state.*column.member; value) {
      builder.UnsafeAppend(static_cast<typename Builder::value_type>(*value));
    } else {
      builder.UnsafeAppendNull();
    }
  }
  ASSIGN_ARROW_OR_RETURN(auto array, builder.Finish());
  return array;
}

Result<std::shared_ptr<arrow::Array>> StateArray(const std::vector<Row>& rows,
                                                 const StateColumn& column) {
  switch (column.type->id()) {
    case arrow::Type::INT8:
      return Numbers<arrow::Int8Builder>(rows, column);
    case arrow::Type::INT16:
      return Numbers<arrow::Int16Builder>(rows, column);
    default:
      return Numbers<arrow::TimestampBuilder>(rows, column);
  }
}

Status CheckOptions(const CapacityOptions& options) {
  if (options.key.empty()) return Invalid("capacity_state: no key column is named");
  if (!options.zone_column.empty() && options.key.back() != options.zone_column) {
    return Invalid("capacity_state: '{}' must be the last key column, not '{}'",
                   options.zone_column, options.key.back());
  }
  if (options.counts.empty() || options.counts.front() != 1 ||
      !std::is_sorted(options.counts.begin(), options.counts.end(), std::less_equal<>()) ||
      options.counts.back() > INT16_MAX) {
    return Invalid("capacity_state: counts must rise from 1 to at most {}", INT16_MAX);
  }
  return {};
}

}  // namespace

Result<columnar::Table> CapacityState(const columnar::Table& answers, const columnar::Table* before,
                                      const CapacityOptions& options, Time slot) {
  RETURN_IF_ERROR(CheckOptions(options));
  const columnar::Table none;
  const bool no_answers = answers.schema()->num_fields() == 0;
  ASSIGN_OR_RETURN(const CapacitySide old_side,
                   CapacitySide::Make(before == nullptr ? none : *before, "head"));
  ASSIGN_OR_RETURN(const CapacitySide new_side, CapacitySide::Make(answers, "the answers"));

  // Key columns of both, in one type.
  std::vector<arrow::ArrayVector> key_arrays;
  std::vector<FlatColumn> old_keys, new_keys;
  for (const std::string& name : options.key) {
    const bool no_head = before == nullptr;
    std::shared_ptr<arrow::DataType> type = arrow::utf8();
    for (const CapacitySide* side : {&old_side, &new_side}) {
      if (side->Has(name)) type = side->Type(name);
    }
    ASSIGN_OR_RETURN(auto old_array, old_side.Column(name, type, no_head));
    ASSIGN_OR_RETURN(auto new_array, new_side.Column(name, type, no_answers));
    key_arrays.push_back({old_array, new_array});
    ASSIGN_OR_RETURN(FlatColumn old_key,
                     ComparedKey(std::move(old_array), name, options.fold_case));
    ASSIGN_OR_RETURN(FlatColumn new_key,
                     ComparedKey(std::move(new_array), name, options.fold_case));
    old_keys.push_back(std::move(old_key));
    new_keys.push_back(std::move(new_key));
  }
  ASSIGN_OR_RETURN(const KeyedRows keyed,
                   OrderByKey(std::move(old_keys), old_side.rows(), options.key),
                   "capacity_state: head");
  if (keyed.duplicate >= 0) {
    return Invalid("capacity_state: head has the key {} more than once",
                   RenderRow(keyed.keys, options.key, keyed.duplicate));
  }
  Answers given;
  if (!no_answers) {
    ASSIGN_OR_RETURN(given, Answers::Make(new_side, options, std::move(new_keys)));
  }

  const std::vector<StateColumn> columns = StateColumns();
  std::vector<FlatColumn> state_columns;
  for (const StateColumn& column : columns) {
    ASSIGN_OR_RETURN(FlatColumn flat, old_side.Flat(column.name, column.type, true));
    state_columns.push_back(std::move(flat));
  }
  ASSIGN_OR_RETURN(const auto old_text, old_side.Column("answer_text", arrow::utf8(), true));
  ASSIGN_OR_RETURN(const auto new_text, new_side.Column("score_text", arrow::utf8(), true));
  ASSIGN_OR_RETURN(FlatColumn text, Flatten(old_text, "answer_text"));
  const std::vector<Row> rows =
      Merge(keyed, given, std::move(state_columns), std::move(text), options, slot).Rows();

  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  const auto add = [&](const std::string& name, std::shared_ptr<arrow::Array> array) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(std::move(array));
  };
  for (size_t column = 0; column < options.key.size(); ++column) {
    ASSIGN_OR_RETURN(auto picked, Pick(key_arrays[column], rows, &Row::key));
    add(options.key[column], std::move(picked));
  }
  for (const StateColumn& column : columns) {
    if (column.member == &State::answered_at) {
      ASSIGN_OR_RETURN(auto picked, Pick({old_text, new_text}, rows, &Row::text));
      add("answer_text", std::move(picked));
    }
    ASSIGN_OR_RETURN(auto array, StateArray(rows, column));
    add(column.name, std::move(array));
  }
  return columnar::Table::FromArrow(arrow::Table::Make(arrow::schema(std::move(fields)), arrays,
                                                       static_cast<int64_t>(rows.size())));
}

}  // namespace catchment::transforms
