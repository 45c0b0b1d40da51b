#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace catchment::cli {

/// How a verb answers.
struct OutputFormat {
  bool json = false;
};

/// A column is as wide as its widest cell; numbers are set to the right.
struct TextTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};
std::string Render(const TextTable& table);

/// Print one JSON document with `"version": 1` and the verb's name in front.
void PrintJson(std::string_view verb, const nlohmann::json& body);

/// Print text as it is, with a line break at the end.
void PrintText(std::string_view text);

/// Whether standard error is a terminal that may show a progress line (not with NO_COLOR=… or
/// TERM=dumb).
bool ProgressAllowed();

}  // namespace catchment::cli
