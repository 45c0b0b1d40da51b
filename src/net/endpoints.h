#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace catchment::net {

/// Real hosts of a service; `host` is a glob in lower case: {"prices.azure.com", "prices"},
/// {"ec2.*.amazonaws.com", "ec2"}.
struct ServiceHost {
  std::string host;
  std::string service;
};

/// Where services are asked instead of their real addresses: the variables
/// CATCHMENT_ENDPOINT_<SERVICE>, which may name loopback only. The request keeps its path and query
/// and carries the real `Host`, so signatures and vault keys do not depend on a simulator. While
/// any is set, nothing is sent beyond loopback. A value.
///
/// Services in use: `prices`, `management`, `login`, `files`; for secrets `dynamodb` and `ssm`; for
/// sinks `timestream` (its cells too: whatever address DescribeEndpoints names), `logs` (CloudWatch
/// Logs), `influx` (line protocol), `slack`; for HLS `cmr` (search of granules) and `lpdaac` (the
/// hosts of STAC items, the bucket included).
class Endpoints {
 public:
  Endpoints() = default;

  /// `services`: service in lower case → base URL, e.g. {"prices", "http://127.0.0.1:9000"}. The
  /// first matching row of `hosts` names the service of a URL found in an answer. kInvalid: a URL
  /// that is not loopback.
  static Result<Endpoints> Make(const std::map<std::string, std::string>& services,
                                std::vector<ServiceHost> hosts);

  /// Read the variables of `environment` ("NAME=value" texts, ends with null; usually `environ`).
  /// CATCHMENT_ENDPOINT_RESOURCE_GRAPH is service `resource_graph`.
  static Result<Endpoints> FromEnvironment(const char* const* environment,
                                           std::vector<ServiceHost> hosts);

  /// Whether any is set, i.e. whether the world is simulated.
  bool any() const { return !services_.empty(); }
  const std::map<std::string, std::string>& services() const { return services_; }

  /// The URL to connect to for the real `url`. `service` may be empty. Unchanged if none is set, or
  /// `url` is loopback already and has no endpoint. kInvalid: some are set, but none for this
  /// service or host.
  Result<std::string> Effective(std::string_view service, std::string_view url) const;

 private:
  std::map<std::string, std::string> services_;  ///< base URLs without trailing '/'
  std::vector<ServiceHost> hosts_;
};

}  // namespace catchment::net
