#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "net/aws_signature.h"
#include "net/retry.h"
#include "net/secrets.h"
#include "net/transport.h"

namespace catchment::net {

/// A service that speaks AWS's JSON protocol: one POST an operation.
struct AwsJsonService {
  std::string service;                 ///< for CATCHMENT_ENDPOINT_<SERVICE>
  std::string signing_name;            ///< in the signature: `dynamodb`
  std::string host;                    ///< before `.REGION.amazonaws.com`
  std::string target;                  ///< before the operation: `DynamoDB_20120810`
  std::string json_version = "1.0";    ///< of application/x-amz-json-
  std::string configured_region = {};  ///< empty: of the environment
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
  bool record = false;  ///< secrets are never recorded
};

/// What an operation came to: `type` is empty when it succeeded.
struct AwsAnswer {
  int status = 0;
  std::string type = {};     ///< `RejectedRecordsException`, without its namespace
  std::string message = {};  ///< the service's, one line without secrets, at most 300 bytes
  nlohmann::json body = nlohmann::json::object();  ///< always an object
  std::optional<std::chrono::seconds> retry_after = {};

  bool ok() const { return type.empty(); }
  /// ok, or kUnavailable (throttled, the service's own fault), kDenied (credentials, permission),
  /// kNotFound (what the request names is not there), kInvalid (the rest). `operation` begins the
  /// message.
  Status ToStatus(std::string_view operation) const;
};

/// Calls one service. Credentials and region are resolved at each call, so that rotated keys are
/// seen. Thread-safe. `transport` and `secrets` outlive it.
class AwsClient {
 public:
  AwsClient(Transport& transport, SecretStore& secrets, AwsJsonService service)
      : transport_(transport), secrets_(secrets), service_(std::move(service)) {}

  /// Make a signed request of `operation`. `host` replaces the service's own (a cell that it
  /// named). kDenied: no credentials. kInvalid: no region.
  Result<Request> Prepare(std::string_view operation, std::string body, const OpContext& context,
                          std::string_view host = {}) const;
  /// Sign again: a signature is good for a few minutes only.
  Status Sign(Request& request, const OpContext& context) const;
  /// Read an answer. kUnavailable: no connection, or a success that is no JSON object.
  Result<AwsAnswer> Read(const Request& request, Result<Response> response,
                         const OpContext& context) const;

  /// Prepare, send and read, once. An answer of any kind is an AwsAnswer.
  Result<AwsAnswer> Call(std::string_view operation, const nlohmann::json& body,
                         const OpContext& context) const;
  /// Call until it succeeds, as `retry` allows: AwsAnswer::ToStatus kUnavailable is tried again,
  /// any other failure is the error.
  Result<nlohmann::json> CallUntil(const RetryPolicy& retry, std::string_view operation,
                                   const nlohmann::json& body, const OpContext& context) const;

 private:
  Result<std::string> Region(const OpContext& context) const;

  // Constant after construction.
  Transport& transport_;
  SecretStore& secrets_;
  const AwsJsonService service_;
};

}  // namespace catchment::net
