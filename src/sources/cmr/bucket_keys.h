#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/op_context.h"
#include "base/result.h"
#include "base/time.h"
#include "net/aws_signature.h"
#include "net/retry.h"
#include "net/token_source.h"
#include "net/transport.h"

namespace catchment::sources::cmr {

/// The URL at which an item of the archive's public bucket is asked for: of
/// `s3://lp-prod-public/KEY`. kInvalid: another bucket, which these keys are not for.
Result<std::string> BucketUrl(std::string_view s3_url);

/// Temporary keys of the archive's bucket, which its host gives for the token of a login; renewed 5
/// minutes before they end. A login that was refused is not tried again; a host that gives none is
/// left alone for a minute. Thread-safe.
/// Source: docs/pipelines/hls-stac.md, protocol s3.
class BucketKeys {
 public:
  /// Null: there is no login.
  using Login = std::function<net::TokenSource*()>;

  /// `transport` and what `login` returns outlive this.
  BucketKeys(net::Transport& transport, Login login, net::Jitter jitter = {})
      : transport_(transport), login_(std::move(login)), jitter_(std::move(jitter)) {}

  /// Sign the request, whose URL is one of BucketUrl. kDenied: there is no login, or it is refused.
  /// kUnavailable: there are no keys at present. Blocks while keys are asked for.
  Status Sign(net::Request& request, const OpContext& context);

  /// The bucket refused the keys: ask for others, unless these are a minute old at most.
  void Doubt(const OpContext& context);

 private:
  struct Held {
    net::AwsCredentials keys;
    Time asked_at{}, renew_at{};
  };
  Result<net::AwsCredentials> Keys(const OpContext& context);
  Result<Held> Ask(const OpContext& context);

  // Constant after construction.
  net::Transport& transport_;
  const Login login_;
  const net::Jitter jitter_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::optional<Held> held_ GUARDED_BY(mutex_);
  std::optional<Error> failed_ GUARDED_BY(mutex_);
  Time failed_at_ GUARDED_BY(mutex_){};
};

/// What the host gives: `{"accessKeyId", "secretAccessKey", "sessionToken", "expiration"}`, the
/// last as `2025-11-11 21:20:05+00:00`. Pure. kCorrupt: something else; shows none of it.
struct BucketKeysAnswer {
  net::AwsCredentials keys;
  Time ends{};
};
Result<BucketKeysAnswer> ParseBucketKeys(std::string_view body);

}  // namespace catchment::sources::cmr
