#include "columnar/sql.h"

#include <arrow/array.h>
#include <arrow/c/bridge.h>
#include <arrow/compute/cast.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>

#include <algorithm>
#include <set>
#include <thread>

#include "base/text.h"
#include "columnar/arrow_status.h"
#include "columnar/initialize.h"
#include "columnar/plain_internal.h"
#include "columnar/schema.h"
#include "columnar/sql_internal.h"
#include "columnar/sql_scan_internal.h"

namespace catchment::columnar {
namespace {

const SqlText kOwnText{.text = "", .file = "DuckDB"};

/// A table that queries may name.
struct Known {
  std::string schema, name;
  std::function<Result<Table>()> load;  // empty once DuckDB knows it
  std::unique_ptr<TableScan> scan = nullptr;
  std::string view = {};                // a SELECT instead of `load`; empty once DuckDB knows it
  std::vector<std::string> needs = {};  // of the view

  bool waiting() const { return load || !view.empty(); }
};

/// The names and types of a query's columns.
struct ResultColumns {
  std::vector<std::string> names;
  std::vector<OwnedType> types;
};

ResultColumns ColumnsOfResult(duckdb_result& result) {
  ResultColumns columns;
  for (idx_t i = 0; i < duckdb_column_count(&result); ++i) {
    columns.names.emplace_back(duckdb_column_name(&result, i));
    *columns.types.emplace_back().out() = duckdb_column_logical_type(&result, i);
  }
  return columns;
}

/// Null: a type is not known, since a parameter's is not.
std::optional<ResultColumns> ColumnsOfPrepared(duckdb_prepared_statement prepared) {
  ResultColumns columns;
  for (idx_t i = 0; i < duckdb_prepared_statement_column_count(prepared); ++i) {
    if (duckdb_prepared_statement_column_type(prepared, i) == DUCKDB_TYPE_INVALID)
      return std::nullopt;
    const char* const name = duckdb_prepared_statement_column_name(prepared, i);
    columns.names.emplace_back(name == nullptr ? "" : name);
    duckdb_free(const_cast<char*>(name));
    *columns.types.emplace_back().out() =
        duckdb_prepared_statement_column_logical_type(prepared, i);
  }
  return columns;
}

std::string KeyOf(std::string_view schema, std::string_view name) {
  return ToLower(schema.empty() ? std::string(name) : fmt::format("{}.{}", schema, name));
}

duckdb_state BindValue(duckdb_prepared_statement prepared, idx_t index, const SqlValue& value) {
  struct Binder {
    duckdb_prepared_statement prepared;
    idx_t index;
    duckdb_state operator()(std::monostate) const { return duckdb_bind_null(prepared, index); }
    duckdb_state operator()(bool value) const {
      return duckdb_bind_boolean(prepared, index, value);
    }
    duckdb_state operator()(int64_t value) const {
      return duckdb_bind_int64(prepared, index, value);
    }
    duckdb_state operator()(double value) const {
      return duckdb_bind_double(prepared, index, value);
    }
    duckdb_state operator()(const std::string& value) const {
      return duckdb_bind_varchar_length(prepared, index, value.data(), value.size());
    }
    duckdb_state operator()(Time value) const {
      return duckdb_bind_timestamp_tz(prepared, index,
                                      duckdb_timestamp{value.time_since_epoch().count()});
    }
  };
  return std::visit(Binder{prepared, index}, value);
}

/// kInvalid for results that have no place in tables.
Status CheckResultType(duckdb_type type, const std::string& place, const char* column) {
  switch (type) {
    case DUCKDB_TYPE_INTERVAL:
    case DUCKDB_TYPE_TIME_TZ:
    case DUCKDB_TYPE_BIT:
    case DUCKDB_TYPE_UNION:
    case DUCKDB_TYPE_MAP:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_BIGNUM:
      return Invalid(
          "{}: column \"{}\" has a type that tables cannot hold (interval, time with zone, bit, "
          "union, map, "
          "integers over 64 bits); cast it",
          place, column);
    default:
      return {};
  }
}

/// The pattern that stands for a path alone.
std::string PlainPattern(const std::filesystem::path& path) {
  std::string pattern;
  for (const char c : path.string()) {
    const bool special = c == '*' || c == '?' || c == '[';
    pattern += special ? fmt::format("[{}]", c) : std::string(1, c);
  }
  return pattern;
}

/// The names of folders `name=value` in a path.
std::vector<std::string> PartitionsIn(const std::filesystem::path& path) {
  std::vector<std::string> names;
  for (const std::filesystem::path& part : path.parent_path()) {
    const std::string text = part.string();
    const size_t equals = text.find('=');
    const bool known = std::find(names.begin(), names.end(), text.substr(0, equals)) != names.end();
    if (equals != std::string::npos && equals > 0 && !known)
      names.push_back(text.substr(0, equals));
  }
  return names;
}

}  // namespace

Status FromErrorData(duckdb_error_data data) {
  OwnedError error;
  *error.out() = data;
  if (data == nullptr || !duckdb_error_data_has_error(data)) return {};
  return FromDuckDb(kOwnText, duckdb_error_data_message(data), {});
}

std::string QuoteName(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

std::string QuoteText(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
  return quoted + '\'';
}

Result<Database> Database::Open(const SqlOptions& options) {
  const std::pair<const char*, std::string> settings[] = {
      {"threads", std::to_string(std::max(1, options.threads))},
      {"memory_limit", fmt::format("{}MiB", std::max<uint64_t>(options.memory_bytes >> 20, 16))},
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
      {"allow_community_extensions", "false"},
  };
  OwnedConfig config;
  if (duckdb_create_config(config.out()) != DuckDBSuccess)
    return Internal("DuckDB: no configuration");
  for (const auto& [name, value] : settings) {
    if (duckdb_set_config(config.get(), name, value.c_str()) != DuckDBSuccess) {
      return Internal("DuckDB does not know the setting {}", name);
    }
  }
  Database opened;
  char* message = nullptr;
  if (duckdb_open_ext(nullptr, opened.database.out(), config.get(), &message) != DuckDBSuccess) {
    Error error = Internal("cannot start DuckDB: {}", message == nullptr ? "?" : message);
    duckdb_free(message);
    return error;
  }
  if (duckdb_connect(opened.database.get(), opened.converter.out()) != DuckDBSuccess ||
      duckdb_connect(opened.database.get(), opened.connection.out()) != DuckDBSuccess) {
    return Internal("cannot connect to DuckDB");
  }
  // Without a folder for spilling, a query that needs too much memory says so. It goes before
  // access is closed.
  std::string readable;
  for (const std::filesystem::path& path : options.readable_files) {
    // As it is, and as AddParquetFiles spells it.
    for (const std::string& text : std::set<std::string>{path.string(), PlainPattern(path)})
      readable += fmt::format("{}{}", readable.empty() ? "" : ", ", QuoteText(text));
  }
  for (const std::string& statement :
       {std::string("SET errors_as_json = true"), std::string("SET TimeZone = 'UTC'"),
        std::string("SET temp_directory = ''"), "SET allowed_paths = [" + readable + "]",
        std::string("SET enable_external_access = false"),
        std::string("SET lock_configuration = true")}) {
    RETURN_IF_ERROR(opened.Run(statement));
  }
  return opened;
}

Status Database::Run(const std::string& statement) const {
  OwnedResult result;
  if (duckdb_query(connection.get(), statement.c_str(), &result.result) == DuckDBSuccess) return {};
  return FromDuckDb(kOwnText, duckdb_result_error(&result.result), {});
}

struct SqlEngine::State {
  std::map<std::string, Known> tables;  // by KeyOf
  Database database;                    // goes before what it scans
  int loaded = 0;
  /// Units of zoned timestamps by column name, of loaded tables; null where they differ.
  std::map<std::string, std::optional<arrow::TimeUnit::type>> units;

  Status Load(Known& known);
  Status LoadNamed(const std::vector<std::string>& names);
  void NoteUnits(const arrow::Schema& schema);
  std::vector<std::string> Names() const;
  std::vector<std::string> Columns() const;
  Result<OwnedPrepared> Prepare(const SqlText& sql, const SqlParameters& parameters) const;
  void StopQuery(duckdb_pending_result pending) const;
  Status Execute(const SqlText& sql, duckdb_prepared_statement prepared,
                 const SqlQueryOptions& options, duckdb_result* result) const;
  Result<Table> Collect(const SqlText& sql, duckdb_result& result,
                        const SqlQueryOptions& options) const;
  Result<std::shared_ptr<arrow::Schema>> ResultSchema(
      const SqlText& sql, const ResultColumns& columns, duckdb_arrow_options options,
      std::shared_ptr<arrow::Schema>* exported) const;
  Result<OwnedPrepared> PrepareWithTables(const SqlText& sql, const SqlParameters& parameters,
                                          const SqlQueryOptions& options);
};

void SqlEngine::State::NoteUnits(const arrow::Schema& schema) {
  for (const auto& field : schema.fields()) {
    if (field->type()->id() != arrow::Type::TIMESTAMP) continue;
    const auto& type = static_cast<const arrow::TimestampType&>(*field->type());
    if (type.timezone().empty()) continue;
    const auto [found, added] = units.emplace(field->name(), type.unit());
    if (!added && found->second != type.unit()) found->second.reset();
  }
}

Status SqlEngine::State::Load(Known& known) {
  const std::string full = known.schema.empty()
                               ? QuoteName(known.name)
                               : QuoteName(known.schema) + "." + QuoteName(known.name);
  if (!known.schema.empty())
    RETURN_IF_ERROR(database.Run("CREATE SCHEMA IF NOT EXISTS " + QuoteName(known.schema)));
  if (!known.view.empty()) {
    RETURN_IF_ERROR(LoadNamed(known.needs));
    RETURN_IF_ERROR(database.Run(fmt::format("CREATE VIEW {} AS {}", full, known.view)));
    known.view.clear();
    return {};
  }
  ASSIGN_OR_RETURN(const Table table, known.load());
  const auto schema = PlainSchema(*table.schema());
  if (schema->num_fields() == 0) return Invalid("it has no columns");
  arrow::RecordBatchVector batches;
  ASSIGN_OR_RETURN(const auto reader, table.Read());
  while (true) {
    ASSIGN_OR_RETURN(const auto read, reader->Next());
    if (read == nullptr) break;
    ASSIGN_OR_RETURN(auto batch, Plain(read, schema));
    batches.push_back(std::move(batch));
  }
  ASSIGN_OR_RETURN(known.scan,
                   TableScan::Make(database.converter.get(), schema, std::move(batches)));
  const std::string function = fmt::format("rows_of_table_{}", ++loaded);
  RETURN_IF_ERROR(known.scan->Register(database.connection.get(), function));
  RETURN_IF_ERROR(database.Run(fmt::format("CREATE VIEW {} AS FROM {}()", full, function)));
  NoteUnits(*schema);
  known.load = nullptr;
  return {};
}

Status SqlEngine::State::LoadNamed(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto found = tables.find(ToLower(name));
    if (found == tables.end() || !found->second.waiting())
      continue;  // DuckDB says where an unknown name stands
    RETURN_IF_ERROR(Load(found->second), "table {}", name);
  }
  return {};
}

std::vector<std::string> SqlEngine::State::Names() const {
  std::vector<std::string> names;
  for (const auto& [key, known] : tables) {
    names.push_back(known.schema.empty() ? known.name : known.schema + "." + known.name);
  }
  return names;
}

std::vector<std::string> SqlEngine::State::Columns() const {
  std::set<std::string> names;
  for (const auto& [key, known] : tables) {
    if (known.scan == nullptr) continue;
    for (const auto& field : known.scan->schema().fields()) names.insert(field->name());
  }
  return {names.begin(), names.end()};
}

Result<OwnedPrepared> SqlEngine::State::Prepare(const SqlText& sql,
                                                const SqlParameters& parameters) const {
  OwnedPrepared prepared;
  if (duckdb_prepare(database.connection.get(), sql.text.c_str(), prepared.out()) !=
      DuckDBSuccess) {
    return FromDuckDb(sql, duckdb_prepare_error(prepared.get()), Names(), SqlPhase::kPreparing,
                      Columns());
  }
  if (duckdb_prepared_statement_type(prepared.get()) != DUCKDB_STATEMENT_TYPE_SELECT) {
    return Invalid("{}: expected exactly one SELECT", PlaceOf(sql, std::nullopt));
  }
  for (idx_t i = 1; i <= duckdb_nparams(prepared.get()); ++i) {
    const char* const text = duckdb_parameter_name(prepared.get(), i);
    const std::string name = text == nullptr ? "" : text;
    duckdb_free(const_cast<char*>(text));
    const auto value = parameters.find(name);
    if (value == parameters.end()) {
      std::vector<std::string> names;
      for (const auto& [known, unused] : parameters) names.push_back(known);
      const std::string nearest = Nearest(name, names);
      return Invalid("{}: parameter ${} is not set{}", PlaceOf(sql, sql.text.find("$" + name)),
                     name, nearest.empty() ? "" : fmt::format("; did you mean ${}?", nearest));
    }
    if (BindValue(prepared.get(), i, value->second) != DuckDBSuccess) {
      return Invalid("{}: parameter ${} cannot be bound", PlaceOf(sql, std::nullopt), name);
    }
  }
  return prepared;
}

void SqlEngine::State::StopQuery(duckdb_pending_result pending) const {
  duckdb_interrupt(database.connection.get());
  // Until its tasks have seen the interrupt, the query holds on to the whole database.
  for (duckdb_pending_state state = DUCKDB_PENDING_RESULT_NOT_READY;
       !duckdb_pending_execution_is_finished(state) && state != DUCKDB_PENDING_ERROR;) {
    state = duckdb_pending_execute_task(pending);
    if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE)
      std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

Status SqlEngine::State::Execute(const SqlText& sql, duckdb_prepared_statement prepared,
                                 const SqlQueryOptions& options, duckdb_result* result) const {
  OwnedPending pending;
  // Rows come as they are asked for: the whole result never lies in DuckDB's memory too.
  if (duckdb_pending_prepared_streaming(prepared, pending.out()) != DuckDBSuccess) {
    return FromDuckDb(sql, duckdb_pending_error(pending.get()), Names());
  }
  while (options.context != nullptr) {
    if (Status wanted = options.context->Check(); !wanted.ok()) {
      StopQuery(pending.get());
      return std::move(wanted).WithContext(PlaceOf(sql, std::nullopt));
    }
    const duckdb_pending_state state = duckdb_pending_execute_task(pending.get());
    if (state == DUCKDB_PENDING_ERROR)
      return FromDuckDb(sql, duckdb_pending_error(pending.get()), Names(), SqlPhase::kRunning);
    if (duckdb_pending_execution_is_finished(state)) break;
    if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE)
      std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  if (duckdb_execute_pending(pending.get(), result) != DuckDBSuccess) {
    return FromDuckDb(sql, duckdb_result_error(result), Names(), SqlPhase::kRunning);
  }
  return {};
}

Result<std::shared_ptr<arrow::Schema>> SqlEngine::State::ResultSchema(
    const SqlText& sql, const ResultColumns& columns, duckdb_arrow_options options,
    std::shared_ptr<arrow::Schema>* exported) const {
  const std::string place = PlaceOf(sql, std::nullopt);
  std::vector<duckdb_logical_type> types;
  std::vector<const char*> names;
  std::set<std::string> seen;
  for (size_t i = 0; i < columns.types.size(); ++i) {
    types.push_back(columns.types[i].get());
    names.push_back(columns.names[i].c_str());
    RETURN_IF_ERROR(CheckResultType(duckdb_get_type_id(types.back()), place, names.back()));
    if (!seen.insert(names.back()).second) {
      return Invalid("{}: two columns are named \"{}\"; name one of them otherwise with AS", place,
                     names.back());
    }
  }
  ArrowSchema c_schema;
  RETURN_IF_ERROR(FromErrorData(
      duckdb_to_arrow_schema(options, types.data(), names.data(), types.size(), &c_schema)));
  ASSIGN_ARROW_OR_RETURN(*exported, arrow::ImportSchema(&c_schema), "{}", place);
  arrow::FieldVector fields = PlainSchema(**exported)->fields();
  for (size_t i = 0; i < fields.size(); ++i) {
    if (duckdb_get_type_id(types[i]) == DUCKDB_TYPE_HUGEINT)
      fields[i] = fields[i]->WithType(arrow::int64());
    if (fields[i]->type()->id() != arrow::Type::TIMESTAMP) continue;
    if (static_cast<const arrow::TimestampType&>(*fields[i]->type()).timezone().empty()) continue;
    const auto unit = units.find(fields[i]->name());
    fields[i] = fields[i]->WithType(arrow::timestamp(
        unit != units.end() && unit->second ? *unit->second : arrow::TimeUnit::MICRO, "UTC"));
  }
  return arrow::schema(std::move(fields));
}

Result<Table> SqlEngine::State::Collect(const SqlText& sql, duckdb_result& result,
                                        const SqlQueryOptions& options) const {
  OwnedArrowOptions arrow_options;
  *arrow_options.out() = duckdb_result_get_arrow_options(&result);
  std::shared_ptr<arrow::Schema> exported;
  ASSIGN_OR_RETURN(const auto schema,
                   ResultSchema(sql, ColumnsOfResult(result), arrow_options.get(), &exported));
  arrow::RecordBatchVector batches;
  int64_t rows = 0;
  while (true) {
    OwnedChunk chunk;
    *chunk.out() = duckdb_fetch_chunk(result);
    if (chunk.get() == nullptr) break;
    if (options.context != nullptr)
      RETURN_IF_ERROR(options.context->Check(), "{}", PlaceOf(sql, std::nullopt));
    ArrowArray array;
    RETURN_IF_ERROR(
        FromErrorData(duckdb_data_chunk_to_arrow(arrow_options.get(), chunk.get(), &array)));
    ASSIGN_ARROW_OR_RETURN(const auto batch, arrow::ImportRecordBatch(&array, exported));
    rows += batch->num_rows();
    if (rows > options.max_rows) {
      return Invalid("{}: more than {} rows; narrow the query or raise the limit",
                     PlaceOf(sql, std::nullopt), options.max_rows);
    }
    ASSIGN_OR_RETURN(auto plain, Plain(batch, schema), "{}", PlaceOf(sql, std::nullopt));
    batches.push_back(std::move(plain));
  }
  if (const char* const failed = duckdb_result_error(&result); failed != nullptr)
    return FromDuckDb(sql, failed, Names(), SqlPhase::kRunning);
  ASSIGN_ARROW_OR_RETURN(auto table, arrow::Table::FromRecordBatches(schema, batches));
  return Table::FromArrow(std::move(table));
}

SqlEngine::SqlEngine(std::unique_ptr<State> state) : state_(std::move(state)) {}
SqlEngine::~SqlEngine() = default;

Result<std::unique_ptr<SqlEngine>> SqlEngine::Open(const SqlOptions& options) {
  RETURN_IF_ERROR(Initialize());
  auto state = std::make_unique<State>();
  ASSIGN_OR_RETURN(state->database, Database::Open(options));
  return std::unique_ptr<SqlEngine>(new SqlEngine(std::move(state)));
}

Status SqlEngine::AddTable(std::string_view schema, std::string_view name, Table table) {
  return AddLazyTable(schema, name,
                      [table = std::move(table)]() -> Result<Table> { return table; });
}

Status SqlEngine::AddLazyTable(std::string_view schema, std::string_view name,
                               std::function<Result<Table>()> load) {
  const std::string key = KeyOf(schema, name);
  const auto [found, added] =
      state_->tables.emplace(key, Known{std::string(schema), std::string(name), std::move(load)});
  if (!added)
    return Exists("there is a table {} already; SQL does not tell upper from lower case", key);
  return {};
}

Status SqlEngine::AddView(std::string_view schema, std::string_view name, std::string select,
                          std::vector<std::string> needs) {
  RETURN_IF_ERROR(AddLazyTable(schema, name, nullptr));
  Known& known = state_->tables.at(KeyOf(schema, name));
  known.view = std::move(select);
  known.needs = std::move(needs);
  return {};
}

Status SqlEngine::AddParquetFiles(std::string_view schema, std::string_view name,
                                  const ParquetFiles& files) {
  if (files.paths.empty()) return Invalid("table {}: no files", name);
  std::string paths;
  for (const std::filesystem::path& path : files.paths)
    paths += fmt::format("{}{}", paths.empty() ? "" : ", ", QuoteText(PlainPattern(path)));
  std::string types;
  for (const std::string& part : files.partition)
    types += fmt::format("{}{}: BIGINT", types.empty() ? "" : ", ", QuoteText(part));
  // Folders above that look like partitions are none of ours.
  std::string foreign;
  for (const std::string& part : PartitionsIn(files.paths.front())) {
    if (std::find(files.partition.begin(), files.partition.end(), part) == files.partition.end())
      foreign += fmt::format("{}{}", foreign.empty() ? "" : ", ", QuoteName(part));
  }
  return AddView(
      schema, name,
      fmt::format("SELECT *{} FROM read_parquet([{}], union_by_name = true, {})",
                  foreign.empty() || types.empty() ? "" : " EXCLUDE (" + foreign + ")", paths,
                  types.empty() ? "hive_partitioning = false"
                                : "hive_partitioning = true, hive_types = {" + types + "}"),
      {});
}

Result<OwnedPrepared> SqlEngine::State::PrepareWithTables(const SqlText& sql,
                                                          const SqlParameters& parameters,
                                                          const SqlQueryOptions& options) {
  ASSIGN_OR_RETURN(const SqlUse use, InspectWith(database, sql, options));
  RETURN_IF_ERROR(LoadNamed(use.tables), "{}", PlaceOf(sql, std::nullopt));
  RETURN_IF_ERROR(LoadNamed(use.with_names), "{}", PlaceOf(sql, std::nullopt));
  return Prepare(sql, parameters);
}

Result<Table> SqlEngine::Query(const SqlText& sql, const SqlParameters& parameters,
                               const SqlQueryOptions& options) {
  if (options.context != nullptr) RETURN_IF_ERROR(options.context->Check());
  ASSIGN_OR_RETURN(const OwnedPrepared prepared,
                   state_->PrepareWithTables(sql, parameters, options));
  OwnedResult result;
  RETURN_IF_ERROR(state_->Execute(sql, prepared.get(), options, &result.result));
  return state_->Collect(sql, result.result, options);
}

Result<std::shared_ptr<arrow::Schema>> SqlEngine::Bind(const SqlText& sql,
                                                       const SqlParameters& parameters) {
  ASSIGN_OR_RETURN(const OwnedPrepared prepared, state_->PrepareWithTables(sql, parameters, {}));
  // Parameters have the types of their values from here on. What is pending never begins.
  OwnedPending pending;
  if (duckdb_pending_prepared_streaming(prepared.get(), pending.out()) != DuckDBSuccess)
    return FromDuckDb(sql, duckdb_pending_error(pending.get()), state_->Names());
  const std::optional<ResultColumns> columns = ColumnsOfPrepared(prepared.get());
  if (!columns) return std::shared_ptr<arrow::Schema>();
  OwnedArrowOptions options;
  duckdb_connection_get_arrow_options(state_->database.connection.get(), options.out());
  std::shared_ptr<arrow::Schema> exported;
  return state_->ResultSchema(sql, *columns, options.get(), &exported);
}

Result<SqlUse> SqlEngine::Inspect(const SqlText& sql, const SqlQueryOptions& options) {
  return InspectWith(state_->database, sql, options);
}

}  // namespace catchment::columnar
