#pragma once

#include <string>
#include <string_view>

#include "simulator/delivery_log_internal.h"
#include "simulator/service_internal.h"

namespace catchment::simulator {

/// Why a line is no line protocol (`measurement,tag=v field=1.5,other=2i 1700000000000000000`);
/// empty if it is. The time may be absent.
std::string ProblemOfLine(std::string_view line);

/// Takes line protocol by `POST /api/v2/write?org=&bucket=&precision=` and, as the first version
/// did, `POST /write?db=&precision=`. Each line becomes a delivery; a line that cannot be read is
/// refused, the others of its request are kept.
class InfluxService final : public Service {
 public:
  /// `deliveries` outlives the service.
  InfluxService(const InfluxWorld& world, DeliveryLog& deliveries)
      : world_(world), deliveries_(deliveries) {}

  std::string_view name() const override { return "influx"; }
  FaultSubject Describe(const HttpRequest& request) const override;
  ServiceAnswer Answer(const HttpRequest& request, const ActiveFaults& active, Time now) override;

 private:
  HttpResponse Take(std::string_view lines, const std::string& to, const std::string& precision,
                    const ActiveFaults& active, Time now);

  // Constant after construction.
  const InfluxWorld world_;
  // Thread-safe itself.
  DeliveryLog& deliveries_;
};

}  // namespace catchment::simulator
