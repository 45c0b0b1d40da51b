#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/op_context.h"
#include "base/result.h"
#include "base/time.h"
#include "columnar/table.h"

namespace catchment::columnar {

/// SQL and the file it stands in, for messages.
struct SqlText {
  std::string text;
  std::string file;
};

/// A value bound to `$name`; monostate is null. A Time arrives as timestamp with time zone.
using SqlValue = std::variant<std::monostate, bool, int64_t, double, std::string, Time>;
using SqlParameters = std::map<std::string, SqlValue>;

struct SqlOptions {
  /// With one thread equal input gives equal rows in equal order; with more, sums of doubles and
  /// the order of groups may differ between runs on tables past 122,880 rows.
  int threads = 1;
  uint64_t memory_bytes = uint64_t{2} << 30;
  /// Files that AddParquetFiles may name; nothing else outside is ever reached.
  std::vector<std::filesystem::path> readable_files;
};

/// Parquet files as one table, which are not read as a whole: a query reads the columns and row
/// groups that it needs.
struct ParquetFiles {
  std::vector<std::filesystem::path> paths;  ///< at least one; columns are united by name
  /// Folders `name=value` above the files that become columns, as int64.
  std::vector<std::string> partition;
};

struct SqlUse;

struct SqlQueryOptions {
  /// Task SQL is a pure function: functions whose value changes (random, now, uuid, …) are
  /// kInvalid.
  bool allow_volatile = false;
  /// More rows are kInvalid; the message names the limit.
  int64_t max_rows = int64_t{1} << 40;
  /// When given, a deadline or a stop request interrupts the query.
  const OpContext* context = nullptr;
};

/// SQL over tables, by an in-memory DuckDB of its own: no files, network, extensions or settings;
/// session time zone UTC. Types are kept both ways: integers, floats, bool, text, bytes, date32,
/// timestamps with and without zone, decimals, lists, structs, nulls; a dictionary comes back as
/// its values' type, timestamps as microseconds unless the input column had another unit and the
/// output column has its name.
///
///   ASSIGN_OR_RETURN(auto engine, SqlEngine::Open());
///   RETURN_IF_ERROR(engine->AddTable("", "price", price));
///   RETURN_IF_ERROR(engine->AddTable("head", "snapshot", before));
///   ASSIGN_OR_RETURN(Table snapshot, engine->Query({text, "snapshot.sql"}, {{"slot", slot}}));
///
/// Equal tables and text give equal rows; their order is the query's ORDER BY, else insertion order
/// as DuckDB keeps it. Not thread-safe.
class SqlEngine {
 public:
  static Result<std::unique_ptr<SqlEngine>> Open(const SqlOptions& options = {});
  ~SqlEngine();

  /// Make rows known as `name`, or `schema.name`; any text may be a name. `schema` is "" or, say,
  /// "head". Queries read it where it lies, the columns that they name. kExists: the name is
  /// taken.
  Status AddTable(std::string_view schema, std::string_view name, Table table);
  /// The same for rows that are fetched when a query first names them.
  Status AddLazyTable(std::string_view schema, std::string_view name,
                      std::function<Result<Table>()> load);

  /// Make files known, all of them SqlOptions::readable_files. kInvalid: there are none. What is
  /// damaged is told by the query.
  Status AddParquetFiles(std::string_view schema, std::string_view name, const ParquetFiles& files);
  /// Make a SELECT of ours known under a name. `needs`: the tables that it reads, as `name` or
  /// `schema.name`; they are fetched with it.
  Status AddView(std::string_view schema, std::string_view name, std::string select,
                 std::vector<std::string> needs);

  /// Run exactly one SELECT (WITH and set operations included). kInvalid: anything else, with file,
  /// line and column:
  ///   snapshot.sql:12:7: column "sopt_price" does not exist; did you mean "spot_price"?
  /// also a parameter that the text names and `parameters` lacks, overflow and bad casts.
  /// kExhausted: memory. Parameters that the text does not name are no error.
  Result<Table> Query(const SqlText& sql, const SqlParameters& parameters = {},
                      const SqlQueryOptions& options = {});

  /// The columns that Query would give, and nothing of its rows: each error of the text that Query
  /// would tell of, also with tables that have no rows. Of the values, only their types count.
  /// Null: a column's type is not known without running it.
  Result<std::shared_ptr<arrow::Schema>> Bind(const SqlText& sql,
                                              const SqlParameters& parameters = {});

  /// InspectSql by this engine, which need not know the tables yet.
  Result<SqlUse> Inspect(const SqlText& sql, const SqlQueryOptions& options = {});

 private:
  struct State;
  explicit SqlEngine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// What can be said of a text without its tables: one SELECT, no volatile function (unless
/// allowed), no syntax error. Errors as SqlEngine::Query.
struct SqlUse {
  std::vector<std::string>
      tables;  ///< as written, e.g. `price`, `head.snapshot`; sorted, distinct; without CTEs
  /// Names of WITH that are read. One may also be a table: `WITH price AS (SELECT … FROM price)`
  /// reads it.
  std::vector<std::string> with_names;
  std::vector<std::string> parameters;  ///< sorted, without `$`
  bool ordered = false;                 ///< the SELECT itself ends in ORDER BY
};
Result<SqlUse> InspectSql(const SqlText& sql, const SqlQueryOptions& options = {});

/// `"name"` and `'text'`, with quotes inside doubled.
std::string QuoteName(std::string_view name);
std::string QuoteText(std::string_view text);

}  // namespace catchment::columnar
