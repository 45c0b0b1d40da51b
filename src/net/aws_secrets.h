#pragma once

#include <string>
#include <string_view>

#include "net/retry.h"
#include "net/secrets.h"
#include "net/transport.h"

namespace catchment::net {

/// Resolves what another store does, and references kept in AWS, asked with that store's
/// credentials (net/aws_signature.h):
///   `ssm:NAME`           one parameter, decrypted
///   `dynamodb:TABLE/ID`  an item's fields (GetFields): key `id`, texts of the map `data`
/// both with an optional `?region=us-west-2`. Exchanges are never recorded. Thread-safe.
class AwsSecretStore final : public SecretStore {
 public:
  /// `local` and `transport` outlive this.
  AwsSecretStore(SecretStore& local, Transport& transport, RetryPolicy retry = {.tries = 3})
      : local_(local), transport_(transport), retry_(retry) {}

  /// Errors as of SecretStore; kDenied also: the service refuses the credentials. kUnavailable:
  /// after the tries.
  Result<Secret> Get(std::string_view reference, const OpContext& context) override;
  /// kNotFound: no such table or item. kInvalid: the item has another form.
  Result<SecretFields> GetFields(std::string_view reference, const OpContext& context) override;

 private:
  // Constant after construction.
  SecretStore& local_;
  Transport& transport_;
  const RetryPolicy retry_;
};

}  // namespace catchment::net
