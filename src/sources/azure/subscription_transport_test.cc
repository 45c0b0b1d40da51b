#include "sources/azure/subscription_transport.h"

#include "base/test.h"
#include "net/fake_transport.h"

namespace catchment::sources::azure {
namespace {

using net::Answer;

constexpr char kId[] = "11111111-2222-3333-4444-55555555ABCD";

class SubscriptionTransportTest : public testing::Test {
 protected:
  SubscriptionTransportTest() { context_.clock = &clock_; }

  net::Request Ask(const std::string& subscription) const {
    return {.url = "https://management.azure.com/subscriptions/" + subscription + "/x?y=1"};
  }

  ManualClock clock_{Time()};
  OpContext context_;
  std::string answer_ = "{}";
  net::FakeTransport inner_{[this](const net::Request&) { return Answer(200, answer_); }};
  int resolved_ = 0;
  SubscriptionTransport transport_{
      inner_,
      [this](const std::string& identity, const OpContext&) -> Result<std::vector<std::string>> {
        ++resolved_;
        if (identity != "azure") return Denied("no identity '{}'", identity);
        return std::vector<std::string>{kId, "second"};
      }};
};

TEST_F(SubscriptionTransportTest, DigestsStandForIdsAboveIt) {
  ASSERT_OK_AND_ASSIGN(const auto digests, AskSubscriptions(transport_, "azure", context_));
  ASSERT_EQ(digests.size(), 2u);
  EXPECT_EQ(digests[0], SubscriptionDigest(kId));
  EXPECT_EQ(digests[0], SubscriptionDigest("11111111-2222-3333-4444-55555555abcd"));
  answer_ = std::string("about ") + kId + " and 11111111-2222-3333-4444-55555555abcd.";
  ASSERT_OK_AND_ASSIGN(const net::Response response, transport_.Send(Ask(digests[0]), context_));
  EXPECT_EQ(response.body, "about " + digests[0] + " and " + digests[0] + ".");
  const net::Request sent = inner_.requests().back();
  EXPECT_EQ(
      sent.url,
      "https://management.azure.com/subscriptions/11111111-2222-3333-4444-55555555abcd/x?y=1");
  EXPECT_EQ(sent.Name().find("5555abcd"), std::string::npos);
  transport_.Start(Ask(digests[0]), context_, [&](Result<net::Response> started) {
    ASSERT_OK(started);
    EXPECT_EQ(started->body, response.body);
  });
}

TEST_F(SubscriptionTransportTest, LargeAnswersAreSearchedAfterTheirMarkOnly) {
  ASSERT_OK_AND_ASSIGN(const auto digests, AskSubscriptions(transport_, "azure", context_));
  const std::string filler(70'000, ' ');
  answer_ = filler + "/subscriptions/" + kId + "/x /Subscriptions/" + kId + " " + kId;
  ASSERT_OK_AND_ASSIGN(const net::Response response, transport_.Send(Ask(digests[1]), context_));
  EXPECT_EQ(response.body.substr(filler.size()),
            "/subscriptions/" + digests[0] + "/x /Subscriptions/" + digests[0] + " " + kId);
}

TEST_F(SubscriptionTransportTest, IdentitiesAreResolvedOnceAndFailuresAgain) {
  ASSERT_OK(AskSubscriptions(transport_, "azure", context_));
  ASSERT_OK(AskSubscriptions(transport_, "azure", context_));
  EXPECT_EQ(resolved_, 1);
  EXPECT_ERROR(AskSubscriptions(transport_, "other", context_), Code::kDenied, "identity 'other'");
  EXPECT_ERROR(AskSubscriptions(transport_, "other", context_), Code::kDenied, "identity 'other'");
  EXPECT_EQ(resolved_, 3);
  EXPECT_TRUE(inner_.requests().empty());
}

TEST_F(SubscriptionTransportTest, AnUnknownDigestDoesNotLeaveAndOtherUrlsPass) {
  EXPECT_ERROR(transport_.Send(Ask("0123456789abcdef"), context_), Code::kDenied,
               "0123456789abcdef");
  EXPECT_TRUE(inner_.requests().empty());
  ASSERT_OK(transport_.Send({.url = "https://prices.azure.com/a/subscriptions/0123456789abcdef"},
                            context_));
  ASSERT_OK(transport_.Send(Ask("not-a-digest"), context_));
  EXPECT_EQ(inner_.requests().size(), 2u);
}

}  // namespace
}  // namespace catchment::sources::azure
