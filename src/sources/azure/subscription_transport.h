#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "net/transport.h"

namespace catchment::sources::azure {

/// The first 16 hex digits of SHA-256 of the lower-case id: what stands for a subscription in the
/// vault, in tables and in messages.
std::string SubscriptionDigest(std::string_view id);

/// Keeps subscription ids out of all that is recorded: sources know digests only. Stands below the
/// recording transport.
///
/// - `GET https://identity.invalid/<identity>/subscriptions` is answered with a JSON list of the
///   identity's digests, in its order (`.invalid` is a domain that no one can have, RFC 2606; the
///   vault knows http URLs only).
/// - `https://…/subscriptions/<digest>/…` leaves with the id in the place of its digest.
/// - In answers, ids become digests: everywhere in bodies of at most 64 KiB, after
///   `subscriptions/` in larger ones.
///
/// All else is passed on unchanged. Thread-safe.
class SubscriptionTransport final : public net::Transport {
 public:
  /// The subscription ids of an identity, trimmed and distinct. Called until it succeeds once for
  /// each identity. kDenied, kNotFound: the identity or its secret cannot be had.
  using Resolve = std::function<Result<std::vector<std::string>>(const std::string& identity,
                                                                 const OpContext& context)>;

  /// `inner` outlives this.
  SubscriptionTransport(net::Transport& inner, Resolve resolve)
      : inner_(inner), resolve_(std::move(resolve)) {}

  /// kDenied also: a URL holds a digest of no identity asked for before.
  Result<net::Response> Send(const net::Request& request, const OpContext& context) override;
  void Start(net::Request request, const OpContext& context, Done done) override;

 private:
  Result<net::Response> List(const net::Request& request, const OpContext& context);
  Result<net::Request> WithId(net::Request request) const;
  void HideIds(net::Response& response) const;

  // Constant after construction.
  net::Transport& inner_;
  const Resolve resolve_;
  // Guarded by mutex_.
  mutable Mutex mutex_;
  std::map<std::string, std::vector<std::string>> digests_ GUARDED_BY(mutex_);  // by identity
  std::map<std::string, std::string> ids_ GUARDED_BY(mutex_);  // lower-case id by digest
};

/// Ask a transport for an identity's digests; what a source does first. kDenied: the identity has
/// none, or cannot be had.
Result<std::vector<std::string>> AskSubscriptions(net::Transport& transport,
                                                  const std::string& identity,
                                                  const OpContext& context);

}  // namespace catchment::sources::azure
