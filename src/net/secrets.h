#pragma once

#include <fmt/format.h>

#include <map>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/op_context.h"
#include "base/result.h"

namespace catchment::net {

/// Text that must not be seen: prints as `***`, is overwritten on destruction, and is compared in
/// constant time.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  /// The text itself, for the one place that sends it. Valid while the secret lives.
  const std::string& Reveal() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend bool operator==(const Secret& a, const Secret& b);

 private:
  std::string text_;
};

inline std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

/// What a structured secret holds, by field. Names are compared without case and `_`, and
/// `subscriptionid` is `subscriptions`: the same secret is written by different people. A value.
class SecretFields {
 public:
  /// `reference` is for messages.
  explicit SecretFields(std::string reference) : reference_(std::move(reference)) {}

  /// Add a field. kInvalid: it is there already, perhaps in another spelling.
  Status Add(std::string_view name, Secret value);
  /// The field `name`. kNotFound: it is absent or empty; names the reference and the field.
  Result<Secret> Get(std::string_view name) const;
  size_t size() const { return fields_.size(); }

 private:
  std::string reference_;
  std::map<std::string, Secret, std::less<>> fields_;  ///< by folded name
};

/// The ids of a text such as `a, b,c`: split at commas, trimmed, empty and repeated ones (in any
/// case) dropped, order kept.
std::vector<std::string> ParseSubscriptions(std::string_view text);

/// Resolves references such as `env:NAME` and `file:PATH`. Thread-safe.
class SecretStore {
 public:
  virtual ~SecretStore() = default;

  /// Resolve one reference. kNotFound: the variable or file is absent. kDenied: it may not be read,
  /// or its kind is not resolved here. kInvalid: not a reference. Messages name the reference,
  /// never a value.
  virtual Result<Secret> Get(std::string_view reference, const OpContext& context) = 0;

  /// Resolve a reference to a secret of several fields (`dynamodb:TABLE/ID`). Errors as of Get;
  /// kDenied also: references of this kind have no fields.
  virtual Result<SecretFields> GetFields(std::string_view reference, const OpContext& context);

  /// The first of `references` that resolves; those that are not found are passed over. All
  /// missing: kNotFound naming each. Any other failure is remembered and reported if none resolves.
  Result<Secret> GetFirst(std::span<const std::string> references, const OpContext& context);
};

/// Resolves `env:NAME` and `file:PATH` (at most 64 KiB; one trailing line break is dropped; `~/` is
/// not expanded). References of other kinds are answered kDenied, saying which kinds are resolved.
class LocalSecretStore final : public SecretStore {
 public:
  /// `environment`: "NAME=value" texts, ends with null (usually `environ`); copied.
  explicit LocalSecretStore(const char* const* environment);
  Result<Secret> Get(std::string_view reference, const OpContext& context) override;

 private:
  // Constant after construction.
  std::map<std::string, Secret, std::less<>> variables_;
};

/// Whether `reference` is one whose secret has fields.
bool HasFields(std::string_view reference);

/// A reference taken apart: `dynamodb:AzureAuth/login_auth_az_true?region=us-west-2`.
struct SecretReference {
  std::string kind;  ///< env, file, ssm, secretsmanager, dynamodb, read
  std::string name;  ///< what follows the colon
};
/// kInvalid: no known kind (the message shows the text up to the colon only, in case it is the
/// secret itself), or nothing after the colon.
Result<SecretReference> ParseSecretReference(std::string_view text);

}  // namespace catchment::net

template <>
struct fmt::formatter<catchment::net::Secret> : fmt::formatter<std::string_view> {
  template <typename Context>
  auto format(const catchment::net::Secret&, Context& context) const {
    return fmt::formatter<std::string_view>::format("***", context);
  }
};
