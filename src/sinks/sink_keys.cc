#include "sinks/sink_keys.h"

#include <algorithm>

namespace catchment::sinks {

const nlohmann::json* SinkKeys::Find(const char* name) const {
  if (!keys_.is_object()) return nullptr;
  const auto found = keys_.find(name);
  return found == keys_.end() || found->is_null() ? nullptr : &*found;
}

Error SinkKeys::Bad(const char* name, std::string_view expected) const {
  return Invalid("sink {}: {}: expected {}", kind_, name, expected);
}

Result<std::string> SinkKeys::Text(const char* name, std::string_view expected) const {
  const nlohmann::json* value = Find(name);
  if (value == nullptr || !value->is_string() || value->get_ref<const std::string&>().empty()) {
    return Bad(name, expected);
  }
  return value->get<std::string>();
}

Result<std::string> SinkKeys::TextOr(const char* name, std::string_view expected,
                                     std::string otherwise) const {
  if (Find(name) == nullptr) return otherwise;
  return Text(name, expected);
}

Result<std::vector<std::string>> SinkKeys::Texts(const char* name,
                                                 std::string_view expected) const {
  const nlohmann::json* value = Find(name);
  std::vector<std::string> texts;
  if (value != nullptr && value->is_string()) {
    texts.push_back(value->get<std::string>());
  } else if (value != nullptr && value->is_array()) {
    for (const nlohmann::json& element : *value) {
      if (!element.is_string()) return Bad(name, expected);
      texts.push_back(element.get<std::string>());
    }
  }
  const auto empty = [](const std::string& text) { return text.empty(); };
  if (texts.empty() || std::any_of(texts.begin(), texts.end(), empty)) return Bad(name, expected);
  return texts;
}

Result<std::vector<std::pair<std::string, std::string>>> SinkKeys::Pairs(
    const char* name, std::string_view expected) const {
  const nlohmann::json* value = Find(name);
  if (value == nullptr || !value->is_array() || value->empty()) return Bad(name, expected);
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const nlohmann::json& element : *value) {
    if (!element.is_object() || element.size() != 1 || !element.begin().value().is_string()) {
      return Bad(name, expected);
    }
    pairs.emplace_back(element.begin().key(), element.begin().value().get<std::string>());
  }
  return pairs;
}

Result<std::pair<std::string, std::string>> SinkKeys::To(std::string_view expected) const {
  ASSIGN_OR_RETURN(const std::string to, Text("to", expected));
  const size_t slash = to.rfind('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == to.size()) {
    return Bad("to", expected);
  }
  return std::pair(to.substr(0, slash), to.substr(slash + 1));
}

Error RefusedRowsError(int64_t rows, std::vector<RefusedRow> refused) {
  constexpr size_t kNamed = 5;
  std::sort(refused.begin(), refused.end(),
            [](const RefusedRow& a, const RefusedRow& b) { return a.row < b.row; });
  std::string message = fmt::format("{} of {} rows refused: ", refused.size(), rows);
  for (size_t i = 0; i < std::min(kNamed, refused.size()); ++i) {
    message += fmt::format("{}row {} ({}): {}", i == 0 ? "" : "; ", refused[i].row, refused[i].name,
                           refused[i].reason);
  }
  if (refused.size() > kNamed) message += fmt::format("; and {} more", refused.size() - kNamed);
  return Invalid("{}", message);
}

}  // namespace catchment::sinks
