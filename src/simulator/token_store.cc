#include <nlohmann/json.hpp>

#include "base/text.h"
#include "simulator/faults_internal.h"
#include "simulator/token_store_internal.h"

namespace catchment::simulator {

std::string TokenStore::Issue(const std::string& client, std::chrono::seconds life, Time now) {
  const MutexLock lock(mutex_);
  ++count_;
  const std::string token =
      fmt::format("simulated.{}.{:016x}", count_, SeededHash(seed_, std::to_string(count_)));
  issued_[token] = {client, now + life, std::chrono::steady_clock::now() + life};
  return token;
}

TokenStore::State TokenStore::Check(const HttpRequest& request, Time now, std::string& client) {
  const std::string_view header = request.Header("authorization");
  if (!ToLower(header).starts_with("bearer ")) return State::kMissing;
  const MutexLock lock(mutex_);
  const auto found = issued_.find(std::string(Trim(header.substr(7))));
  if (found == issued_.end()) return State::kUnknown;
  client = found->second.client;
  const bool expired =
      now >= found->second.ends || std::chrono::steady_clock::now() >= found->second.ends_really;
  return expired ? State::kExpired : State::kValid;
}

HttpResponse RefuseToken(TokenStore::State state) {
  const char* code = "InvalidAuthenticationToken";
  const char* message = "The access token is invalid.";
  if (state == TokenStore::State::kMissing) {
    code = "AuthenticationFailed";
    message = "Authentication failed. The 'Authorization' header is missing.";
  } else if (state == TokenStore::State::kExpired) {
    code = "ExpiredAuthenticationToken";
    message = "The access token expiry UTC time is earlier than current UTC time.";
  }
  nlohmann::ordered_json body;
  body["error"]["code"] = code;
  body["error"]["message"] = message;
  HttpResponse response;
  response.status = 401;
  response.headers.emplace_back("WWW-Authenticate",
                                "Bearer authorization_uri=\"https://login.microsoftonline.com\"");
  response.body = body.dump();
  return response;
}

}  // namespace catchment::simulator
