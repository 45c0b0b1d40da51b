#include "core/run_spec.h"

#include <set>

#include "base/text.h"
#include "core/value_type_internal.h"

namespace catchment::core {

std::string_view RefreshName(Refresh refresh) {
  switch (refresh) {
    case Refresh::kUnset:
      return "";
    case Refresh::kAuto:
      return "auto";
    case Refresh::kAll:
      return "all";
    case Refresh::kNone:
      return "none";
  }
  return "";
}

Result<Refresh> ParseRefresh(std::string_view text) {
  for (const Refresh refresh : {Refresh::kAuto, Refresh::kAll, Refresh::kNone}) {
    if (text == RefreshName(refresh)) return refresh;
  }
  return Invalid("refresh '{}' is not known; use auto, all or none", text);
}

namespace {

/// Empty, or what AWS Batch leaves where a parameter was not given.
bool NotGiven(const nlohmann::json& value) {
  if (value.is_null()) return true;
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return text.empty() || text.starts_with("Ref::");
}

std::vector<std::string> KnownNames(const Pipeline& pipeline) {
  std::vector<std::string> names;
  for (const Parameter& parameter : pipeline.parameters) {
    names.push_back(parameter.name);
    if (!parameter.alias.empty()) names.push_back(parameter.alias);
  }
  return names;
}

}  // namespace

Result<nlohmann::json> ResolveParameters(
    const Pipeline& pipeline, const nlohmann::json& given_values,
    const std::function<std::optional<std::string>(const std::string&)>& environment_variable) {
  const nlohmann::json given = given_values.is_object() ? given_values : nlohmann::json::object();
  std::string problems;
  const auto complain = [&](const std::string& text) {
    problems += (problems.empty() ? "" : "\n") + text;
  };
  const std::vector<std::string> known = KnownNames(pipeline);
  for (const auto& [name, value] : given.items()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string nearest = Nearest(name, known);
    complain(fmt::format(
        "{} has no parameter '{}'{}", pipeline.name, name,
        nearest.empty()
            ? fmt::format("; it has {}",
                          known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", ")))
            : "; did you mean '" + nearest + "'?"));
  }
  nlohmann::json values = nlohmann::json::object();
  for (const Parameter& parameter : pipeline.parameters) {
    nlohmann::json value = given.value(parameter.name, nlohmann::json());
    if (NotGiven(value) && !parameter.alias.empty()) {
      value = given.value(parameter.alias, nlohmann::json());
    }
    if (NotGiven(value) && !parameter.env.empty() && environment_variable) {
      const std::optional<std::string> text = environment_variable(parameter.env);
      value = text ? nlohmann::json(*text) : nlohmann::json();
    }
    if (NotGiven(value)) {
      values[parameter.name] = parameter.fallback;
      continue;
    }
    Result<nlohmann::json> typed = CoerceText(value, parameter.type);
    if (!typed.ok()) {
      complain(fmt::format("{}: {}", parameter.name, typed.error().message));
      continue;
    }
    values[parameter.name] = std::move(typed).value();
  }
  if (!problems.empty()) return Invalid("{}", problems);
  return values;
}

}  // namespace catchment::core
