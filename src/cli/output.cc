#include "cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace catchment::cli {
namespace {

size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool LooksLikeNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.,+-eE%") == std::string_view::npos &&
         text.find_first_of("0123456789") != std::string_view::npos;
}

}  // namespace

std::string Render(const TextTable& table) {
  std::vector<size_t> widths(table.header.size());
  std::vector<bool> numbers(table.header.size(), !table.rows.empty());
  const auto measure = [&](const std::vector<std::string>& row) {
    for (size_t i = 0; i < widths.size() && i < row.size(); ++i)
      widths[i] = std::max(widths[i], Width(row[i]));
  };
  measure(table.header);
  for (const auto& row : table.rows) {
    measure(row);
    for (size_t i = 0; i < numbers.size() && i < row.size(); ++i) {
      numbers[i] = numbers[i] && (row[i].empty() || row[i] == "null" || LooksLikeNumber(row[i]));
    }
  }
  std::string text;
  const auto print = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t i = 0; i < widths.size() && i < row.size(); ++i) {
      const std::string padding(widths[i] - Width(row[i]), ' ');
      line += i == 0 ? "" : "  ";
      line += numbers[i] ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  print(table.header);
  for (const auto& row : table.rows) print(row);
  return text;
}

void PrintJson(std::string_view verb, const nlohmann::json& body) {
  nlohmann::ordered_json document = {{"version", 1}, {"verb", verb}};
  for (const auto& [name, value] : body.items()) document[name] = value;
  PrintText(document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void PrintText(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (text.empty() || text.back() != '\n') std::fputc('\n', stdout);
}

bool ProgressAllowed() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr && term != nullptr &&
         std::string_view(term) != "dumb";
}

}  // namespace catchment::cli
