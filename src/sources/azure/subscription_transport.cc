#include "sources/azure/subscription_transport.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/digest.h"
#include "base/text.h"
#include "net/url.h"

namespace catchment::sources::azure {
namespace {

constexpr std::string_view kHost = "https://identity.invalid/";
constexpr std::string_view kList = "/subscriptions";
constexpr std::string_view kMark = "/subscriptions/";
constexpr size_t kDigestLength = 16;
constexpr size_t kSearchedWhole = 64 << 10;

bool IsDigest(std::string_view text) {
  return text.size() == kDigestLength && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// Where the digest stands in a URL whose path begins with `/subscriptions/<digest>`; npos if it
/// holds none.
size_t DigestAt(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string_view::npos;
  const size_t path = url.find('/', scheme + 3);
  if (path == std::string_view::npos || !url.substr(path).starts_with(kMark))
    return std::string_view::npos;
  const std::string_view rest = url.substr(path + kMark.size());
  if (!IsDigest(rest.substr(0, std::min(rest.find_first_of("/?"), rest.size()))))
    return std::string_view::npos;
  return path + kMark.size();
}

bool EqualFolded(std::string_view text, size_t at, std::string_view lower) {
  return text.size() - at >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
}

/// Replace `id` after every `subscriptions/` (in any case).
void HideAfterMark(std::string& body, const std::string& id, const std::string& digest) {
  constexpr std::string_view kWord = "ubscriptions/";
  for (size_t at = body.find(kWord); at != std::string::npos; at = body.find(kWord, at)) {
    at += kWord.size();
    if (EqualFolded(body, at, id)) body.replace(at, id.size(), digest);
  }
}

void HideEverywhere(std::string& body, const std::string& id, const std::string& digest) {
  const std::string lower = ToLower(body);
  size_t from = 0;
  std::string hidden;
  for (size_t at = lower.find(id); at != std::string::npos; at = lower.find(id, from)) {
    hidden.append(body, from, at - from).append(digest);
    from = at + id.size();
  }
  if (from > 0) body = hidden.append(body, from);
}

}  // namespace

std::string SubscriptionDigest(std::string_view id) {
  return Sha256Hex(ToLower(id)).substr(0, kDigestLength);
}

Result<net::Response> SubscriptionTransport::List(const net::Request& request,
                                                  const OpContext& context) {
  std::string_view name = std::string_view(request.url).substr(kHost.size());
  if (!name.ends_with(kList)) return Invalid("{}: no such question", request.Name());
  name.remove_suffix(kList.size());
  ASSIGN_OR_RETURN(const std::string identity, net::PercentDecode(name));
  MutexLock lock(mutex_);
  auto known = digests_.find(identity);
  if (known == digests_.end()) {
    Result<std::vector<std::string>> resolved = resolve_(identity, context);
    // kNotFound is left to replays, for a question that was not recorded.
    if (!resolved.ok() && resolved.error().code == Code::kNotFound)
      return Denied("{}", resolved.error().message);
    ASSIGN_OR_RETURN(const std::vector<std::string> ids, std::move(resolved));
    known = digests_.try_emplace(identity).first;
    for (const std::string& id : ids) {
      std::string digest = SubscriptionDigest(id);
      ids_[digest] = ToLower(id);
      known->second.push_back(std::move(digest));
    }
  }
  net::Response response;
  response.status = 200;
  response.headers.Add("content-type", "application/json");
  response.body = nlohmann::json(known->second).dump();
  response.received = context.clock->Now();
  return response;
}

Result<net::Request> SubscriptionTransport::WithId(net::Request request) const {
  const size_t at = DigestAt(request.url);
  if (at == std::string::npos) return request;
  const std::string digest = request.url.substr(at, kDigestLength);
  MutexLock lock(mutex_);
  const auto found = ids_.find(digest);
  if (found == ids_.end())
    return Denied("{}: no identity of this run has the subscription {}", request.Name(), digest);
  request.url.replace(at, kDigestLength, found->second);
  request.redact.emplace_back(found->second, digest);
  return request;
}

void SubscriptionTransport::HideIds(net::Response& response) const {
  MutexLock lock(mutex_);
  for (const auto& [digest, id] : ids_) {
    if (id.empty()) continue;
    if (response.body.size() <= kSearchedWhole) {
      HideEverywhere(response.body, id, digest);
    } else {
      HideAfterMark(response.body, id, digest);
    }
  }
}

Result<net::Response> SubscriptionTransport::Send(const net::Request& request,
                                                  const OpContext& context) {
  if (request.url.starts_with(kHost)) return List(request, context);
  if (DigestAt(request.url) == std::string::npos) return inner_.Send(request, context);
  ASSIGN_OR_RETURN(const net::Request real, WithId(request));
  Result<net::Response> response = inner_.Send(real, context);
  if (response.ok()) HideIds(*response);
  return response;
}

void SubscriptionTransport::Start(net::Request request, const OpContext& context, Done done) {
  if (request.url.starts_with(kHost)) return done(List(request, context));
  if (DigestAt(request.url) == std::string::npos)
    return inner_.Start(std::move(request), context, std::move(done));
  Result<net::Request> real = WithId(std::move(request));
  if (!real.ok()) return done(real.error());
  inner_.Start(*std::move(real), context,
               [this, done = std::move(done)](Result<net::Response> response) {
                 if (response.ok()) HideIds(*response);
                 done(std::move(response));
               });
}

Result<std::vector<std::string>> AskSubscriptions(net::Transport& transport,
                                                  const std::string& identity,
                                                  const OpContext& context) {
  net::Request request;
  request.url = fmt::format("{}{}{}", kHost, net::PercentEncode(identity), kList);
  request.service = "identity";
  ASSIGN_OR_RETURN(const net::Response response, transport.Send(request, context));
  const auto list = nlohmann::json::parse(response.body, nullptr, false);
  if (response.status != 200 || !list.is_array())
    return Corrupt("{}: expected a list of digests", request.Name());
  std::vector<std::string> digests;
  for (const nlohmann::json& digest : list) {
    if (digest.is_string() && IsDigest(digest.get_ref<const std::string&>()))
      digests.push_back(digest);
  }
  if (digests.empty()) return Denied("identity '{}' has no subscription", identity);
  return digests;
}

}  // namespace catchment::sources::azure
