#pragma once

#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace catchment::simulator {

/// Where a YAML document came from, for messages.
struct YamlSource {
  std::string file;
  std::vector<std::string> overridden;  ///< dotted keys that were set from outside the file
};

/// Turn `node` into JSON of the types that `schema` asks for, checking it on the way. Understood:
/// type (one), enum, properties, required, additionalProperties (false, or a schema), items,
/// minimum, maximum, minProperties, maxProperties, $ref into `schema`'s $defs, and format
/// `duration`, `date-time`, `clock`. kInvalid: file:line:column, the key, what was expected, the
/// nearest known key.
Result<nlohmann::ordered_json> ReadBySchema(const YAML::Node& node, const nlohmann::json& schema,
                                            const YamlSource& source);

}  // namespace catchment::simulator
