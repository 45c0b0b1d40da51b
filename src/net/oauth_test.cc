#include "net/oauth.h"

#include <thread>

#include "base/test.h"
#include "net/fake_transport.h"

namespace catchment::net {

using namespace std::chrono_literals;

namespace {

struct OAuthFixture {
  OAuthFixture() { context.clock = &clock; }
  ManualClock clock{Time() + 1h};
  OpContext context;
  ClientCredentials credentials{.tenant_id = "tenant",
                                .client_id = "client id",
                                .client_secret = Secret("s+cret&"),
                                .scope = "https://management.azure.com/.default"};
};

Response TokenOf(const std::string& token, int life) {
  return Answer(200, fmt::format(R"({{"token_type":"Bearer","expires_in":{},"access_token":"{}"}})",
                                 life, token));
}

}  // namespace

TEST(OAuthTest, AsksOnceAndRenewsFiveMinutesBeforeTheEnd) {
  OAuthFixture f;
  int asked = 0;
  FakeTransport service([&](const Request&) -> Result<Response> {
    return TokenOf(fmt::format("token{}", ++asked), 3599);
  });
  OAuthTokens tokens(service, f.credentials);
  for (const auto& [advance, expected] : std::initializer_list<std::pair<int, const char*>>{
           {0, "token1"}, {3298, "token1"}, {2, "token2"}, {10, "token2"}}) {
    f.clock.Advance(std::chrono::seconds(advance));
    ASSERT_OK_AND_ASSIGN(const Secret token, tokens.Token(f.context));
    EXPECT_EQ(token.Reveal(), expected);
  }
  EXPECT_EQ(asked, 2);
}

TEST(OAuthTest, SendsTheFormAndIsNeverRecorded) {
  OAuthFixture f;
  FakeTransport service([](const Request&) -> Result<Response> { return TokenOf("t", 3599); });
  OAuthTokens tokens(service, f.credentials);
  ASSERT_OK(tokens.Token(f.context));
  const Request request = service.requests().at(0);
  EXPECT_EQ(request.url, "https://login.microsoftonline.com/tenant/oauth2/v2.0/token");
  EXPECT_EQ(request.body,
            "grant_type=client_credentials&client_id=client%20id&client_secret=s%2Bcret%26&scope="
            "https%3A%2F%2Fmanagement.azure.com%2F.default");
  EXPECT_EQ(request.headers.Get("content-type"), "application/x-www-form-urlencoded");
  EXPECT_FALSE(request.record);
  EXPECT_EQ(request.service, "login");
}

TEST(OAuthTest, ThreadsShareOneToken) {
  OAuthFixture f;
  FakeTransport service([](const Request&) -> Result<Response> { return TokenOf("t", 3599); });
  OAuthTokens tokens(service, f.credentials);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] { EXPECT_OK(tokens.Token(f.context)); });
    }
  }
  EXPECT_EQ(service.requests().size(), 1u);
}

TEST(OAuthTest, ARefusalIsDeniedAndRemembered) {
  OAuthFixture f;
  FakeTransport service([](const Request&) -> Result<Response> {
    return Answer(400, R"({"error":"invalid_client","error_description":"AADSTS7000215 s+cret&"})");
  });
  OAuthTokens tokens(service, f.credentials);
  const auto token = tokens.Token(f.context);
  EXPECT_ERROR(token, Code::kDenied, "invalid_client");
  EXPECT_EQ(token.error().message.find("s+cret"), std::string::npos);
  EXPECT_ERROR(tokens.Token(f.context), Code::kDenied, "invalid_client");
  EXPECT_EQ(service.requests().size(), 1u);
}

TEST(OAuthTest, TriesThreeTimesWhatMayPass) {
  OAuthFixture f;
  int asked = 0;
  FakeTransport service([&](const Request&) -> Result<Response> {
    ++asked;
    if (asked == 1) return Unavailable("time-out");
    if (asked == 2) return Answer(200, "<html>");
    return TokenOf("t", 3599);
  });
  OAuthTokens tokens(service, f.credentials);
  EXPECT_OK(tokens.Token(f.context));
  EXPECT_EQ(asked, 3);
}

TEST(OAuthTest, ADroppedTokenIsAskedAnew) {
  OAuthFixture f;
  int asked = 0;
  FakeTransport service([&](const Request&) -> Result<Response> {
    return TokenOf(fmt::format("token{}", ++asked), 3599);
  });
  OAuthTokens tokens(service, f.credentials);
  ASSERT_OK_AND_ASSIGN(const Secret first, tokens.Token(f.context));
  tokens.Drop(Secret("another"));
  ASSERT_OK(tokens.Token(f.context));
  EXPECT_EQ(asked, 1);
  tokens.Drop(first);
  ASSERT_OK(tokens.Token(f.context));
  EXPECT_EQ(asked, 2);
}

// A30: the token was never renewed. The simulator gives tokens that live shorter than five minutes.
TEST(OAuthTest, AShortLivedTokenServesHalfItsLife) {
  OAuthFixture f;
  int asked = 0;
  FakeTransport service([&](const Request&) -> Result<Response> {
    ++asked;
    return TokenOf("t", 60);
  });
  OAuthTokens tokens(service, f.credentials);
  for (int second = 0; second < 60; ++second) {
    ASSERT_OK(tokens.Token(f.context));
    f.clock.Advance(1s);
  }
  EXPECT_EQ(asked, 2);
}

TEST(OAuthTest, OtherAnswersAreNoToken) {
  for (const char* body :
       {"", "[]", "{}", R"({"access_token":"t"})", R"({"access_token":1,"expires_in":5})",
        R"({"access_token":"t","expires_in":-5})", R"({"access_token":"","expires_in":5})",
        R"({"access_token":"a\r\nEvil: 1","expires_in":5})"}) {
    EXPECT_ERROR(ParseTokenAnswer(body), Code::kCorrupt, "token");
  }
  ASSERT_OK_AND_ASSIGN(const TokenAnswer text,
                       ParseTokenAnswer(R"({"access_token":"t","expires_in":"3599"})"));
  EXPECT_EQ(text.expires_in, 3599s);
}

}  // namespace catchment::net
