#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "simulator/faults_internal.h"
#include "simulator/http_server_internal.h"

namespace catchment::simulator {

/// What a service makes of a request.
struct ServiceAnswer {
  HttpResponse response;
  std::string bucket;  ///< the allowance it was counted against; empty if none
};

/// One imitated API. Methods are called by many threads at once. Faults that any service can have
/// are applied by the caller; `active` holds those for the service itself.
class Service {
 public:
  virtual ~Service() = default;
  virtual std::string_view name() const = 0;
  virtual FaultSubject Describe(const HttpRequest& request) const = 0;
  virtual ServiceAnswer Answer(const HttpRequest& request, const ActiveFaults& active,
                               Time now) = 0;
  /// Count a request that a fault answers in the service's place: it has arrived all the same.
  /// Returns its bucket.
  virtual std::string Count(const HttpRequest& /*request*/, Time /*now*/) { return ""; }
  /// Under what a request is counted in RequestCounts; empty: it is not.
  virtual std::string CountedAs(const HttpRequest& /*request*/) const { return ""; }
};

}  // namespace catchment::simulator
