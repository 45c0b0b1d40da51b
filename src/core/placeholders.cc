#include "core/placeholders.h"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace catchment::core {
namespace {

/// A piece of a text: ordinary characters, or the inside of a placeholder.
struct Piece {
  bool placeholder = false;
  std::string text;
};

bool StartsName(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// What stands between the braces is a name, `x.name`, or `slot:` with a pattern.
bool IsPlaceholder(std::string_view inside) {
  if (inside.empty() || inside.size() > 200 || !StartsName(inside.front())) return false;
  if (inside.starts_with("slot:")) return inside.find('{') == std::string_view::npos;
  return std::all_of(inside.begin(), inside.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
  });
}

std::vector<Piece> SplitPieces(std::string_view text) {
  std::vector<Piece> pieces;
  std::string ordinary;
  while (!text.empty()) {
    const size_t open = text.find('{');
    if (open == std::string_view::npos) break;
    ordinary += text.substr(0, open);
    text.remove_prefix(open);
    const bool doubled = text.starts_with("{{");
    const size_t begin = doubled ? 2 : 1;
    const size_t close = text.substr(0, 256).find('}', begin);
    const std::string_view inside =
        close == std::string_view::npos ? std::string_view() : text.substr(begin, close - begin);
    if (!IsPlaceholder(inside) || (doubled && !text.substr(close).starts_with("}}"))) {
      ordinary += '{';
      text.remove_prefix(1);
      continue;
    }
    if (doubled) {
      ordinary += '{' + std::string(inside) + '}';
      text.remove_prefix(close + 2);
      continue;
    }
    if (!ordinary.empty()) pieces.push_back({false, std::exchange(ordinary, {})});
    pieces.push_back({true, std::string(inside)});
    text.remove_prefix(close + 1);
  }
  ordinary += text;
  if (!ordinary.empty()) pieces.push_back({false, std::move(ordinary)});
  return pieces;
}

std::string TextOf(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "";
  if (!value.is_array()) return value.dump();
  std::string joined;
  for (const nlohmann::json& element : value) {
    if (!joined.empty()) joined += ',';
    joined += TextOf(element);
  }
  return joined;
}

Result<nlohmann::json> ValueOf(const std::string& name, const PlaceholderValues& values) {
  if (name.starts_with("param.")) {
    const auto found = values.parameters.find(name.substr(6));
    if (found == values.parameters.end()) {
      return Invalid("'{{{}}}': no such parameter in this pipeline", name);
    }
    return nlohmann::json(*found);
  }
  if (name.starts_with("env.")) {
    const auto found = values.variables.find(name.substr(4));
    if (found == values.variables.end()) {
      return Invalid("'{{{}}}': the environment has no '{}' under vars", name, name.substr(4));
    }
    return nlohmann::json(found->second);
  }
  if (name == "slot" || name.starts_with("slot:")) {
    if (!values.slot) return Invalid("'{{{}}}': there is no slot here", name);
    if (name == "slot") return nlohmann::json(FormatTime(*values.slot));
    ASSIGN_OR_RETURN(std::string text, FormatTime(*values.slot, std::string_view(name).substr(5)));
    return nlohmann::json(std::move(text));
  }
  const auto found = values.names.find(name);
  if (found == values.names.end()) {
    return Invalid("'{{{}}}' is not known; use {{param.x}}, {{env.x}} or {{slot:%Y}}", name);
  }
  return nlohmann::json(found->second);
}

}  // namespace

std::vector<std::string> ListPlaceholders(std::string_view text) {
  std::vector<std::string> names;
  for (Piece& piece : SplitPieces(text)) {
    if (piece.placeholder) names.push_back(std::move(piece.text));
  }
  return names;
}

std::vector<std::string> ListDocumentPlaceholders(const nlohmann::json& document) {
  if (document.is_string()) return ListPlaceholders(document.get_ref<const std::string&>());
  std::vector<std::string> names;
  if (!document.is_structured()) return names;
  for (const nlohmann::json& element : document) {
    std::vector<std::string> inside = ListDocumentPlaceholders(element);
    std::move(inside.begin(), inside.end(), std::back_inserter(names));
  }
  return names;
}

Result<std::string> ExpandPlaceholders(std::string_view text, const PlaceholderValues& values) {
  std::string expanded;
  for (const Piece& piece : SplitPieces(text)) {
    if (!piece.placeholder) {
      expanded += piece.text;
      continue;
    }
    ASSIGN_OR_RETURN(const nlohmann::json value, ValueOf(piece.text, values));
    expanded += TextOf(value);
  }
  return expanded;
}

Result<nlohmann::json> ExpandDocument(const nlohmann::json& document,
                                      const PlaceholderValues& values) {
  if (document.is_string()) {
    const auto& text = document.get_ref<const std::string&>();
    const std::vector<Piece> pieces = SplitPieces(text);
    if (pieces.size() == 1 && pieces[0].placeholder) return ValueOf(pieces[0].text, values);
    ASSIGN_OR_RETURN(std::string expanded, ExpandPlaceholders(text, values));
    return nlohmann::json(std::move(expanded));
  }
  if (!document.is_structured()) return nlohmann::json(document);
  nlohmann::json expanded = document;
  for (auto it = expanded.begin(); it != expanded.end(); ++it) {
    const nlohmann::json& element = *it;
    ASSIGN_OR_RETURN(nlohmann::json value, ExpandDocument(element, values));
    *it = std::move(value);
  }
  return expanded;
}

}  // namespace catchment::core
