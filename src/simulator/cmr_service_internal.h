#pragma once

#include <memory>

#include "simulator/granules_internal.h"
#include "simulator/service_internal.h"
#include "simulator/world.h"

namespace catchment::simulator {

/// GET /search/granules.json of NASA's Common Metadata Repository: pages by `CMR-Search-After`, in
/// the order of time and number; the page behind the last is empty and has no token.
class CmrService final : public Service {
 public:
  static constexpr std::string_view kPath = "/search/granules.json";

  /// The catalogue outlives the service.
  explicit CmrService(const GranuleCatalogue& granules) : granules_(granules) {}

  std::string_view name() const override { return "cmr"; }
  /// Faults match the path, the decoded query and, from the second page on, `#` and the token.
  FaultSubject Describe(const HttpRequest& request) const override;
  /// `COLLECTIONS DAY KIND`: the day its window begins (`-`: none), and whether it is asked for
  /// `entries`, only for `hits` or for what is `updated` since.
  std::string CountedAs(const HttpRequest& request) const override;
  ServiceAnswer Answer(const HttpRequest& request, const ActiveFaults& active, Time now) override;

 private:
  const GranuleCatalogue& granules_;
};

}  // namespace catchment::simulator
