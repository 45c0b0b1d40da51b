#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "columnar/sql_internal.h"

namespace catchment::columnar {
namespace {

std::string Text(const nlohmann::json& document, const char* member) {
  const auto found = document.find(member);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<size_t> Position(const nlohmann::json& document) {
  const std::string text = Text(document, "position");
  size_t position = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return position;
}

std::string Suggestion(const std::string& name, const std::vector<std::string>& candidates) {
  std::string nearest = Nearest(name, candidates);
  if (!nearest.empty()) return fmt::format("; did you mean \"{}\"?", nearest);
  if (candidates.empty() || candidates.size() > 20) return {};
  return fmt::format("; there is {}", fmt::join(candidates, ", "));
}

/// Candidates stand as "a,b" and, for columns of several tables, as "t.a".
std::vector<std::string> Candidates(const nlohmann::json& document) {
  std::vector<std::string> names;
  for (const std::string& part : Split(Text(document, "candidates"), ',')) {
    if (part.empty()) continue;
    names.emplace_back(part);
    const size_t dot = part.rfind('.');
    if (dot != std::string::npos) names.push_back(part.substr(dot + 1));
  }
  return names;
}

/// DuckDB's first line, begun in lower case, without its exclamation mark.
std::string Plainly(std::string message) {
  message.resize(std::min(message.find('\n'), message.size()));
  while (!message.empty() &&
         (message.back() == '!' || message.back() == '.' || message.back() == ' ')) {
    message.pop_back();
  }
  if (message.size() > 1 && std::isupper(static_cast<unsigned char>(message[0])) &&
      std::islower(static_cast<unsigned char>(message[1]))) {
    message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
  }
  return message;
}

std::string Message(const nlohmann::json& document, const std::vector<std::string>& tables,
                    const std::vector<std::string>& columns) {
  const std::string subtype = Text(document, "error_subtype");
  const std::string name = Text(document, "name");
  if (subtype == "COLUMN_NOT_FOUND" && !name.empty()) {
    return fmt::format("column \"{}\" does not exist{}", name,
                       Suggestion(name, Candidates(document)));
  }
  if (subtype == "MISSING_ENTRY" && !name.empty()) {
    const std::string kind = Text(document, "type");
    if (kind == "Table")
      return fmt::format("table \"{}\" does not exist{}", name, Suggestion(name, tables));
    std::vector<std::string> candidates = Candidates(document);
    const std::string what =
        kind.find("Function") != std::string::npos ? "function" : ToLower(kind);
    const std::string nearest = Nearest(name, candidates);
    return fmt::format("{} \"{}\" does not exist{}", what, name,
                       nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest));
  }
  std::string message = Plainly(Text(document, "exception_message"));
  // `Values list "t" does not have a column named "x"`, of a scanned table, has no subtype.
  constexpr std::string_view kScanned = "values list \"",
                             kNoColumn = "does not have a column named \"";
  const size_t named = message.find(kNoColumn);
  if (message.starts_with(kScanned) && named != std::string::npos) {
    const size_t first = named + kNoColumn.size();
    const std::string nearest =
        Nearest(message.substr(first, message.find('"', first) - first), columns);
    message.replace(0, kScanned.size(), "table \"");
    if (!nearest.empty()) message += fmt::format("; did you mean \"{}\"?", nearest);
  }
  return message;
}

}  // namespace

std::string PlaceOf(const SqlText& sql, std::optional<size_t> offset) {
  const std::string file = sql.file.empty() ? "query" : sql.file;
  if (!offset || *offset > sql.text.size()) return file;
  const std::string_view before = std::string_view(sql.text).substr(0, *offset);
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::string_view in_line = before.substr(before.rfind('\n') + 1);  // npos + 1 is 0
  const auto column = 1 + std::ranges::count_if(in_line, [](char c) { return (c & 0xC0) != 0x80; });
  return fmt::format("{}:{}:{}", file, line, column);
}

Error FromDuckDb(const SqlText& sql, std::string_view text, const std::vector<std::string>& tables,
                 SqlPhase phase, const std::vector<std::string>& columns) {
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object())
    return Internal("{}: {}", PlaceOf(sql, std::nullopt), Plainly(std::string(text)));
  const std::string type = Text(document, "exception_type");
  const std::string place = PlaceOf(sql, Position(document));
  const std::string message = Message(document, tables, columns);
  if (type == "Out of Memory") {
    return Exhausted("{}: the query needs more memory than it may have ({})", place, message);
  }
  if (type == "INTERRUPT" || type == "Interrupt") return Cancelled("{}: interrupted", place);
  if (type == "INTERNAL" || type == "FATAL" || type == "Internal" || type == "Fatal") {
    return Internal("{}: DuckDB: {}", place, message);
  }
  if (type == "Permission") {
    return Invalid("{}: {}; SQL here reads only the tables it is given", place, message);
  }
  if (phase == SqlPhase::kRunning) return Corrupt("{}: {}", place, message);
  return Invalid("{}: {}", place, message);
}

}  // namespace catchment::columnar
