#include "net/endpoints.h"

#include "base/text.h"
#include "net/url.h"

namespace catchment::net {

Result<Endpoints> Endpoints::Make(std::map<std::string, std::string> services,
                                  std::vector<ServiceHost> hosts) {
  Endpoints endpoints;
  for (auto& [service, base] : services) {
    ASSIGN_OR_RETURN(const Url url, ParseUrl(base), "endpoint of {}", service);
    if (!IsLoopbackHost(url.host)) {
      return Invalid(
          "endpoint of {} is {}: only loopback addresses (127.0.0.1, ::1) are allowed; unset the "
          "variable to ask the real service",
          service, url.ToText());
    }
    if (url.query) return Invalid("endpoint of {}: a base URL has no query", service);
    std::string text = url.ToText();
    while (text.ends_with('/')) text.pop_back();
    endpoints.services_[service] = std::move(text);
  }
  endpoints.hosts_ = std::move(hosts);
  return endpoints;
}

Result<Endpoints> Endpoints::FromEnvironment(const char* const* environment,
                                             std::vector<ServiceHost> hosts) {
  constexpr std::string_view kPrefix = "CATCHMENT_ENDPOINT_";
  std::map<std::string, std::string> services;
  for (; *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    const size_t equals = variable.find('=');
    if (!variable.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    const std::string_view value = Trim(variable.substr(equals + 1));
    if (value.empty()) continue;
    services[ToLower(variable.substr(kPrefix.size(), equals - kPrefix.size()))] = value;
  }
  return Make(std::move(services), std::move(hosts));
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
