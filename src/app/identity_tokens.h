#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "core/config.h"
#include "net/oauth.h"
#include "net/secrets.h"
#include "net/token_source.h"
#include "net/transport.h"

namespace catchment::app {

/// A configured identity at work. Its references are resolved when something of it is first asked
/// for, so that a run that needs none needs no secret. `from` is a map of references, or one
/// reference to a structured secret: `dynamodb:TABLE/ID`, or a text that is a JSON object (`file:`,
/// `env:`). Fields: tenant_id, client_id, client_secret, subscriptions; or `token`, of an identity
/// that has one for good. Thread-safe. `transport` and `secrets` outlive it.
class IdentityTokens final : public net::TokenSource {
 public:
  IdentityTokens(core::Identity identity, net::Transport& transport, net::SecretStore& secrets)
      : identity_(std::move(identity)), transport_(transport), secrets_(secrets) {}

  Result<net::Secret> Token(const OpContext& context) override;
  void Drop(const net::Secret& token) override;

  /// Trimmed, without repetitions, in the order given. kDenied: the identity has none.
  Result<std::vector<std::string>> Subscriptions(const OpContext& context);

 private:
  Result<net::OAuthTokens*> Tokens(const OpContext& context);
  Result<net::Secret> Resolve(const char* field, const OpContext& context) REQUIRES(mutex_);
  bool HasToken() const;
  Result<net::SecretFields> Structured(const std::vector<std::string>& references,
                                       const OpContext& context) const;

  // Constant after construction.
  const core::Identity identity_;
  net::Transport& transport_;
  net::SecretStore& secrets_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::optional<net::SecretFields> fields_ GUARDED_BY(mutex_);  // of a structured secret
  std::unique_ptr<net::OAuthTokens> tokens_ GUARDED_BY(mutex_);
};

}  // namespace catchment::app
