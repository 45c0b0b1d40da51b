#include "app/sql_values.h"

namespace catchment::app {
namespace {

columnar::SqlValue ToSqlValue(const nlohmann::json& value) {
  if (value.is_null()) return std::monostate();
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  return value.dump();
}

}  // namespace

columnar::SqlParameters MakeSqlParameters(const core::RunSpec& spec) {
  return MakeSqlParameters(spec.parameters, spec.slot.start);
}

columnar::SqlParameters MakeSqlParameters(const nlohmann::json& values, Time slot) {
  columnar::SqlParameters parameters;
  parameters["slot"] = slot;
  for (const auto& [name, value] : values.items()) parameters["param_" + name] = ToSqlValue(value);
  return parameters;
}

}  // namespace catchment::app
