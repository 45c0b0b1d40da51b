#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"
#include "columnar/sql_internal.h"

namespace catchment::columnar {
namespace {

// What duckdb_functions() calls VOLATILE or CONSISTENT_WITHIN_QUERY, `error` apart, which depends
// on nothing; and the keywords that stand for such functions. sql_test compares this list with
// DuckDB's.
constexpr std::string_view kVolatile[] = {
    "current_connection_id",
    "current_database",
    "current_date",
    "current_query",
    "current_query_id",
    "current_schema",
    "current_schemas",
    "current_transaction_id",
    "currval",
    "gen_random_uuid",
    "get_current_time",
    "get_current_timestamp",
    "in_search_path",
    "nextval",
    "now",
    "random",
    "setseed",
    "stats",
    "today",
    "transaction_timestamp",
    "txid_current",
    "uuid",
    "uuidv4",
    "uuidv7",
    "write_log",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "current_setting",
    "getvariable",
    "version",
    "current_user",
    "session_user",
    "user",
};

bool IsVolatile(std::string_view name) {
  return std::ranges::find(kVolatile, name) != std::end(kVolatile);
}

std::optional<size_t> Offset(const nlohmann::json& node) {
  const auto found = node.find("query_location");
  if (found == node.end() || !found->is_number_unsigned()) return std::nullopt;
  const auto offset = found->get<uint64_t>();
  return offset == UINT64_MAX ? std::nullopt : std::optional<size_t>(offset);
}

std::string Member(const nlohmann::json& node, const char* name) {
  const auto found = node.find(name);
  return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Walks DuckDB's own parse tree, as json_serialize_sql gives it.
class TreeWalk {
 public:
  TreeWalk(const SqlText& sql, const SqlQueryOptions& options) : sql_(sql), options_(options) {}

  Status Walk(const nlohmann::json& node) {
    if (node.is_object()) {
      RETURN_IF_ERROR(Look(node));
      for (const auto& child : node) RETURN_IF_ERROR(Walk(child));
    } else if (node.is_array()) {
      for (const auto& child : node) RETURN_IF_ERROR(Walk(child));
    }
    return {};
  }

  SqlUse Use() const {
    SqlUse use;
    for (const auto& [schema, name] : tables_) {
      if (schema.empty() && defined_.contains(ToLower(name))) {
        use.with_names.push_back(name);
        continue;
      }
      use.tables.push_back(schema.empty() ? name : schema + "." + name);
    }
    use.parameters.assign(parameters_.begin(), parameters_.end());
    return use;
  }

 private:
  Status Look(const nlohmann::json& node) {
    const std::string type = Member(node, "type");
    if (type == "BASE_TABLE")
      tables_.emplace(Member(node, "schema_name"), Member(node, "table_name"));
    if (Member(node, "class") == "PARAMETER") parameters_.insert(Member(node, "identifier"));
    if (const auto ctes = node.find("cte_map"); ctes != node.end() && ctes->contains("map")) {
      for (const auto& entry : (*ctes)["map"]) defined_.insert(ToLower(Member(entry, "key")));
    }
    return options_.allow_volatile ? Status() : CheckPure(node, type);
  }

  Status CheckPure(const nlohmann::json& node, const std::string& type) const {
    if (const auto sample = node.find("sample"); sample != node.end() && sample->is_object()) {
      return Refuse(node, "a sample");
    }
    if (type == "COLUMN_REF" && node.contains("column_names") && node["column_names"].size() == 1) {
      const std::string name = ToLower(node["column_names"][0].get<std::string>());
      if (name.starts_with("current_") || name.starts_with("local")) {
        if (IsVolatile(name)) return Refuse(node, name);
      }
    }
    const std::string function = ToLower(Member(node, "function_name"));
    if (function.empty()) return {};
    const bool age_of_now =
        function == "age" && node.contains("children") && node["children"].size() == 1;
    const bool catalogue = function.starts_with("duckdb_") || function.starts_with("pragma_");
    if (age_of_now || catalogue || IsVolatile(function)) return Refuse(node, function + "()");
    return {};
  }

  Error Refuse(const nlohmann::json& node, const std::string& what) const {
    return Invalid(
        "{}: {} gives another value each time, and a task's SQL must not; use $slot for the time",
        PlaceOf(sql_, Offset(node)), what);
  }

  const SqlText& sql_;
  const SqlQueryOptions& options_;
  std::set<std::pair<std::string, std::string>> tables_;
  std::set<std::string> parameters_;
  std::set<std::string> defined_;  // by WITH, in lower case
};

Result<nlohmann::json> ParseTree(const Database& database, const SqlText& sql) {
  OwnedPrepared prepared;
  if (duckdb_prepare(database.connection.get(), "SELECT json_serialize_sql(CAST($1 AS VARCHAR))",
                     prepared.out()) != DuckDBSuccess) {
    return Internal("DuckDB: {}", duckdb_prepare_error(prepared.get()));
  }
  duckdb_bind_varchar_length(prepared.get(), 1, sql.text.data(), sql.text.size());
  OwnedResult result;
  if (duckdb_execute_prepared(prepared.get(), &result.result) != DuckDBSuccess) {
    return FromDuckDb(sql, duckdb_result_error(&result.result), {});
  }
  OwnedChunk chunk;
  *chunk.out() = duckdb_fetch_chunk(result.result);
  if (chunk.get() == nullptr) return Internal("DuckDB gave no parse tree");
  auto* texts = static_cast<duckdb_string_t*>(
      duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk.get(), 0)));
  const std::string_view text(duckdb_string_t_data(texts), duckdb_string_t_length(*texts));
  nlohmann::json tree = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!tree.is_object()) return Internal("DuckDB gave a parse tree that is not JSON");
  return tree;
}

/// Whether the outermost SELECT has an ORDER BY; those of subqueries and windows do not count.
bool IsOrdered(const nlohmann::json& statement) {
  const auto node = statement.find("node");
  if (node == statement.end()) return false;
  const auto modifiers = node->find("modifiers");
  if (modifiers == node->end() || !modifiers->is_array()) return false;
  return std::ranges::any_of(*modifiers, [](const nlohmann::json& modifier) {
    return Member(modifier, "type") == "ORDER_MODIFIER";
  });
}

Error NotOneSelect(const SqlText& sql, std::string_view found) {
  return Invalid("{}: expected exactly one SELECT, found {}", PlaceOf(sql, std::nullopt), found);
}

}  // namespace

Result<SqlUse> InspectWith(const Database& database, const SqlText& sql,
                           const SqlQueryOptions& options) {
  constexpr size_t kMostBytes = 1 << 20;
  if (sql.text.size() > kMostBytes) {
    return Invalid("{}: {} bytes of SQL, over the limit of {}", PlaceOf(sql, std::nullopt),
                   sql.text.size(), kMostBytes);
  }
  if (sql.text.find('\0') != std::string::npos) {
    return Invalid("{}: a zero byte", PlaceOf(sql, sql.text.find('\0')));
  }
  ASSIGN_OR_RETURN(const nlohmann::json tree, ParseTree(database, sql));
  if (tree.value("error", false)) {
    if (Member(tree, "error_type") == "not implemented")
      return NotOneSelect(sql, "another kind of statement");
    const std::string position = Member(tree, "position");
    const size_t offset =
        position.empty() ? Trim(sql.text).size() : std::strtoull(position.c_str(), nullptr, 10);
    std::string message =
        Member(tree, "error_message");  // repeats the rest of the SQL, lines and all
    std::replace(message.begin(), message.end(), '\n', ' ');
    return Invalid("{}: {}", PlaceOf(sql, offset), message.substr(0, 300));
  }
  const auto& statements = tree["statements"];
  if (statements.size() != 1) {
    return NotOneSelect(
        sql, statements.empty() ? "nothing" : fmt::format("{} statements", statements.size()));
  }
  TreeWalk walk(sql, options);
  RETURN_IF_ERROR(walk.Walk(statements[0]));
  SqlUse use = walk.Use();
  use.ordered = IsOrdered(statements[0]);
  return use;
}

Result<SqlUse> InspectSql(const SqlText& sql, const SqlQueryOptions& options) {
  ASSIGN_OR_RETURN(const Database database, Database::Open({}));
  return InspectWith(database, sql, options);
}

}  // namespace catchment::columnar
