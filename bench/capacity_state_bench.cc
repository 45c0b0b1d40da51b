// The capacity state of 81,000 rows carried on by as many answers, against DuckDB doing the same in
// this process. DuckDB's time is that of the query alone; copying the rows into it is not counted.
// DuckDB is not asked to let zones go, or to carry texts and times.

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include "columnar/initialize.h"
#include "columnar/sql.h"
#include "figures.h"
#include "rows.h"
#include "transforms/capacity_state.h"

namespace {

using namespace catchment;
using namespace catchment::bench;

constexpr char kSql[] = R"(
WITH answer AS (
  SELECT * FROM answers WHERE wanted
  QUALIFY row_number() OVER (PARTITION BY tier, type, region, zone ORDER BY call) = 1),
joined AS (
  SELECT coalesce(a.tier, o.tier) AS tier, coalesce(a.type, o.type) AS type,
         coalesce(a.region, o.region) AS region, coalesce(a.zone, o.zone) AS zone,
         a.score AS s, a.desired_count AS c, o.score AS p, coalesce(o.t2, 0) AS q2,
         coalesce(o.t3, 0) AS q3, 5 AS f, o.last_score, o.last_count,
         CASE WHEN a.desired_count = 1 THEN a.score ELSE greatest(a.score, o.score) END AS base
  FROM answer a FULL JOIN before o
    ON a.tier = o.tier AND a.type = o.type AND a.region = o.region AND a.zone = o.zone)
SELECT tier, type, region, zone, coalesce(base, p) AS score,
       CASE WHEN s IS NULL THEN q2 WHEN base < 2 THEN 0 WHEN s >= 2 THEN greatest(c, q2)
            ELSE least(f, q2) END AS t2,
       CASE WHEN s IS NULL THEN q3 WHEN base < 3 THEN 0 WHEN s >= 3 THEN greatest(c, q3)
            ELSE least(f, q3) END AS t3,
       coalesce(s, last_score) AS last_score, coalesce(c, last_count) AS last_count
FROM joined ORDER BY 1, 2, 3, 4)";

/// 900 types in 30 regions with three zones, in the order of the key.
void AppendKeys(int64_t rows, std::vector<std::string>* names, arrow::FieldVector* fields,
                arrow::ArrayVector* arrays) {
  *names = {"tier", "type", "region", "zone"};
  std::vector<arrow::StringBuilder> builders(4);
  for (int64_t row = 0; row < rows; ++row) {
    const std::string values[] = {"Standard", fmt::format("D{:03}s_v5", row / 90),
                                  fmt::format("region{:02}", row / 3 % 30),
                                  std::to_string(row % 3 + 1)};
    for (size_t column = 0; column < 4; ++column) {
      if (!builders[column].Append(values[column]).ok()) std::abort();
    }
  }
  for (size_t column = 0; column < 4; ++column) {
    fields->push_back(arrow::field((*names)[column], arrow::utf8()));
    arrays->push_back(*builders[column].Finish());
  }
}

/// A column of `value(row)`; negative: null.
template <typename Builder, typename Value>
void AppendNumbers(const std::string& name, Builder builder, int64_t rows, const Value& value,
                   arrow::FieldVector* fields, arrow::ArrayVector* arrays) {
  for (int64_t row = 0; row < rows; ++row) {
    const auto number = value(row);
    const auto status = number < 0
                            ? builder.AppendNull()
                            : builder.Append(static_cast<typename Builder::value_type>(number));
    if (!status.ok()) std::abort();
  }
  arrays->push_back(*builder.Finish());
  fields->push_back(arrow::field(name, arrays->back()->type()));
}

/// Answers at count 10, or the state before them.
columnar::Table Rows(int64_t rows, bool answers) {
  std::vector<std::string> names;
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  AppendKeys(rows, &names, &fields, &arrays);
  const auto add = [&](const std::string& name, auto builder, const auto& value) {
    AppendNumbers(name, std::move(builder), rows, value, &fields, &arrays);
  };
  const auto moment = [] {
    return arrow::TimestampBuilder(arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"),
                                   arrow::default_memory_pool());
  };
  const auto text = [&](const std::string& name) {
    arrow::StringBuilder builder;
    for (int64_t row = 0; row < rows; ++row) {
      if (!builder.Append(row % 3 == 0 ? "High" : "Medium").ok()) std::abort();
    }
    fields.push_back(arrow::field(name, arrow::utf8()));
    arrays.push_back(*builder.Finish());
  };
  if (answers) {
    add("desired_count", arrow::Int16Builder(), [](int64_t) { return 10; });
    add("score", arrow::Int8Builder(),
        [](int64_t row) { return row % 11 == 0 ? -1 : row * 7 % 3 + 1; });
    text("score_text");
    add("wanted", arrow::Int8Builder(), [](int64_t) { return 1; });
    add("call", arrow::Int32Builder(), [](int64_t row) { return row / 100; });
    add("asked_at", moment(), [](int64_t row) { return 1769559000000 + row; });
    const int column = 7;  // of flags
    arrays[column] = *arrow::compute::Cast(*arrays[column], arrow::boolean());
    fields[column] = arrow::field("wanted", arrow::boolean());
  } else {
    add("score", arrow::Int8Builder(), [](int64_t row) { return row % 3 + 1; });
    add("t2", arrow::Int16Builder(),
        [](int64_t row) { return row % 3 == 0 ? 0 : 5 + row % 2 * 10; });
    add("t3", arrow::Int16Builder(), [](int64_t row) { return row % 3 == 2 ? 5 : 0; });
    add("last_score", arrow::Int8Builder(), [](int64_t row) { return row % 3 + 1; });
    add("last_count", arrow::Int16Builder(), [](int64_t) { return 5; });
    add("scored_at", moment(), [](int64_t row) { return 1769558400000 + row; });
    text("answer_text");
    add("answered_at", moment(), [](int64_t row) { return 1769558400000 + row; });
  }
  return columnar::Table::FromArrow(arrow::Table::Make(arrow::schema(std::move(fields)), arrays));
}

/// Sums of t2 and t3, by which the two are compared.
std::pair<int64_t, int64_t> Sums(const columnar::Table& table) {
  const auto rows = Must(table.Load({"t2", "t3"}));
  const auto sum = [&](const char* name) {
    int64_t total = 0;
    for (const auto& chunk : rows->GetColumnByName(name)->chunks()) {
      for (int64_t row = 0; row < chunk->length(); ++row) {
        total += std::atoll((*chunk->GetScalar(row))->ToString().c_str());
      }
    }
    return total;
  };
  return {sum("t2"), sum("t3")};
}

}  // namespace

int main() {
  if (!columnar::Initialize().ok()) return 1;
  constexpr int64_t kRows = 81'000;
  const Time slot = *ParseTime("2026-01-28T00:10:00Z");
  const columnar::Table answers = Rows(kRows, true);
  transforms::CapacityOptions options{.key = {"tier", "type", "region", "zone"},
                                      .counts = {1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50}};
  const columnar::Table before = Rows(kRows, false);
  const auto engine = Must(columnar::SqlEngine::Open());
  if (!engine->AddTable("", "before", before).ok() ||
      !engine->AddTable("", "answers", answers).ok())
    return 1;
  std::vector<double> ours, theirs;
  const int rounds = Rounds(9);
  for (int round = 0; round <= rounds; ++round) {  // the first warms up, and fills DuckDB
    columnar::Table state, expected;
    const double mine = Milliseconds(
        [&] { state = Must(transforms::CapacityState(answers, &before, options, slot)); });
    const double query = Milliseconds([&] {
      expected = Must(engine->Query({kSql, "capacity.sql"}));
    });
    if (round == 0) {
      if (state.num_rows() != expected.num_rows() || Sums(state) != Sums(expected)) {
        std::fprintf(stderr, "%lld rows, DuckDB has %lld, or other figures\n",
                     static_cast<long long>(state.num_rows()),
                     static_cast<long long>(expected.num_rows()));
        return 1;
      }
      continue;
    }
    ours.push_back(mine);
    theirs.push_back(query);
  }
  const double mine = Median(ours), duckdb = Median(theirs);
  std::printf(
      "capacity state of 81,000 rows, all answered; median of %d rounds\n"
      "  transform %.2f ms, DuckDB %.2f ms; peak %.1f MiB\n",
      rounds, mine, duckdb, PeakMib());
  AtMost("capacity_state", mine, "ms", 60);  // a fifth of the 0.3 s that a whole derive may take
  AtLeast("capacity_vs_duckdb", duckdb / mine, "times", 1);
}
