#include "net/transport.h"

#include <algorithm>

#include "base/text.h"
#include "net/vault_internal.h"

namespace catchment::net {

namespace {

bool SameName(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ToLower(a) == ToLower(b);
}

}  // namespace

void Headers::Set(std::string_view name, std::string value) {
  Remove(name);
  fields_.emplace_back(name, std::move(value));
}

void Headers::Remove(std::string_view name) {
  std::erase_if(fields_, [&](const Field& field) { return SameName(field.first, name); });
}

const std::string* Headers::Find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (SameName(field.first, name)) return &field.second;
  }
  return nullptr;
}

std::string_view Headers::Get(std::string_view name) const {
  const std::string* value = Find(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

std::string Redact(std::string text,
                   const std::vector<std::pair<std::string, std::string>>& replacements) {
  for (const auto& [secret, shown] : replacements) {
    if (secret.empty()) continue;
    for (size_t at = text.find(secret); at != std::string::npos;
         at = text.find(secret, at + shown.size())) {
      text.replace(at, secret.size(), shown);
    }
  }
  return text;
}

std::string Request::Name() const {
  return method + " " + Redact(HideSecretParameters(url), redact);
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): transports that return at once keep both.
void Transport::Start(Request request, const OpContext& context, Done done) {
  done(Send(request, context));
}

}  // namespace catchment::net
