#include "app/identity_tokens.h"

#include "base/text.h"

namespace catchment::app {
namespace {

std::vector<std::string> Texts(const nlohmann::json& value) {
  if (value.is_string()) return {value.get<std::string>()};
  std::vector<std::string> texts;
  if (!value.is_array()) return texts;
  for (const nlohmann::json& text : value) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

/// The references that a map gives for `field`. Names are compared without case and `_`.
std::vector<std::string> References(const nlohmann::json& from, const char* field) {
  const auto folded = [](std::string_view name) {
    std::string text = ToLower(name);
    std::erase(text, '_');
    return text;
  };
  for (const auto& [name, value] : from.items()) {
    if (folded(name) == folded(field)) return Texts(value);
  }
  return {};
}

/// The fields of a secret whose text is a JSON object.
Result<net::SecretFields> ParseFields(const std::string& reference, const net::Secret& secret) {
  const auto document = nlohmann::json::parse(secret.Reveal(), nullptr, false);
  if (!document.is_object()) {
    return Invalid(
        "{}: expected a JSON object with the texts tenant_id, client_id, client_secret and "
        "subscriptions",
        reference);
  }
  net::SecretFields fields(reference);
  for (const auto& [name, value] : document.items()) {
    if (!value.is_string()) return Invalid("{}: {}: expected a text", reference, name);
    RETURN_IF_ERROR(fields.Add(name, net::Secret(value.get<std::string>())));
  }
  return fields;
}

}  // namespace

Result<net::SecretFields> IdentityTokens::Structured(const std::vector<std::string>& references,
                                                     const OpContext& context) const {
  if (references.empty()) {
    return Denied("identity '{}' has no references; add them under identities: in catchment.yaml",
                  identity_.name);
  }
  Error last;
  for (const std::string& reference : references) {
    Result<net::SecretFields> fields = Invalid("");
    if (net::HasFields(reference)) {
      fields = secrets_.GetFields(reference, context);
    } else {
      const Result<net::Secret> text = secrets_.Get(reference, context);
      fields = text.ok() ? ParseFields(reference, *text) : Result<net::SecretFields>(text.error());
    }
    if (fields.ok()) return fields;
    last = fields.error();
    if (last.code != Code::kNotFound) break;
  }
  // An absent or wrong secret is a matter of credentials; a store that is down is not.
  if (last.code == Code::kNotFound || last.code == Code::kInvalid) last.code = Code::kDenied;
  return Status(std::move(last)).WithContext("identity '" + identity_.name + "'").error();
}

Result<net::Secret> IdentityTokens::Resolve(const char* field, const OpContext& context) {
  Result<net::Secret> secret = Invalid("");
  if (identity_.from.is_object()) {
    const std::vector<std::string> references = References(identity_.from, field);
    if (references.empty()) {
      return Denied(
          "identity '{}' has no reference for '{}'; add it under identities: in catchment.yaml",
          identity_.name, field);
    }
    secret = secrets_.GetFirst(references, context);
  } else {
    if (!fields_) {
      ASSIGN_OR_RETURN(fields_, Structured(Texts(identity_.from), context));
    }
    secret = fields_->Get(field);
  }
  if (secret.ok()) return secret;
  const Code code = secret.error().code;
  // A store that is down and a run that ends say nothing about the secret.
  if (code == Code::kUnavailable || code == Code::kDeadline || code == Code::kCancelled)
    return secret;
  return Denied("identity '{}', {}: {}", identity_.name, field, secret.error().message);
}

Result<std::vector<std::string>> IdentityTokens::Subscriptions(const OpContext& context) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const net::Secret text, Resolve("subscriptions", context));
  std::vector<std::string> ids = net::ParseSubscriptions(text.Reveal());
  if (ids.empty()) return Denied("identity '{}' has no subscriptions", identity_.name);
  return ids;
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

bool IdentityTokens::HasToken() const {
  return identity_.from.is_object() && !References(identity_.from, "token").empty();
}

Result<net::Secret> IdentityTokens::Token(const OpContext& context) {
  if (HasToken()) {
    MutexLock lock(mutex_);
    return Resolve("token", context);
  }
  ASSIGN_OR_RETURN(net::OAuthTokens * tokens, Tokens(context));
  return tokens->Token(context);
}

void IdentityTokens::Drop(const net::Secret& token) {
  MutexLock lock(mutex_);
  if (tokens_) tokens_->Drop(token);
}

}  // namespace catchment::app
