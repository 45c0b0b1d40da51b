#pragma once

#include <string>

#include "base/op_context.h"
#include "net/secrets.h"

namespace catchment::net {

/// Gives bearer tokens of one identity. Thread-safe.
class TokenSource {
 public:
  virtual ~TokenSource() = default;

  /// A token for `Authorization: Bearer …`. kDenied: the identity is refused or its secret is not
  /// resolvable. kUnavailable: after the tries.
  virtual Result<Secret> Token(const OpContext& context) = 0;

  /// Forget the token if it is still `token`: the service answered 401 to it.
  virtual void Drop(const Secret& token) = 0;
};

/// Always the same token, for replay and tests: recordings know nothing of tokens.
class FixedToken final : public TokenSource {
 public:
  explicit FixedToken(std::string token) : token_(std::move(token)) {}
  Result<Secret> Token(const OpContext&) override { return token_; }
  void Drop(const Secret&) override {}

 private:
  const Secret token_;
};

}  // namespace catchment::net
