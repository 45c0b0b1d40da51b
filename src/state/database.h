#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/mutex.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace catchment::state {

/// The rows of one query, read one after the other. Belongs to its transaction and must not outlive
/// it; one at a time for each text of SQL.
class Rows {
 public:
  explicit Rows(sqlite3_stmt* statement) : statement_(statement) {}
  Rows(Rows&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  Rows& operator=(Rows&&) = delete;
  ~Rows();

  /// Go to the next row; false after the last.
  Result<bool> Next();
  int64_t Int(int column) const;
  std::string Text(int column) const;
  bool IsNull(int column) const;
  std::optional<int64_t> MaybeInt(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// A value bound to a `?` of a statement.
struct Value {
  Value(std::nullptr_t) {}                                           // NOLINT
  Value(std::string_view text) : kind(Kind::kText), text(text) {}    // NOLINT
  Value(const std::string& text) : Value(std::string_view(text)) {}  // NOLINT
  Value(const char* text) : Value(std::string_view(text)) {}         // NOLINT
  Value(int64_t number) : kind(Kind::kInteger), number(number) {}    // NOLINT
  Value(int number) : Value(int64_t{number}) {}                      // NOLINT
  Value(bool flag) : Value(int64_t{flag}) {}                         // NOLINT
  Value(size_t number) : Value(static_cast<int64_t>(number)) {}      // NOLINT
  template <typename T>
  Value(const std::optional<T>& maybe) : Value(nullptr) {  // NOLINT
    if (maybe) *this = Value(*maybe);
  }

  enum class Kind { kNull, kText, kInteger } kind = Kind::kNull;
  std::string_view text;  ///< lives as long as the statement runs
  int64_t number = 0;
};

/// Statements within one transaction. Handed to the functions that Read and Write call.
class Connection {
 public:
  /// Carry out a statement without rows.
  template <typename... Arguments>
  Status Run(std::string_view sql, const Arguments&... arguments) {
    const Value values[] = {Value(arguments)..., Value(nullptr)};
    return RunBound(sql, {values, sizeof...(arguments)});
  }
  /// Begin a query.
  template <typename... Arguments>
  Result<Rows> Query(std::string_view sql, const Arguments&... arguments) {
    const Value values[] = {Value(arguments)..., Value(nullptr)};
    return QueryBound(sql, {values, sizeof...(arguments)});
  }
  Status RunBound(std::string_view sql, std::span<const Value> values);
  Result<Rows> QueryBound(std::string_view sql, std::span<const Value> values);
  /// Rows changed by the last Run.
  int64_t changes() const;

 private:
  friend class Database;
  Result<sqlite3_stmt*> Prepare(std::string_view sql, std::span<const Value> values);
  void Close();

  sqlite3* handle_ = nullptr;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;  // prepared once each
};

struct DatabaseOptions {
  /// How long a transaction waits for those of other processes.
  std::chrono::milliseconds busy_timeout{30'000};
};

/// The state database of one machine: an SQLite file that any number of processes may use at once,
/// each in short transactions (WAL, synchronous=FULL: what Write returned lasts). Thread-safe: the
/// threads of a process take turns.
///
/// A write that failed at its commit for another reason than waiting has an unknown outcome: the
/// connection is closed, and the next call opens the file anew and checks it before any work.
///
/// Bytes: docs/formats/state_db.md.
class Database {
 public:
  /// Open the file, creating it and its folder if absent. kCorrupt: no database of ours, or
  /// damaged; it is left untouched. kInvalid: written by a newer version. kLocked: still busy after
  /// the timeout.
  static Result<std::unique_ptr<Database>> Open(const std::filesystem::path& file,
                                                DatabaseOptions options = {});
  ~Database();

  /// Call `work` in a transaction that may write, and commit if it succeeds; else nothing of it
  /// stays. Waits for other processes' writes. Durable on return. `work` must not call back.
  Status Write(const std::function<Status(Connection&)>& work);
  /// Call `work` in a transaction that sees one state and writes nothing.
  Status Read(const std::function<Status(Connection&)>& work) const;

  /// Read every page and compare them with the indexes. kCorrupt: says what is wrong. Takes as long
  /// as the file is large.
  Status Check() const;
  const std::filesystem::path& file() const { return file_; }

 private:
  Database(std::filesystem::path file, DatabaseOptions options);
  Status OpenConnection() const REQUIRES(mutex_);
  Status PrepareSchema() const REQUIRES(mutex_);
  Status SetUp() const REQUIRES(mutex_);
  Status Transact(std::string_view begin, const std::function<Status(Connection&)>& work) const;
  Status Fail(Status status) const REQUIRES(mutex_);

  // Constant after construction.
  const std::filesystem::path file_;
  const DatabaseOptions options_;
  // Guarded by mutex_.
  mutable Mutex mutex_;
  mutable Connection connection_ GUARDED_BY(mutex_);
};

}  // namespace catchment::state
