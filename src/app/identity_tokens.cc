#include "app/identity_tokens.h"

#include "base/text.h"

namespace catchment::app {
namespace {

/// Field names are compared without case and `_`.
std::string Folded(std::string_view name) {
  std::string folded = ToLower(name);
  std::erase(folded, '_');
  return folded;
}

std::vector<std::string> References(const nlohmann::json& from, const char* field) {
  std::vector<std::string> references;
  if (!from.is_object()) return references;
  for (const auto& [name, value] : from.items()) {
    if (Folded(name) != Folded(field)) continue;
    if (value.is_string()) references.push_back(value.get<std::string>());
    if (value.is_array()) {
      for (const nlohmann::json& reference : value)
        references.push_back(reference.get<std::string>());
    }
  }
  return references;
}

}  // namespace

Result<net::Secret> IdentityTokens::Resolve(const char* field, const OpContext& context) const {
  const std::vector<std::string> references = References(identity_.from, field);
  if (references.empty()) {
    return Denied(
        "identity '{}' has no reference for '{}'; add it under identities: in catchment.yaml",
        identity_.name, field);
  }
  Result<net::Secret> secret = secrets_.GetFirst(references, context);
  if (!secret.ok()) {  // an absent secret is a matter of credentials
    return Denied("identity '{}', {}: {}", identity_.name, field, secret.error().message);
  }
  return secret;
}

Result<net::OAuthTokens*> IdentityTokens::Tokens(const OpContext& context) {
  MutexLock lock(mutex_);
  if (tokens_) return tokens_.get();
  net::ClientCredentials credentials;
  ASSIGN_OR_RETURN(const net::Secret tenant, Resolve("tenant_id", context));
  ASSIGN_OR_RETURN(const net::Secret client, Resolve("client_id", context));
  ASSIGN_OR_RETURN(credentials.client_secret, Resolve("client_secret", context));
  credentials.tenant_id = tenant.Reveal();
  credentials.client_id = client.Reveal();
  tokens_ = std::make_unique<net::OAuthTokens>(transport_, std::move(credentials));
  return tokens_.get();
}

Result<net::Secret> IdentityTokens::Token(const OpContext& context) {
  ASSIGN_OR_RETURN(net::OAuthTokens * tokens, Tokens(context));
  return tokens->Token(context);
}

void IdentityTokens::Drop(const net::Secret& token) {
  MutexLock lock(mutex_);
  if (tokens_) tokens_->Drop(token);
}

}  // namespace catchment::app
