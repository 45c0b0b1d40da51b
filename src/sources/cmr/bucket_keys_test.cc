#include "sources/cmr/bucket_keys.h"

#include <gmock/gmock.h>

#include "base/test.h"
#include "net/fake_transport.h"

namespace catchment::sources::cmr {
namespace {

using std::chrono_literals::operator""min;

std::string KeysBody(const std::string& key, const std::string& expiration) {
  return fmt::format(
      R"({{"accessKeyId": "{}", "secretAccessKey": "hidden", "sessionToken": "session", )"
      R"("expiration": "{}"}})",
      key, expiration);
}

class BucketKeysTest : public testing::Test {
 protected:
  BucketKeysTest() { context_.clock = &clock_; }

  Status Sign() {
    request_ = {};
    request_.url = *BucketUrl("s3://lp-prod-public/HLSL30.020/T/T_stac.json");
    return keys_.Sign(request_, context_);
  }

  ManualClock clock_{*ParseTime("2025-11-11T20:20:00Z")};
  OpContext context_;
  int asked_ = 0;
  std::optional<Result<net::Response>> fault_;
  net::FakeTransport host_{[this](const net::Request& request) -> Result<net::Response> {
    ++asked_;
    EXPECT_EQ(request.url, "https://data.lpdaac.earthdatacloud.nasa.gov/s3credentials");
    EXPECT_EQ(request.headers.Get("authorization"), "Bearer token");
    EXPECT_FALSE(request.record);
    if (fault_) return *fault_;
    return net::Answer(200, KeysBody(fmt::format("KEY{}", asked_), "2025-11-11 21:20:00+00:00"));
  }};
  net::FixedToken login_{"token"};
  BucketKeys keys_{host_, [this] { return &login_; }, [] { return 0.0; }};
  net::Request request_;
};

TEST_F(BucketKeysTest, SignsAndRenewsTheKeysFiveMinutesBeforeTheirEnd) {
  ASSERT_OK(Sign());
  EXPECT_EQ(request_.url,
            "https://lp-prod-public.s3.us-west-2.amazonaws.com/HLSL30.020/T/T_stac.json");
  EXPECT_THAT(std::string(request_.headers.Get("authorization")),
              testing::HasSubstr("Credential=KEY1/20251111/us-west-2/s3/aws4_request"));
  EXPECT_EQ(request_.headers.Get("x-amz-security-token"), "session");
  clock_.Advance(54min);
  ASSERT_OK(Sign());
  EXPECT_EQ(asked_, 1);
  clock_.Advance(1min);
  ASSERT_OK(Sign());
  EXPECT_EQ(asked_, 2);
}

TEST_F(BucketKeysTest, ARefusedLoginIsNotTriedAgain) {
  for (const int status : {401, 403, 302}) {
    BucketKeys keys(
        host_, [this] { return &login_; }, [] { return 0.0; });
    fault_ = net::Answer(status, "");
    asked_ = 0;
    for (int i = 0; i < 3; ++i)
      EXPECT_ERROR(keys.Sign(request_, context_), Code::kDenied, "refused");
    EXPECT_EQ(asked_, 1);
  }
  BucketKeys none(host_, [] { return nullptr; });
  EXPECT_ERROR(none.Sign(request_, context_), Code::kDenied, "no login");
}

TEST_F(BucketKeysTest, AHostThatGivesNoneIsLeftAloneForAMinute) {
  fault_ = net::Answer(503, "");
  EXPECT_ERROR(Sign(), Code::kUnavailable, "503");
  EXPECT_EQ(asked_, 4);
  EXPECT_ERROR(Sign(), Code::kUnavailable, "503");
  EXPECT_EQ(asked_, 4);
  clock_.Advance(1min);
  fault_.reset();
  ASSERT_OK(Sign());
}

TEST_F(BucketKeysTest, DoubtedKeysAreAskedForAnewUnlessTheyAreNew) {
  ASSERT_OK(Sign());
  keys_.Doubt(context_);
  ASSERT_OK(Sign());
  EXPECT_EQ(asked_, 1);
  clock_.Advance(2min);
  keys_.Doubt(context_);
  ASSERT_OK(Sign());
  EXPECT_EQ(asked_, 2);
}

TEST(BucketKeysParseTest, WhatIsNoSetOfKeysIsRefusedAndNotShown) {
  const Result<BucketKeysAnswer> good =
      ParseBucketKeys(KeysBody("KEY", "2025-11-11 21:20:05+00:00"));
  ASSERT_OK(good);
  EXPECT_EQ(good->ends, *ParseTime("2025-11-11T21:20:05Z"));
  for (const std::string& body :
       {std::string("<html>hidden</html>"), std::string("[]"), std::string("{}"),
        KeysBody("KEY", "hidden"), KeysBody("", "2025-11-11 21:20:05+00:00"),
        KeysBody("KEY\\r\\nX: hidden", "2025-11-11 21:20:05+00:00")}) {
    const Result<BucketKeysAnswer> bad = ParseBucketKeys(body);
    ASSERT_FALSE(bad.ok()) << body;
    EXPECT_EQ(bad.error().code, Code::kCorrupt);
    EXPECT_THAT(bad.error().message, testing::Not(testing::HasSubstr("hidden")));
  }
}

TEST(BucketUrlTest, OnlyTheArchivesBucketIsAsked) {
  EXPECT_EQ(*BucketUrl("s3://lp-prod-public/a b/c"),
            "https://lp-prod-public.s3.us-west-2.amazonaws.com/a%20b/c");
  EXPECT_ERROR(BucketUrl("s3://elsewhere/x"), Code::kInvalid, "not in the bucket");
  EXPECT_ERROR(BucketUrl("s3://lp-prod-public"), Code::kInvalid, "not in the bucket");
}

}  // namespace
}  // namespace catchment::sources::cmr
