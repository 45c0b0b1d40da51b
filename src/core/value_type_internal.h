#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace catchment::core {

/// The names that ComponentKey::type and Parameter::type may have.
const std::vector<std::string>& ValueTypes();

/// Whether `value` is of `type`; texts with placeholders and null are of every type. kInvalid: says
/// what is expected.
Status CheckType(const nlohmann::json& value, std::string_view type);

/// Turn a text, as a command line or an environment variable gives it, into a value of `type`:
/// lists are separated by commas, maps are JSON, a box becomes its BoxText. Other values are only
/// checked.
Result<nlohmann::json> CoerceText(const nlohmann::json& value, std::string_view type);

}  // namespace catchment::core
