#pragma once

#include <map>
#include <set>
#include <string>

#include "base/mutex.h"
#include "simulator/aws_service_internal.h"
#include "simulator/delivery_log_internal.h"

namespace catchment::simulator {

/// Amazon Timestream for writing: `DescribeEndpoints` and `WriteRecords`. A record is known by
/// table, dimensions, measure name and time. A higher version replaces it, a lower one is
/// rejected; the same version is taken again if it says the same. Each record that is stored or
/// replaced becomes a delivery.
class TimestreamService final : public AwsService {
 public:
  /// `deliveries` outlives the service.
  TimestreamService(const TimestreamWorld& world, const AwsWorld& aws, DeliveryLog& deliveries);

  /// HOST:PORT that DescribeEndpoints names. Before the first request.
  void set_address(std::string address) { address_ = std::move(address); }

 private:
  struct Stored {
    int64_t version = 0;
    std::string values;
  };
  struct Record {
    std::string problem;  // empty: may be stored
    std::string key;
    int64_t version = 1;
    nlohmann::ordered_json whole;  // with the common attributes
  };

  HttpResponse Perform(std::string_view operation, const nlohmann::ordered_json& arguments,
                       const ActiveFaults& active, Time now) override;
  int throttling_status() const override { return 429; }
  HttpResponse Write(const nlohmann::ordered_json& arguments, const ActiveFaults& active, Time now);
  /// The rejection, or null if the record is stored.
  nlohmann::ordered_json Store(const std::string& table, const Record& record, Time now)
      REQUIRES(mutex_);
  static Record ReadRecord(const nlohmann::ordered_json& common,
                           const nlohmann::ordered_json& record);

  // Constant after construction.
  const std::set<std::string> tables_;
  std::string address_;
  // Thread-safe itself.
  DeliveryLog& deliveries_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::map<std::string, Stored> stored_ GUARDED_BY(mutex_);
};

}  // namespace catchment::simulator
