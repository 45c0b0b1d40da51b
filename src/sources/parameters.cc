#include "sources/parameters.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "base/time.h"

namespace catchment::sources {

Result<Parameters> Parameters::Make(const nlohmann::json& json, std::string_view task,
                                    std::initializer_list<std::string_view> known) {
  if (!json.is_object()) return Invalid("task '{}': with: expected keys and values", task);
  const std::vector<std::string> names(known.begin(), known.end());
  for (const auto& [key, value] : json.items()) {
    if (std::find(names.begin(), names.end(), key) != names.end()) continue;
    const std::string nearest = Nearest(key, names);
    return Invalid("task '{}': with: unknown key '{}'{}", task, key,
                   nearest.empty() ? fmt::format("; known are {}", fmt::join(names, ", "))
                                   : fmt::format("; did you mean '{}'?", nearest));
  }
  return Parameters(json, task);
}

const nlohmann::json& Parameters::At(const std::string& key) const {
  static const nlohmann::json kNull;
  const auto found = json_->find(key);
  return found == json_->end() ? kNull : *found;
}

Error Parameters::Bad(std::string_view key, std::string_view expected) const {
  return Invalid("task '{}': with: {}: expected {}", task_, key, expected);
}

Result<std::string> Parameters::Text(const std::string& key, std::string absent) const {
  if (!Has(key)) return absent;
  if (!At(key).is_string()) return Bad(key, "text");
  return At(key).get<std::string>();
}

Result<bool> Parameters::Bool(const std::string& key, bool absent) const {
  if (!Has(key)) return absent;
  if (At(key).is_boolean()) return At(key).get<bool>();
  if (At(key) == "true") return true;
  if (At(key) == "false") return false;
  return Bad(key, "true or false");
}

Result<int64_t> Parameters::Integer(const std::string& key, int64_t absent, int64_t least,
                                    int64_t most) const {
  if (!Has(key)) return absent;
  int64_t value = least - 1;
  if (At(key).is_number_integer()) {
    value = At(key).get<int64_t>();
  } else if (At(key).is_string()) {
    const std::string& text = At(key).get_ref<const std::string&>();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) value = least - 1;
  }
  if (value < least || value > most)
    return Bad(key, fmt::format("a whole number from {} to {}", least, most));
  return value;
}

Result<std::chrono::milliseconds> Parameters::Duration(const std::string& key,
                                                       std::chrono::milliseconds absent) const {
  if (!Has(key)) return absent;
  if (At(key).is_string()) {
    const Result<std::chrono::milliseconds> duration =
        ParseDuration(At(key).get_ref<const std::string&>());
    if (duration.ok()) return *duration;
  }
  return Bad(key, "a duration such as 6h or 90s");
}

Result<std::vector<std::string>> Parameters::Texts(const std::string& key,
                                                   std::vector<std::string> absent) const {
  if (!Has(key)) return absent;
  const nlohmann::json& value = At(key);
  if (value.is_string()) return std::vector<std::string>{value.get<std::string>()};
  if (!value.is_array()) return Bad(key, "a list of texts");
  std::vector<std::string> texts;
  for (const nlohmann::json& text : value) {
    if (!text.is_string()) return Bad(key, "a list of texts");
    texts.push_back(text);
  }
  return texts;
}

}  // namespace catchment::sources
