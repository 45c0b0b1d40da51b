#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "simulator/service_internal.h"

namespace catchment::simulator {

/// Why a request's AWS signature, version 4, is not the one that its bytes, `aws` and the service's
/// name ask for; `type` is empty if it is. If the host's name has a region
/// (`….us-east-1.amazonaws.com`), it must be signed for; the date is at most 15 minutes from `now`
/// or from the machine's clock. `service` s3: the header x-amz-content-sha256 stands for the body.
struct SignatureProblem {
  std::string type;
  std::string message;
};
SignatureProblem CheckSignature(const HttpRequest& request, const AwsWorld& aws,
                                std::string_view service, Time now);

/// A service of AWS that speaks JSON: `POST /` with `X-Amz-Target: PREFIX.OPERATION`, signed.
class AwsService : public Service {
 public:
  struct Dialect {
    std::string_view name;          ///< of the service, also in signatures
    std::string_view target;        ///< DynamoDB_20120810
    std::string_view type_prefix;   ///< of `__type` in errors
    std::string_view json_version;  ///< 1.0
  };

  std::string_view name() const override { return dialect_.name; }
  FaultSubject Describe(const HttpRequest& request) const override;
  /// Checks what all operations have in common, answers the faults `access_denied` and
  /// `throttled`, and asks Perform for the rest.
  ServiceAnswer Answer(const HttpRequest& request, const ActiveFaults& active, Time now) override;
  /// Answer one operation of a request that was checked.
  virtual HttpResponse Perform(std::string_view operation, const nlohmann::ordered_json& arguments,
                               const ActiveFaults& active, Time now) = 0;

 protected:
  AwsService(const Dialect& dialect, const AwsWorld& aws) : dialect_(dialect), aws_(aws) {}
  virtual int throttling_status() const { return 400; }
  virtual std::string_view throttling_type() const { return "ThrottlingException"; }

  HttpResponse Ok(const nlohmann::ordered_json& body) const;
  HttpResponse Fail(int status, std::string_view type, std::string_view message) const;
  HttpResponse NoOperation(std::string_view operation) const;

 private:
  const Dialect dialect_;
  const AwsWorld aws_;
};

/// The text of a member, or "" if it is absent or something else.
std::string TextOf(const nlohmann::ordered_json& object, const char* member);

}  // namespace catchment::simulator
