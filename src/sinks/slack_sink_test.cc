#include "sinks/slack_sink.h"

#include "columnar/test.h"
#include "net/fake_transport.h"
#include "net/secrets.h"

namespace catchment::sinks {
namespace {

using net::Answer;
using net::Request;

constexpr const char* kSlackEnvironment[] = {"WEBHOOK=https://hooks.slack.com/services/T0/B0/sl4ck",
                                             "PLAIN=no url", nullptr};

struct SlackFixture {
  explicit SlackFixture(net::FakeTransport::Server server) : service(std::move(server)) {
    context.clock = &clock;
  }
  Status Notify(std::string_view text, std::vector<std::string> url = {"env:WEBHOOK"}) {
    SlackSink sink({.url = std::move(url)}, {&service, &secrets});
    return sink.Notify(text, context);
  }
  ManualClock clock{*ParseTime("2026-01-28T00:12:00Z")};
  OpContext context;
  net::LocalSecretStore secrets{kSlackEnvironment};
  net::FakeTransport service;
};

}  // namespace

TEST(SlackSinkTest, PostsTheTextToTheFirstWebhookThatResolves) {
  SlackFixture f([](const Request&) { return Answer(200, "ok"); });
  const std::string text =
      "[azure-spot prod] 2026-01-28T00:10:00Z failed: price: $skip=4000: HTTP 503 after 5 tries. "
      "Nothing published; head is 41 (2026-01-28T00:00:00Z).";
  ASSERT_OK(f.Notify(text, {"ssm:error_notification_slack_webhook_url", "env:WEBHOOK"}));
  const Request request = f.service.requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "https://hooks.slack.com/services/T0/B0/sl4ck");
  EXPECT_EQ(nlohmann::json::parse(request.body), nlohmann::json({{"text", text}}));
  EXPECT_EQ(request.service, "slack");
  EXPECT_FALSE(request.record);
  EXPECT_EQ(request.Name().find("sl4ck"), std::string::npos) << request.Name();
}

TEST(SlackSinkTest, ATextCannotCallPeople) {
  SlackFixture f([](const Request&) { return Answer(200, "ok"); });
  ASSERT_OK(f.Notify("<!channel> & \"co\" \n\xff"));
  EXPECT_EQ(nlohmann::json::parse(f.service.requests().at(0).body)["text"],
            "&lt;!channel&gt; &amp; \"co\" \n\xEF\xBF\xBD");
}

TEST(SlackSinkTest, ALongTextIsCutBetweenCharacters) {
  SlackFixture f([](const Request&) { return Answer(200, "ok"); });
  std::string text = "x";
  while (text.size() < 40'000) text += "é";
  ASSERT_OK(f.Notify(text));
  const std::string sent = nlohmann::json::parse(f.service.requests().at(0).body)["text"];
  EXPECT_EQ(sent, text.substr(0, 29'999));
}

TEST(SlackSinkTest, FailuresNeverShowTheWebhook) {
  for (const auto& [status, body, code] : std::initializer_list<std::tuple<int, const char*, Code>>{
           {404, "no_service", Code::kInvalid},
           {403, "sl4ck is not allowed", Code::kDenied},
           {500, "<html>sl4ck", Code::kUnavailable},
           {302, "", Code::kInvalid}}) {
    SlackFixture f(
        [&, status = status, body = body](const Request&) { return Answer(status, body); });
    const Status sent = f.Notify("text");
    EXPECT_ERROR(sent, code, fmt::format("HTTP {}", status));
    EXPECT_EQ(sent.error().message.find("sl4ck"), std::string::npos) << sent.error().message;
  }
  SlackFixture f([](const Request& request) -> Result<net::Response> {
    return Unavailable("{} ({}): no route", request.Name(), request.url);
  });
  const Status sent = f.Notify("text");
  EXPECT_ERROR(sent, Code::kUnavailable, "no route");
  EXPECT_EQ(sent.error().message.find("sl4ck"), std::string::npos) << sent.error().message;
  EXPECT_EQ(f.service.requests().size(), 3u);
}

TEST(SlackSinkTest, WithoutAWebhookNothingIsSent) {
  SlackFixture f([](const Request&) { return Answer(200, "ok"); });
  EXPECT_ERROR(f.Notify("text", {"env:NONE"}), Code::kNotFound, "env:NONE");
  EXPECT_ERROR(f.Notify("text", {"env:PLAIN"}), Code::kDenied, "no URL");
  EXPECT_TRUE(f.service.requests().empty());
}

TEST(SlackSinkTest, ItsEntryMakesASinkAndANotifier) {
  const SinkEntry entry = SlackSinkEntry();
  EXPECT_OK(entry.make({{"url", "env:WEBHOOK"}}, {}));
  EXPECT_OK(entry.make_notifier({{"url", {"ssm:a", "env:WEBHOOK"}}}, {}));
  const auto plain = entry.make_notifier({{"url", "https://hooks.slack.com/sl4ck"}}, {});
  EXPECT_ERROR(plain, Code::kInvalid, "reference");
  EXPECT_EQ(plain.error().message.find("sl4ck"), std::string::npos);
}

}  // namespace catchment::sinks
