#pragma once

#include <memory>
#include <string>

#include "base/mutex.h"
#include "core/config.h"
#include "net/oauth.h"
#include "net/secrets.h"
#include "net/token_source.h"
#include "net/transport.h"

namespace catchment::app {

/// Tokens of a configured identity. Its references are resolved when the first token is asked for,
/// so that a run that needs none needs no secret. Thread-safe. `transport` and `secrets` outlive
/// it.
class IdentityTokens final : public net::TokenSource {
 public:
  IdentityTokens(core::Identity identity, net::Transport& transport, net::SecretStore& secrets)
      : identity_(std::move(identity)), transport_(transport), secrets_(secrets) {}

  Result<net::Secret> Token(const OpContext& context) override;
  void Drop(const net::Secret& token) override;

 private:
  Result<net::OAuthTokens*> Tokens(const OpContext& context);
  Result<net::Secret> Resolve(const char* field, const OpContext& context) const;

  // Constant after construction.
  const core::Identity identity_;
  net::Transport& transport_;
  net::SecretStore& secrets_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::unique_ptr<net::OAuthTokens> tokens_ GUARDED_BY(mutex_);
};

}  // namespace catchment::app
