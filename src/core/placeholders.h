#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace catchment::core {

/// What placeholders stand for.
struct PlaceholderValues {
  nlohmann::json parameters = nlohmann::json::object();  ///< `{param.x}`
  std::map<std::string, std::string> variables;          ///< `{env.x}`
  std::optional<Time> slot;                              ///< `{slot}`, `{slot:%Y/%m}`
  /// `{collection}`, `{layout}`; at publish also `{count.TASK.NAME}` of the sources' reports
  std::map<std::string, std::string> names;
};

/// Replace `{param.x}`, `{env.x}`, `{slot}`, `{slot:%…}` and `{name}`. `{{name}}` stands for
/// `{name}` itself; braces around anything but such a name are ordinary text (`\d{4}`, JSON). A
/// list joins with `,`. The values are not looked into again. kInvalid: names the placeholder that
/// is not known or has no value.
Result<std::string> ExpandPlaceholders(std::string_view text, const PlaceholderValues& values);

/// The same in all texts of a document; a text that is nothing but one `{param.x}` becomes the
/// parameter's value with its type.
Result<nlohmann::json> ExpandDocument(const nlohmann::json& document,
                                      const PlaceholderValues& values);

/// The placeholders of a text without their braces, in order: `param.x`, `slot:%Y`.
std::vector<std::string> ListPlaceholders(std::string_view text);

/// Those of all texts of a document.
std::vector<std::string> ListDocumentPlaceholders(const nlohmann::json& document);

}  // namespace catchment::core
