#pragma once

#include <string>
#include <string_view>

#include "simulator/delivery_log_internal.h"
#include "simulator/service_internal.h"

namespace catchment::simulator {

/// A webhook: `POST {"text": …}`. Each text becomes a delivery.
class SlackService final : public Service {
 public:
  /// `deliveries` outlives the service.
  SlackService(const SlackWorld& world, DeliveryLog& deliveries)
      : path_(world.path), deliveries_(deliveries) {}

  std::string_view name() const override { return "slack"; }
  FaultSubject Describe(const HttpRequest& request) const override;
  ServiceAnswer Answer(const HttpRequest& request, const ActiveFaults& active, Time now) override;

 private:
  // Constant after construction.
  const std::string path_;
  // Thread-safe itself.
  DeliveryLog& deliveries_;
};

}  // namespace catchment::simulator
