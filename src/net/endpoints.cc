#include "net/endpoints.h"

#include "base/text.h"
#include "net/url.h"

namespace catchment::net {
namespace {

constexpr std::string_view kPrefix = "CATCHMENT_ENDPOINT_";

std::string VariableOf(std::string_view service) {
  std::string name(kPrefix);
  for (const char c : service) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

}  // namespace

Result<Endpoints> Endpoints::Make(const std::map<std::string, std::string>& services,
                                  std::vector<ServiceHost> hosts) {
  Endpoints endpoints;
  for (const auto& [service, base] : services) {
    const std::string variable = VariableOf(service);
    const Result<Url> url = ParseUrl(base);
    if (!url.ok() || !IsLoopbackHost(url->host)) {
      return Invalid(
          "{} names {}: only loopback URLs such as http://127.0.0.1:9000 are allowed; unset the "
          "variable to ask the real service",
          variable, url.ok() ? "host " + url->host : "no http or https URL");
    }
    if (url->query) return Invalid("{}: a base URL has no query", variable);
    std::string text = url->ToText();
    while (text.ends_with('/')) text.pop_back();
    endpoints.services_[service] = std::move(text);
  }
  endpoints.hosts_ = std::move(hosts);
  return endpoints;
}

Result<Endpoints> Endpoints::FromEnvironment(const char* const* environment,
                                             std::vector<ServiceHost> hosts) {
  std::map<std::string, std::string> services;
  for (; *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    const size_t equals = variable.find('=');
    if (!variable.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    const std::string_view value = Trim(variable.substr(equals + 1));
    if (value.empty()) continue;
    services[ToLower(variable.substr(kPrefix.size(), equals - kPrefix.size()))] = value;
  }
  return Make(services, std::move(hosts));
}

Result<std::string> Endpoints::Effective(std::string_view service, std::string_view url) const {
  if (services_.empty()) return std::string(url);
  ASSIGN_OR_RETURN(const Url real, ParseUrl(url));
  std::string name(service);
  if (name.empty()) {
    for (const ServiceHost& row : hosts_) {
      if (GlobMatch(row.host, real.host)) {
        name = row.service;
        break;
      }
    }
  }
  const auto found = services_.find(name);
  if (found == services_.end()) {
    if (IsLoopbackHost(real.host)) return std::string(url);
    return Invalid(
        "the world is simulated, but no CATCHMENT_ENDPOINT_ variable stands for host {}{}; "
        "nothing is sent to real services",
        real.host, name.empty() ? "" : " (service " + name + ")");
  }
  return found->second + real.path + (real.query ? "?" + *real.query : "");
}

}  // namespace catchment::net
