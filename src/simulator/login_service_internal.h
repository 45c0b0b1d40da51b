#pragma once

#include "simulator/service_internal.h"
#include "simulator/token_store_internal.h"
#include "simulator/world.h"

namespace catchment::simulator {

/// `POST /{tenant}/oauth2/v2.0/token`, client credentials only.
class LoginService final : public Service {
 public:
  /// `tokens` outlives the service.
  LoginService(const LoginWorld& world, IdentityWorld identity, TokenStore& tokens)
      : expires_in_(world.expires_in), identity_(std::move(identity)), tokens_(tokens) {}

  std::string_view name() const override { return "login"; }
  FaultSubject Describe(const HttpRequest& request) const override;
  ServiceAnswer Answer(const HttpRequest& request, const ActiveFaults& active, Time now) override;

 private:
  const std::chrono::seconds expires_in_;
  const IdentityWorld identity_;
  TokenStore& tokens_;
};

}  // namespace catchment::simulator
