#pragma once

#include <duckdb.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "columnar/sql.h"

namespace catchment::columnar {

/// Owns a handle of DuckDB's C API.
template <typename Handle, void (*Destroy)(Handle*)>
class Owned {
 public:
  Owned() = default;
  ~Owned() {
    if (handle_ != nullptr) Destroy(&handle_);
  }
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Handle get() const { return handle_; }
  /// For calls that fill it in.
  Handle* out() { return &handle_; }

 private:
  Handle handle_ = nullptr;
};

using OwnedDatabase = Owned<duckdb_database, duckdb_close>;
using OwnedConnection = Owned<duckdb_connection, duckdb_disconnect>;
using OwnedConfig = Owned<duckdb_config, duckdb_destroy_config>;
using OwnedStatements = Owned<duckdb_extracted_statements, duckdb_destroy_extracted>;
using OwnedPrepared = Owned<duckdb_prepared_statement, duckdb_destroy_prepare>;
using OwnedPending = Owned<duckdb_pending_result, duckdb_destroy_pending>;
using OwnedChunk = Owned<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using OwnedType = Owned<duckdb_logical_type, duckdb_destroy_logical_type>;
using OwnedError = Owned<duckdb_error_data, duckdb_destroy_error_data>;
using OwnedConverted = Owned<duckdb_arrow_converted_schema, duckdb_destroy_arrow_converted_schema>;
using OwnedArrowOptions = Owned<duckdb_arrow_options, duckdb_destroy_arrow_options>;

/// A result, which DuckDB hands out by value.
struct OwnedResult {
  OwnedResult() = default;
  ~OwnedResult() { duckdb_destroy_result(&result); }
  OwnedResult(const OwnedResult&) = delete;
  OwnedResult& operator=(const OwnedResult&) = delete;
  duckdb_result result{};
};

/// An in-memory database that reaches nothing outside, and a connection to it. Its errors are JSON
/// documents.
struct Database {
  static Result<Database> Open(const SqlOptions& options);
  /// Run a statement of ours that returns nothing.
  Status Run(const std::string& statement) const;

  OwnedDatabase database;
  OwnedConnection converter;   // runs no query
  OwnedConnection connection;  // goes first
};

/// `snapshot.sql:12:7` for a place (in bytes) of the text; the file's name alone without one.
std::string PlaceOf(const SqlText& sql, std::optional<size_t> offset);

/// What fails while a text that was understood runs (a value that cannot be converted, a number out
/// of range) is the fault of its rows: kCorrupt, not kInvalid.
enum class SqlPhase { kPreparing, kRunning };

/// Turn an error document of DuckDB into ours. `tables` and `columns` are names that could have
/// been meant. The only place where this is decided.
Error FromDuckDb(const SqlText& sql, std::string_view text, const std::vector<std::string>& tables,
                 SqlPhase phase = SqlPhase::kPreparing,
                 const std::vector<std::string>& columns = {});

/// What InspectSql finds, by a given connection.
Result<SqlUse> InspectWith(const Database& database, const SqlText& sql,
                           const SqlQueryOptions& options);

}  // namespace catchment::columnar
