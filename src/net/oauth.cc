#include "net/oauth.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "net/url.h"

namespace catchment::net {

using std::chrono::seconds;

OAuthTokens::OAuthTokens(Transport& transport, ClientCredentials credentials, RetryPolicy retry)
    : transport_(transport), credentials_(std::move(credentials)), retry_(retry) {}

Result<Secret> OAuthTokens::Token(const OpContext& context) {
  MutexLock lock(mutex_);
  if (refused_) return *refused_;
  if (held_ && context.clock->Now() < held_->renew_at) return held_->token;
  Result<Held> asked = Retry(retry_, context, [&](const OpContext& of_try) { return Ask(of_try); });
  if (!asked.ok()) {
    if (asked.error().code == Code::kDenied) refused_ = asked.error();
    return asked.status();
  }
  held_ = *std::move(asked);
  return held_->token;
}

void OAuthTokens::Drop(const Secret& token) {
  MutexLock lock(mutex_);
  if (held_ && held_->token == token) held_.reset();
}

namespace {

/// The service's own word for a refusal, e.g. `invalid_client`; only letters and `_`, so that
/// nothing else slips out.
std::string ErrorWord(std::string_view body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object()) return {};
  const auto word = json.find("error");
  if (word == json.end() || !word->is_string()) return {};
  const std::string text = word->get<std::string>();
  const bool plain = text.size() <= 60 && std::all_of(text.begin(), text.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || c == '_';
                     });
  return plain ? text : std::string();
}

}  // namespace

Result<OAuthTokens::Held> OAuthTokens::Ask(const OpContext& context) {
  Request request;
  request.method = "POST";
  request.url =
      credentials_.login_url + "/" + PercentEncode(credentials_.tenant_id) + "/oauth2/v2.0/token";
  request.headers.Add("Content-Type", "application/x-www-form-urlencoded");
  request.body = QueryBuilder()
                     .Add("grant_type", "client_credentials")
                     .Add("client_id", credentials_.client_id)
                     .Add("client_secret", credentials_.client_secret.Reveal())
                     .Add("scope", credentials_.scope)
                     .text();
  request.timeout = seconds(15);
  request.max_bytes = 1 << 20;
  request.max_redirects = 0;
  request.record = false;
  request.service = "login";
  Result<Response> response = transport_.Send(request, context);
  if (!response.ok()) {
    Error error = response.error();
    if (error.code == Code::kCorrupt) error.code = Code::kUnavailable;
    return error;
  }
  Status status = StatusFromResponse(request, *response);
  if (!status.ok()) {
    Error error = status.error();
    if (response->status == 400) error.code = Code::kDenied;
    const std::string word = ErrorWord(response->body);
    if (!word.empty()) error.message += ": " + word;
    if (error.code == Code::kDenied) {
      error.message += "; check tenant_id, client_id and client_secret of the identity";
    }
    return error;
  }
  Result<TokenAnswer> answer = ParseTokenAnswer(response->body);
  if (!answer.ok()) return Unavailable("{}: {}", request.Name(), answer.error().message);
  // A token that never has five minutes left would be asked for at every call.
  const seconds margin = std::min<seconds>(std::chrono::minutes(5), answer->expires_in / 2);
  return Held{answer->token, context.clock->Now() + answer->expires_in - margin};
}

Result<TokenAnswer> ParseTokenAnswer(std::string_view body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object()) return Corrupt("the token answer is no JSON object");
  const auto token = json.find("access_token");
  const auto life = json.find("expires_in");
  if (token == json.end() || !token->is_string() || token->get_ref<const std::string&>().empty()) {
    return Corrupt("the token answer has no access_token");
  }
  if (std::any_of(token->get_ref<const std::string&>().begin(),
                  token->get_ref<const std::string&>().end(),
                  [](unsigned char c) { return c <= ' ' || c >= 0x7f; })) {
    return Corrupt("the access_token holds characters that no header may carry");
  }
  int64_t number = -1;
  if (life != json.end() && life->is_number_unsigned()) {
    number = static_cast<int64_t>(std::min<uint64_t>(life->get<uint64_t>(), INT64_MAX));
  } else if (life != json.end() && life->is_string()) {
    const std::string& text = life->get_ref<const std::string&>();
    if (!text.empty() && text.size() <= 9 &&
        std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      number = std::stoll(text);
    }
  }
  if (number < 0) return Corrupt("the token answer has no expires_in");
  return TokenAnswer{Secret(token->get<std::string>()),
                     seconds(std::min<int64_t>(number, 7 * 86400))};
}

}  // namespace catchment::net
