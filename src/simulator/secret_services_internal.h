#pragma once

#include <map>
#include <string>

#include "simulator/aws_service_internal.h"

namespace catchment::simulator {

/// DynamoDB with one item: `GetItem` of the world's identity.
class DynamodbService final : public AwsService {
 public:
  DynamodbService(const DynamodbWorld& world, const IdentityWorld& identity);

 private:
  HttpResponse Perform(std::string_view operation, const nlohmann::ordered_json& arguments,
                       const ActiveFaults& active, Time now) override;
  std::string_view throttling_type() const override {
    return "ProvisionedThroughputExceededException";
  }

  const std::string table_, id_;
  const IdentityWorld identity_;
};

/// Parameters of the Systems Manager: `GetParameter`.
class SsmService final : public AwsService {
 public:
  SsmService(const SsmWorld& world, const AwsWorld& aws);

 private:
  HttpResponse Perform(std::string_view operation, const nlohmann::ordered_json& arguments,
                       const ActiveFaults& active, Time now) override;

  const std::map<std::string, std::string> parameters_;
};

}  // namespace catchment::simulator
