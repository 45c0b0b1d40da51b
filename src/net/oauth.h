#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "net/retry.h"
#include "net/secrets.h"
#include "net/token_source.h"
#include "net/transport.h"

namespace catchment::net {

/// A principal of Microsoft Entra that signs in with a secret.
struct ClientCredentials {
  std::string login_url = "https://login.microsoftonline.com";
  std::string tenant_id = {};
  std::string client_id = {};
  Secret client_secret = {};
  std::string scope = "https://management.azure.com/.default";
};

/// Gives access tokens by the client credentials grant. One token is shared by all callers and
/// renewed when less than five minutes of its life remain; one thread asks, the others wait.
/// Exchanges are never recorded. Thread-safe. Source: docs/pipelines/azure-spot.md, authentication.
class OAuthTokens final : public TokenSource {
 public:
  /// `transport` outlives this.
  OAuthTokens(Transport& transport, ClientCredentials credentials,
              RetryPolicy retry = {.tries = 3});

  /// A token for the header `Authorization: Bearer …`. kDenied: the service refuses the credentials
  /// (400, 401, 403); a refusal is remembered, so that no further call is made with them.
  /// kUnavailable: after the tries.
  Result<Secret> Token(const OpContext& context) override;

  /// Forget the token if it is still `token`: the service answered 401 to it.
  void Drop(const Secret& token) override;

 private:
  struct Held {
    Secret token;
    Time renew_at;
  };
  Result<Held> Ask(const OpContext& context);

  // Constant after construction.
  Transport& transport_;
  const ClientCredentials credentials_;
  const RetryPolicy retry_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::optional<Held> held_ GUARDED_BY(mutex_);
  std::optional<Error> refused_ GUARDED_BY(mutex_);
};

/// The token and its life in seconds from the service's answer.
struct TokenAnswer {
  Secret token;
  std::chrono::seconds expires_in{};
};
/// Parse a 200 answer. `expires_in` may be a number or a number as text. kCorrupt: another form.
Result<TokenAnswer> ParseTokenAnswer(std::string_view body);

}  // namespace catchment::net
