#include <charconv>

#include "base/text.h"
#include "base/time.h"
#include "core/placeholders.h"
#include "core/value_type_internal.h"
#include "core/values.h"

namespace catchment::core {

using nlohmann::json;

const std::vector<std::string>& ValueTypes() {
  static const std::vector<std::string> types = {"text",     "bool",    "int",  "integer", "number",
                                                 "duration", "percent", "size", "box",     "path",
                                                 "list",     "map",     "any"};
  return types;
}

namespace {

std::string Shown(const json& value) {
  std::string text = value.is_string() ? "'" + value.get<std::string>() + "'"
                                       : value.dump(-1, ' ', false, json::error_handler_t::replace);
  return text.size() > 80 ? text.substr(0, 80) + "…" : text;
}

Result<double> ParseNumber(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Invalid("'{}' is not a number", text.substr(0, 64));
  }
  return number;
}

/// Whole numbers stay numbers, as they are in a YAML list.
json ListElement(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && std::to_string(number) == text ? json(number) : json(text);
}

}  // namespace

Status CheckType(const json& value, std::string_view type) {
  if (value.is_null() || type == "any" || type.empty()) return {};
  if (value.is_string() && !ListPlaceholders(value.get_ref<const std::string&>()).empty())
    return {};
  const auto expected = [&](std::string_view what) -> Status {
    return Invalid("expected {}, found {}", what, Shown(value));
  };
  if (type == "text") return value.is_structured() ? expected("a text") : Status();
  if (type == "bool") return value.is_boolean() ? Status() : expected("true or false");
  if (type == "int" || type == "integer") {
    return value.is_number_integer() ? Status() : expected("a whole number");
  }
  if (type == "number") return value.is_number() ? Status() : expected("a number");
  if (type == "list") return value.is_array() ? Status() : expected("a list such as [a, b]");
  if (type == "map") return value.is_object() ? Status() : expected("a map such as {a: 1}");
  if (type == "duration") {
    if (!value.is_string()) return expected("a duration such as 90s, 6h or 7d");
    return ParseDuration(value.get_ref<const std::string&>()).status();
  }
  if (type == "percent") {
    if (value.is_number()) return ParseShare(value.dump()).status();
    return value.is_string() ? ParseShare(value.get_ref<const std::string&>()).status()
                             : expected("a share such as 20% or 0.2");
  }
  if (type == "size") {
    return value.is_number()   ? ParseSize(value.dump()).status()
           : value.is_string() ? ParseSize(value.get_ref<const std::string&>()).status()
                               : expected("a size such as 384MiB");
  }
  if (type == "box") {
    return value.is_string() ? ParseBox(value.get_ref<const std::string&>()).status()
                             : expected("W,S,E,N in degrees");
  }
  if (type == "path") {
    return value.is_string() ? CheckPathPrefix(value.get_ref<const std::string&>())
                             : expected("a path such as hls-data");
  }
  return Internal("value type '{}' is not known", type);
}

Result<json> CoerceText(const json& value, std::string_view type) {
  json typed = value;
  if (value.is_string()) {
    const std::string_view text = Trim(value.get_ref<const std::string&>());
    if (type == "bool") {
      const std::string lower = ToLower(text);
      if (lower == "true" || lower == "false") typed = lower == "true";
    } else if (type == "int" || type == "integer") {
      int64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc() && end == text.data() + text.size()) typed = number;
    } else if (type == "number") {
      ASSIGN_OR_RETURN(const double number, ParseNumber(text));
      typed = number;
    } else if (type == "list") {
      typed = json::array();
      if (text.starts_with('[')) {
        typed = json::parse(text, nullptr, false);
      } else {
        for (const std::string& part : Split(text, ',')) {
          if (!Trim(part).empty()) typed.push_back(ListElement(Trim(part)));
        }
      }
    } else if (type == "map") {
      typed = json::parse(text, nullptr, false);
    } else if (type == "box") {
      ASSIGN_OR_RETURN(const Box box, ParseBox(text));
      typed = BoxText(box);
    }
    if (typed.is_discarded()) {
      return Invalid("'{}' is not JSON; write {}", text.substr(0, 64),
                     type == "list" ? "[\"a\", \"b\"], or a,b" : "{\"name\": \"value\"}");
    }
  }
  RETURN_IF_ERROR(CheckType(typed, type));
  return typed;
}

}  // namespace catchment::core
