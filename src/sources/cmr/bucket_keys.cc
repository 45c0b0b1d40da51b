#include "sources/cmr/bucket_keys.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "net/url.h"

namespace catchment::sources::cmr {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;

constexpr std::string_view kBucketOfItems = "s3://lp-prod-public/";
constexpr std::string_view kBucketHost = "https://lp-prod-public.s3.us-west-2.amazonaws.com/";
constexpr std::string_view kBucketRegion = "us-west-2";
constexpr std::string_view kKeysUrl = "https://data.lpdaac.earthdatacloud.nasa.gov/s3credentials";

bool MayStandInHeader(const std::string& text) {
  return !text.empty() && text.size() <= 8192 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

Result<std::string> BucketUrl(std::string_view s3_url) {
  if (!s3_url.starts_with(kBucketOfItems))
    return Invalid("'{}' is not in the bucket of the archive's items", s3_url.substr(0, 200));
  return fmt::format("{}{}", kBucketHost,
                     net::PercentEncode(s3_url.substr(kBucketOfItems.size()), "/"));
}

Result<BucketKeysAnswer> ParseBucketKeys(std::string_view body) {
  const auto answer = nlohmann::json::parse(body, nullptr, false);
  if (!answer.is_object()) return Corrupt("the keys of the bucket are no JSON object");
  const auto text = [&](const char* name) {
    const auto found = answer.find(name);
    return found != answer.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  BucketKeysAnswer keys;
  keys.keys.access_key_id = text("accessKeyId");
  std::string secret = text("secretAccessKey"), session = text("sessionToken");
  if (!MayStandInHeader(keys.keys.access_key_id) || !MayStandInHeader(secret) ||
      !MayStandInHeader(session))
    return Corrupt("the keys of the bucket lack accessKeyId, secretAccessKey or sessionToken");
  keys.keys.secret_access_key = net::Secret(std::move(secret));
  keys.keys.session_token = net::Secret(std::move(session));
  std::string expiration = text("expiration");
  if (expiration.size() > 10 && expiration[10] == ' ') expiration[10] = 'T';
  const Result<Time> ends = ParseTime(expiration);
  if (!ends.ok()) return Corrupt("the keys of the bucket have no expiration");
  keys.ends = *ends;
  return keys;
}

Result<BucketKeys::Held> BucketKeys::Ask(const OpContext& context) {
  net::TokenSource* login = login_ ? login_() : nullptr;
  if (login == nullptr) return Denied("there is no login to ask for keys of the bucket with");
  ASSIGN_OR_RETURN(const net::Secret token, login->Token(context));
  net::Request request;
  request.url = kKeysUrl;
  request.headers = {{"Authorization", "Bearer " + token.Reveal()}};
  request.timeout = 30s;
  request.max_bytes = 1 << 20;
  request.max_redirects = 0;  // an unknown login is sent to a page for people
  request.record = false;
  Result<net::Response> response = transport_.Send(request, context);
  if (!response.ok()) {
    Error error = response.error();
    if (error.code == Code::kCorrupt) error.code = Code::kUnavailable;
    return error;
  }
  const bool refused = response->status == 401 || response->status == 403 ||
                       (response->status >= 300 && response->status < 400);
  if (refused) {
    login->Drop(token);
    return Denied("{}: the login is refused with {}; check the token of identity 'earthdata'",
                  request.Name(), response->status);
  }
  RETURN_IF_ERROR(net::StatusFromResponse(request, *response));
  Result<BucketKeysAnswer> answer = ParseBucketKeys(response->body);
  if (!answer.ok()) return Unavailable("{}: {}", request.Name(), answer.error().message);
  const Time now = context.clock->Now();
  // Keys that never have five minutes left would be asked for at every request.
  const auto margin = std::min<Time::duration>(5min, (answer->ends - now) / 2);
  return Held{std::move(answer->keys), now, answer->ends - margin};
}

Result<net::AwsCredentials> BucketKeys::Keys(const OpContext& context) {
  MutexLock lock(mutex_);
  const Time now = context.clock->Now();
  if (held_ && now < held_->renew_at) return held_->keys;
  if (failed_ && (failed_->code == Code::kDenied || now - failed_at_ < 1min)) return *failed_;
  failed_.reset();
  constexpr net::RetryPolicy kPolicy{.tries = 4, .first = 1s, .factor = 2, .cap = 16s};
  Result<Held> asked = net::Retry(
      kPolicy, context, [&](const OpContext& of_try) { return Ask(of_try); },
      jitter_ ? jitter_ : net::RandomJitter());
  if (asked.ok()) {
    held_ = *std::move(asked);
    return held_->keys;
  }
  const Code code = asked.error().code;
  if (code == Code::kCancelled || code == Code::kDeadline) return asked.status();
  failed_ = asked.error();
  failed_at_ = context.clock->Now();
  return *failed_;
}

Status BucketKeys::Sign(net::Request& request, const OpContext& context) {
  ASSIGN_OR_RETURN(const net::AwsCredentials keys, Keys(context));
  return net::SignAws(request, keys, kBucketRegion, "s3", context.clock->Now());
}

void BucketKeys::Doubt(const OpContext& context) {
  MutexLock lock(mutex_);
  if (held_ && context.clock->Now() - held_->asked_at > 1min) held_.reset();
}

}  // namespace catchment::sources::cmr
