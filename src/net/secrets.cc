#include "net/secrets.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/file.h"
#include "base/text.h"

namespace catchment::net {

namespace {

void Wipe(std::string& text) {
  text.resize(text.capacity());  // a move leaves the bytes of a short text beyond its end
  explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    Wipe(text_);
    text_ = other.text_;
  }
  return *this;
}

// A short text is copied by a move, so the source is wiped.
Secret::Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { Wipe(other.text_); }

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Wipe(text_);
    text_ = std::move(other.text_);
    Wipe(other.text_);
  }
  return *this;
}

Secret::~Secret() { Wipe(text_); }

bool operator==(const Secret& a, const Secret& b) {
  if (a.text_.size() != b.text_.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.text_.size(); ++i) {
    difference |= static_cast<unsigned char>(a.text_[i] ^ b.text_[i]);
  }
  return difference == 0;
}

namespace {

std::string FoldedField(std::string_view name) {
  std::string folded = ToLower(name);
  std::erase(folded, '_');
  return folded == "subscriptionid" ? "subscriptions" : folded;
}

}  // namespace

Status SecretFields::Add(std::string_view name, Secret value) {
  if (!fields_.emplace(FoldedField(name), std::move(value)).second) {
    return Invalid("{}: field '{}' is there twice", reference_, name);
  }
  return {};
}

Result<Secret> SecretFields::Get(std::string_view name) const {
  const auto found = fields_.find(FoldedField(name));
  if (found == fields_.end() || found->second.empty()) {
    return NotFound("{}: there is no field '{}'", reference_, name);
  }
  return found->second;
}

std::vector<std::string> ParseSubscriptions(std::string_view text) {
  std::vector<std::string> subscriptions;
  std::set<std::string> seen;
  for (const std::string& part : Split(text, ',')) {
    const std::string_view id = Trim(part);
    if (!id.empty() && seen.insert(ToLower(id)).second) subscriptions.emplace_back(id);
  }
  return subscriptions;
}

bool HasFields(std::string_view reference) { return reference.starts_with("dynamodb:"); }

Result<SecretFields> SecretStore::GetFields(std::string_view reference, const OpContext& context) {
  RETURN_IF_ERROR(context.Check());
  ASSIGN_OR_RETURN(const SecretReference parsed, ParseSecretReference(reference));
  return Denied("{}: references of kind {}: have no fields here; use dynamodb:TABLE/ID", reference,
                parsed.kind);
}

Result<Secret> SecretStore::GetFirst(std::span<const std::string> references,
                                     const OpContext& context) {
  std::string missing;
  std::optional<Error> failure;
  for (const std::string& reference : references) {
    Result<Secret> secret = Get(reference, context);
    if (secret.ok()) return secret;
    if (secret.error().code != Code::kNotFound && !failure) failure = secret.error();
    missing += (missing.empty() ? "" : "; ") + secret.error().message;
  }
  if (failure) return Error{failure->code, missing, failure->retry_after};
  if (references.empty()) return Invalid("no secret reference is given");
  return NotFound("{}", missing);
}

Result<SecretReference> ParseSecretReference(std::string_view text) {
  constexpr std::array<std::string_view, 6> kKinds = {"env",      "file", "ssm", "secretsmanager",
                                                      "dynamodb", "read"};
  const size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  if (colon == std::string_view::npos ||
      std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end()) {
    return Invalid(
        "a secret is named by a reference such as env:NAME or file:PATH, not written out");
  }
  if (colon + 1 == text.size()) return Invalid("reference '{}' names nothing", text);
  return SecretReference{std::string(kind), std::string(text.substr(colon + 1))};
}

LocalSecretStore::LocalSecretStore(const char* const* environment) {
  for (; *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    const size_t equals = variable.find('=');
    if (equals == std::string_view::npos) continue;
    variables_.emplace(variable.substr(0, equals),
                       Secret(std::string(variable.substr(equals + 1))));
  }
}

Result<Secret> LocalSecretStore::Get(std::string_view reference, const OpContext& context) {
  RETURN_IF_ERROR(context.Check());
  ASSIGN_OR_RETURN(const SecretReference parsed, ParseSecretReference(reference));
  if (parsed.kind == "env") {
    const auto variable = variables_.find(parsed.name);
    if (variable == variables_.end() || variable->second.empty()) {
      return NotFound("{}: the variable is not set", reference);
    }
    return variable->second;
  }
  if (parsed.kind == "file") {
    constexpr uint64_t kLargest = 64 << 10;
    ASSIGN_OR_RETURN(std::string text, ReadFile(parsed.name, kLargest));
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
    if (text.empty()) return NotFound("{}: the file is empty", reference);
    Secret secret(text);
    explicit_bzero(text.data(), text.size());
    return secret;
  }
  return Denied("{}: references of kind {}: are not resolved here; use env:NAME or file:PATH",
                reference, parsed.kind);
}

}  // namespace catchment::net
