#pragma once

#include "simulator/granules_internal.h"
#include "simulator/service_internal.h"
#include "simulator/world.h"

namespace catchment::simulator {

/// The hosts of STAC items on one port: `/lp-prod-public/DIRECTORY/TITLE/TITLE_stac.json` without a
/// login; a bucket of the same name for signed requests, if the `Host` is one of S3 (in its name,
/// or as the first part of the path); `/s3credentials`, for a bearer token.
class LpdaacService final : public Service {
 public:
  /// The catalogue outlives the service.
  LpdaacService(const LpdaacWorld& world, const AwsWorld& aws, const GranuleCatalogue& granules)
      : world_(world), aws_(aws), granules_(granules) {}

  std::string_view name() const override { return "lpdaac"; }
  FaultSubject Describe(const HttpRequest& request) const override;
  /// The title of the item.
  std::string CountedAs(const HttpRequest& request) const override;
  ServiceAnswer Answer(const HttpRequest& request, const ActiveFaults& active, Time now) override;

 private:
  HttpResponse Credentials(const HttpRequest& request, const ActiveFaults& active, Time now) const;
  HttpResponse Item(const HttpRequest& request, std::string_view key, bool s3,
                    const ActiveFaults& active, Time now) const;

  // Constant after construction.
  const LpdaacWorld world_;
  const AwsWorld aws_;
  const GranuleCatalogue& granules_;
};

}  // namespace catchment::simulator
