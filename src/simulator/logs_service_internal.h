#pragma once

#include <map>
#include <set>
#include <string>

#include "base/mutex.h"
#include "simulator/aws_service_internal.h"
#include "simulator/delivery_log_internal.h"

namespace catchment::simulator {

/// CloudWatch Logs: `CreateLogGroup`, `CreateLogStream`, `PutLogEvents`. Each event becomes a
/// delivery.
class LogsService final : public AwsService {
 public:
  /// `deliveries` outlives the service.
  LogsService(const LogsWorld& world, const AwsWorld& aws, DeliveryLog& deliveries);

 private:
  HttpResponse Perform(std::string_view operation, const nlohmann::ordered_json& arguments,
                       const ActiveFaults& active, Time now) override;
  HttpResponse CreateGroup(const std::string& group);
  HttpResponse CreateStream(const std::string& group, const std::string& stream);
  HttpResponse Put(const nlohmann::ordered_json& arguments, const ActiveFaults& active, Time now);
  bool HasStream(const std::string& group, const std::string& stream);

  // Thread-safe itself.
  DeliveryLog& deliveries_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::map<std::string, std::set<std::string>> groups_ GUARDED_BY(mutex_);
};

}  // namespace catchment::simulator
