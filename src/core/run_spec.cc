#include "core/run_spec.h"

#include <fmt/ranges.h>

#include <algorithm>

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

/// Of a slot parameter: the period's own short forms and no others.
Status CheckSlotText(Period period, const nlohmann::json& value) {
  Pipeline only_period;
  only_period.slot.period = period;
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  const bool right_length = period == Period::kMonth  ? text.size() == 6 || text.size() == 7
                            : period == Period::kYear ? text.size() == 4
                            : period == Period::kDay  ? text.size() == 10
                                                      : text != "due";
  if (right_length && SlotFromId(only_period, SlotId{text}).ok()) return {};
  return Invalid("{}", ExpectedSlotText(period));
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

nlohmann::json GivenValue(const Parameter& parameter, const nlohmann::json& given_values,
                          const EnvironmentVariables& environment_variable) {
  for (const std::string* name : {&parameter.name, &parameter.alias}) {
    if (name->empty() || !given_values.is_object()) continue;
    const auto given = given_values.find(*name);
    if (given != given_values.end() && !NotGiven(*given)) return *given;
  }
  if (parameter.env.empty() || !environment_variable) return {};
  const std::optional<std::string> text = environment_variable(parameter.env);
  return text && !NotGiven(*text) ? nlohmann::json(*text) : nlohmann::json();
}

Result<nlohmann::json> ResolveParameters(const Pipeline& pipeline,
                                         const nlohmann::json& given_values,
                                         const EnvironmentVariables& environment_variable) {
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
    const nlohmann::json value = GivenValue(parameter, given, environment_variable);
    // A default is a value of its type; a box becomes its canonical text all the same.
    const nlohmann::json& chosen = value.is_null() ? parameter.fallback : value;
    if (value.is_null() && parameter.type != "box") {
      values[parameter.name] = chosen;
      continue;
    }
    Result<nlohmann::json> typed = CoerceText(chosen, parameter.type);
    Status fits = typed.status();
    if (fits.ok()) fits = CheckParameter(parameter, *typed);
    if (fits.ok() && parameter.alias == "slot") fits = CheckSlotText(pipeline.slot.period, *typed);
    if (!fits.ok()) {
      complain(fmt::format("{}: {}", parameter.name, fits.error().message));
      continue;
    }
    values[parameter.name] = std::move(typed).value();
  }
  if (!problems.empty()) return Invalid("{}", problems);
  return values;
}

Status CheckParameter(const Parameter& parameter, const nlohmann::json& value) {
  if (value.is_null()) return {};
  if (!parameter.allowed.empty()) {
    const nlohmann::json one = nlohmann::json::array({value});
    for (const nlohmann::json& element : value.is_array() ? value : one) {
      const std::string text = element.is_string() ? element.get<std::string>() : element.dump();
      if (std::find(parameter.allowed.begin(), parameter.allowed.end(), text) !=
          parameter.allowed.end())
        continue;
      const std::string nearest = Nearest(text, parameter.allowed);
      return Invalid("expected {}{}, found '{}'{}", value.is_array() ? "some of " : "",
                     fmt::join(parameter.allowed, ", "), text.substr(0, 64),
                     nearest.empty() ? "" : "; did you mean '" + nearest + "'?");
    }
    if (value.is_array() && value.empty())
      return Invalid("expected some of {}, found none", fmt::join(parameter.allowed, ", "));
  }
  if (!value.is_number()) return {};
  const auto number = value.get<double>();
  if (number >= parameter.minimum.value_or(number) && number <= parameter.maximum.value_or(number))
    return {};
  const auto end = [](const std::optional<double>& bound) {
    return bound ? fmt::format("{:g}", *bound) : std::string();
  };
  if (!parameter.maximum)
    return Invalid("expected at least {}, found {}", end(parameter.minimum), value.dump());
  if (!parameter.minimum)
    return Invalid("expected at most {}, found {}", end(parameter.maximum), value.dump());
  return Invalid("expected {} to {}, found {}", end(parameter.minimum), end(parameter.maximum),
                 value.dump());
}

std::string ExpectedSlotText(Period period) {
  switch (period) {
    case Period::kMonth:
      return "expected YYYYMM, e.g. 202401";
    case Period::kYear:
      return "expected YYYY, e.g. 2024";
    case Period::kDay:
      return "expected YYYY-MM-DD, e.g. 2024-01-17";
    case Period::kHour:
    case Period::kNone:
      break;
  }
  return "expected a time such as 2026-01-28T00:10:00Z";
}

Result<std::chrono::milliseconds> OpenTime(const RunSpec& spec) {
  const std::string& open = spec.definition->slot.open;
  if (open.empty()) return std::chrono::milliseconds(0);
  ASSIGN_OR_RETURN(const std::string text, ExpandPlaceholders(open, spec.placeholders));
  return ParseDuration(text).WithContext("slot.open");
}

}  // namespace catchment::core
