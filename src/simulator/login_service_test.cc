#include "simulator/login_service_internal.h"
#include "simulator/test.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/test.h"

namespace catchment::simulator {
namespace {

class LoginServiceTest : public testing::Test {
 protected:
  HttpResponse Ask(const std::map<std::string, std::string>& changed = {},
                   const std::vector<const Fault*>& faults = {}) {
    std::map<std::string, std::string> form = {
        {"grant_type", "client_credentials"},
        {"client_id", identity_.client_id},
        {"client_secret", "simulated%2Dsecret"},
        {"scope", "https%3A%2F%2Fmanagement.azure.com%2F.default"}};
    for (const auto& [name, value] : changed) form[name] = value;
    std::string body;
    for (const auto& [name, value] : form) {
      body.append(body.empty() ? "" : "&").append(name).append("=").append(value);
    }
    LoginService service(world_, identity_, tokens_);
    HttpRequest request;
    request.method = "POST";
    request.path = "/" + tenant_ + "/oauth2/v2.0/token";
    request.body = body;
    return service.Answer(request, {faults}, kNow).response;
  }

  static std::string ErrorOf(const HttpResponse& response) {
    return nlohmann::json::parse(response.body).value("error", "");
  }

  LoginWorld world_;
  IdentityWorld identity_;
  std::string tenant_ = identity_.tenant_id;
  TokenStore tokens_{1};
};

TEST_F(LoginServiceTest, IssuesATokenThatOtherServicesKnow) {
  world_.expires_in = std::chrono::seconds(120);
  const HttpResponse response = Ask();
  ASSERT_EQ(response.status, 200);
  const auto body = nlohmann::json::parse(response.body);
  EXPECT_EQ(body["token_type"], "Bearer");
  EXPECT_EQ(body["expires_in"], 120);
  HttpRequest request;
  request.headers = {{"authorization", "Bearer " + body["access_token"].get<std::string>()}};
  std::string client;
  EXPECT_EQ(tokens_.Check(request, kNow, client), TokenStore::State::kValid);
  EXPECT_EQ(client, identity_.client_id);
  EXPECT_EQ(tokens_.Check(request, kNow + std::chrono::seconds(120), client),
            TokenStore::State::kExpired);
}

TEST_F(LoginServiceTest, EachTokenIsAnother) { EXPECT_NE(Ask().body, Ask().body); }

TEST_F(LoginServiceTest, EveryFieldOfTheFormIsChecked) {
  EXPECT_EQ(ErrorOf(Ask({{"client_secret", "wrong"}})), "invalid_client");
  EXPECT_EQ(Ask({{"client_secret", "wrong"}}).status, 401);
  EXPECT_EQ(ErrorOf(Ask({{"client_id", "wrong"}})), "invalid_client");
  EXPECT_EQ(ErrorOf(Ask({{"grant_type", "password"}})), "unsupported_grant_type");
  EXPECT_EQ(ErrorOf(Ask({{"scope", "openid"}})), "invalid_scope");
  tenant_ = "another";
  EXPECT_EQ(ErrorOf(Ask()), "invalid_request");
}

TEST_F(LoginServiceTest, FaultsRefuseTheClientOrShortenTheToken) {
  Fault refuse, shorten;
  refuse.answer = "invalid_client";
  shorten.answer = "short_token";
  shorten.size = 2;
  EXPECT_EQ(ErrorOf(Ask({}, {&refuse})), "invalid_client");
  EXPECT_EQ(nlohmann::json::parse(Ask({}, {&shorten}).body)["expires_in"], 2);
}

TEST_F(LoginServiceTest, ARequestWithoutABearerTokenIsMissingOne) {
  HttpRequest request;
  std::string client;
  EXPECT_EQ(tokens_.Check(request, kNow, client), TokenStore::State::kMissing);
  EXPECT_EQ(RefuseToken(TokenStore::State::kMissing).status, 401);
}

}  // namespace
}  // namespace catchment::simulator
