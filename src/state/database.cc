#include "state/database.h"

#include <sqlite3.h>

#include <thread>

#include "base/file.h"
#include "state/schema_internal.h"

namespace catchment::state {
namespace {

/// SQLite's failures as ours, at one place.
Error SqliteError(sqlite3* handle, int code, std::string_view what) {
  const char* const message = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Locked("state database: {}: still busy; try again", what);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Corrupt(
          "state database: {}: {}; restore it from a backup, or move it away: the lake knows what "
          "is "
          "published",
          what, message);
    case SQLITE_FULL:
      return Unavailable("state database: {}: the disk is full; free some space and run again",
                         what);
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return Denied("state database: {}: {}; check its permissions", what, message);
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
      return Unavailable(
          "state database: {}: {}; check that its folder can be written and has room", what,
          message);
    case SQLITE_CONSTRAINT:
      return Exists("state database: {}: {}", what, message);
    default:
      return Internal("state database: {}: {}", what, message);
  }
}

}  // namespace

Rows::~Rows() {
  if (statement_ != nullptr) sqlite3_reset(statement_);
}

Result<bool> Rows::Next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return SqliteError(sqlite3_db_handle(statement_), code, "read");
}

int64_t Rows::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Rows::Text(int column) const {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return "";
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Rows::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::optional<int64_t> Rows::MaybeInt(int column) const {
  return IsNull(column) ? std::nullopt : std::optional<int64_t>(Int(column));
}

Result<sqlite3_stmt*> Connection::Prepare(std::string_view sql, std::span<const Value> values) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return SqliteError(handle_, code, "prepare");
    found = statements_.emplace(std::string(sql), statement).first;
  }
  sqlite3_stmt* const statement = found->second;
  sqlite3_reset(statement);
  int position = 0;
  for (const Value& value : values) {
    ++position;
    if (value.kind == Value::Kind::kNull) {
      sqlite3_bind_null(statement, position);
    } else if (value.kind == Value::Kind::kInteger) {
      sqlite3_bind_int64(statement, position, value.number);
    } else {
      // Copied: the rows of a query are read after the values are gone.
      sqlite3_bind_text(statement, position, value.text.data(), static_cast<int>(value.text.size()),
                        SQLITE_TRANSIENT);
    }
  }
  return statement;
}

Status Connection::RunBound(std::string_view sql, std::span<const Value> values) {
  ASSIGN_OR_RETURN(Rows rows, QueryBound(sql, values));
  return rows.Next().status();
}

Result<Rows> Connection::QueryBound(std::string_view sql, std::span<const Value> values) {
  ASSIGN_OR_RETURN(sqlite3_stmt* const statement, Prepare(sql, values));
  return Rows(statement);
}

int64_t Connection::changes() const { return sqlite3_changes64(handle_); }

void Connection::Close() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  statements_.clear();
  sqlite3_close_v2(handle_);
  handle_ = nullptr;
}

Database::Database(std::filesystem::path file, DatabaseOptions options)
    : file_(std::move(file)), options_(options) {}

Database::~Database() { connection_.Close(); }

Result<std::unique_ptr<Database>> Database::Open(const std::filesystem::path& file,
                                                 DatabaseOptions options) {
  if (file.has_parent_path()) RETURN_IF_ERROR(MakeFolders(file.parent_path()));
  std::unique_ptr<Database> database(new Database(file, options));
  MutexLock lock(database->mutex_);
  RETURN_IF_ERROR(database->OpenConnection(), "{}", file.string());
  return database;
}

Status Database::OpenConnection() const {
  connection_.Close();
  const int code = sqlite3_open_v2(
      file_.c_str(), &connection_.handle_,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  Status status = code == SQLITE_OK ? SetUp() : SqliteError(connection_.handle_, code, "open");
  if (!status.ok()) connection_.Close();
  return status;
}

Status Database::SetUp() const {
  sqlite3_busy_timeout(connection_.handle_, static_cast<int>(options_.busy_timeout.count()));
  Connection& connection = connection_;
  int64_t application = 0, version = 0, tables = 0;
  {
    ASSIGN_OR_RETURN(Rows rows,
                     connection.Query("SELECT a.application_id, v.user_version,"
                                      " (SELECT count(*) FROM sqlite_schema)"
                                      " FROM pragma_application_id a, pragma_user_version v"));
    RETURN_IF_ERROR(rows.Next().status());
    application = rows.Int(0);
    version = rows.Int(1);
    tables = rows.Int(2);
  }
  // A file without tables may be one that another process is making at this moment.
  if (application != kApplicationId && (tables > 0 || application != 0)) {
    return Corrupt("this is no state database of ours; move it away");
  }
  const auto newest = static_cast<int64_t>(SchemaSteps().size());
  if (version > newest) {
    return Invalid("written by a newer version (schema {}, this program knows {}); upgrade it",
                   version, newest);
  }
  RETURN_IF_ERROR(connection.Run("PRAGMA synchronous=FULL"));
  RETURN_IF_ERROR(connection.Run("PRAGMA foreign_keys=ON"));
  return version == newest ? Status() : PrepareSchema();
}

/// Make the file a WAL database with the newest schema. Several processes may be at it at once.
Status Database::PrepareSchema() const {
  Connection& connection = connection_;
  // Turning to WAL needs the file alone, and fails at once instead of waiting.
  const auto give_up = std::chrono::steady_clock::now() + options_.busy_timeout;
  while (true) {
    const Status status = connection.Run("PRAGMA journal_mode=WAL");
    if (status.ok()) break;
    if (status.error().code != Code::kLocked || std::chrono::steady_clock::now() > give_up) {
      return status;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  RETURN_IF_ERROR(connection.Run("BEGIN IMMEDIATE"));
  int64_t version = 0;
  {
    ASSIGN_OR_RETURN(Rows rows, connection.Query("SELECT user_version FROM pragma_user_version"));
    RETURN_IF_ERROR(rows.Next().status());
    version = rows.Int(0);
  }
  for (auto step = static_cast<size_t>(version); step < SchemaSteps().size(); ++step) {
    const int code = sqlite3_exec(connection.handle_, std::string(SchemaSteps()[step]).c_str(),
                                  nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return SqliteError(connection.handle_, code, "migrate");
  }
  RETURN_IF_ERROR(connection.Run(fmt::format("PRAGMA application_id={}", kApplicationId)));
  RETURN_IF_ERROR(connection.Run(fmt::format("PRAGMA user_version={}", SchemaSteps().size())));
  return connection.Run("COMMIT");
}

/// Undo what is open, and give the connection up if its state is not known.
Status Database::Fail(Status status) const {
  const Code code = status.error().code;
  const bool open = sqlite3_get_autocommit(connection_.handle_) == 0;
  const bool undone = !open || connection_.Run("ROLLBACK").ok();
  const bool doubtful =
      code == Code::kUnavailable || code == Code::kCorrupt || code == Code::kDenied;
  if (!undone || doubtful) connection_.Close();
  return status;
}

Status Database::Transact(std::string_view begin,
                          const std::function<Status(Connection&)>& work) const {
  MutexLock lock(mutex_);
  if (connection_.handle_ == nullptr) {
    RETURN_IF_ERROR(OpenConnection(), "reopen {}", file_.string());
  }
  if (Status status = connection_.Run(begin); !status.ok()) return Fail(std::move(status));
  if (Status status = work(connection_); !status.ok()) {
    // An error that is the caller's own says nothing of the connection.
    const bool ours = sqlite3_errcode(connection_.handle_) == SQLITE_OK ||
                      sqlite3_errcode(connection_.handle_) == SQLITE_DONE ||
                      sqlite3_errcode(connection_.handle_) == SQLITE_ROW;
    if (!ours) return Fail(std::move(status));
    if (!connection_.Run("ROLLBACK").ok()) connection_.Close();
    return status;
  }
  if (Status status = connection_.Run("COMMIT"); !status.ok()) return Fail(std::move(status));
  return {};
}

Status Database::Write(const std::function<Status(Connection&)>& work) {
  return Transact("BEGIN IMMEDIATE", work);
}

Status Database::Read(const std::function<Status(Connection&)>& work) const {
  return Transact("BEGIN", work);
}

Status Database::Check() const {
  return Read([&](Connection& connection) -> Status {
    ASSIGN_OR_RETURN(Rows rows, connection.Query("PRAGMA integrity_check(1)"));
    ASSIGN_OR_RETURN(const bool any, rows.Next());
    const std::string answer = any ? rows.Text(0) : "no answer";
    if (answer == "ok") return {};
    return Corrupt("{}: {}; restore it from a backup", file_.string(), answer);
  });
}

}  // namespace catchment::state
