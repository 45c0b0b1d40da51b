#include "net/aws_signature.h"

#include "base/test.h"

namespace catchment::net {
namespace {

const AwsCredentials kExample = {
    "AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), {}};

Time ExampleTime() { return *ParseTime("2015-08-30T12:36:00Z"); }

/// The end of Authorization: signed names and signature.
std::string SignatureOf(AwsRequestParts parts, const AwsCredentials& credentials = kExample) {
  if (parts.headers.Find("host") == nullptr) parts.headers.Add("Host", "example.amazonaws.com");
  const Headers headers = AwsSignature(parts, credentials, "us-east-1", "service", ExampleTime());
  const std::string text(headers.Get("authorization"));
  const std::string begin =
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
      "SignedHeaders=";
  EXPECT_TRUE(text.starts_with(begin)) << text;
  return text.substr(begin.size());
}

}  // namespace

// The example of AWS's documentation of S3, with its result.
TEST(AwsSignatureTest, SignsARequestForABucketAsPublished) {
  const AwsCredentials keys = {
      "AKIAIOSFODNN7EXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), {}};
  Request request;
  request.url = "https://examplebucket.s3.amazonaws.com/test.txt";
  request.headers = {{"Range", "bytes=0-9"}};
  ASSERT_OK(SignAws(request, keys, "us-east-1", "s3", *ParseTime("2013-05-24")));
  EXPECT_EQ(request.headers.Get("authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

// The requests of AWS's published signature test suite, with its results.
TEST(AwsSignatureTest, SignsThePublishedRequestsAsPublished) {
  struct Case {
    const char* name;
    AwsRequestParts parts;
    const char* expected;
  };
  const std::string plain = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const std::vector<Case> cases = {
      {"get-vanilla",
       {},
       "host;x-amz-date, Signature="
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"post-vanilla",
       {.method = "POST"},
       "host;x-amz-date, Signature="
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"get-vanilla-query-order-key-case",
       {.query = "Param2=value2&Param1=value1"},
       "host;x-amz-date, Signature="
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-query-unreserved",
       {.query = plain + "=" + plain},
       "host;x-amz-date, Signature="
       "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
      {"get-vanilla-utf8-query",
       {.query = "ሴ=bar"},
       "host;x-amz-date, Signature="
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"get-space",
       {.path = "/example space/"},
       "host;x-amz-date, Signature="
       "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
      {"get-utf8",
       {.path = "/ሴ"},
       "host;x-amz-date, Signature="
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-header-value-trim",
       {.headers = {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}},
       "host;my-header1;my-header2;x-amz-date, Signature="
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"get-header-key-duplicate",
       {.headers = {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}}},
       "host;my-header1;x-amz-date, Signature="
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
      {"post-header-key-case",
       {.method = "POST", .headers = {{"MY-HEADER1", "value1"}}},
       "host;my-header1;x-amz-date, Signature="
       "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
      {"post-header-value-case",
       {.method = "POST", .headers = {{"My-Header1", "VALUE1"}}},
       "host;my-header1;x-amz-date, Signature="
       "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
      {"post-x-www-form-urlencoded",
       {.method = "POST",
        .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
        .body = "Param1=value1"},
       "content-type;host;x-amz-date, Signature="
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
  };
  for (const Case& example : cases) {
    EXPECT_EQ(SignatureOf(example.parts), example.expected) << example.name;
  }
}

TEST(AwsSignatureTest, ASessionTokenIsSignedAndSent) {
  AwsCredentials credentials = kExample;
  credentials.session_token = Secret(
      "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSP"
      "fIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT"
      "7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlz"
      "m8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==");
  EXPECT_EQ(SignatureOf({.method = "POST"}, credentials),
            "host;x-amz-date;x-amz-security-token, Signature="
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
  const Headers headers = AwsSignature({}, credentials, "us-east-1", "service", ExampleTime());
  EXPECT_EQ(headers.Get("x-amz-security-token"), credentials.session_token.Reveal());
  EXPECT_EQ(headers.Get("x-amz-date"), "20150830T123600Z");
}

TEST(AwsSignatureTest, QueryValuesDecideBetweenEqualNamesAndKeepTheirEncoding) {
  const std::string sorted = SignatureOf({.query = "a=1&a=2&b="});
  EXPECT_EQ(SignatureOf({.query = "b&a=2&a=1"}), sorted);
  EXPECT_EQ(SignatureOf({.query = "x=%2f"}), SignatureOf({.query = "x=%2F"}));
  EXPECT_NE(SignatureOf({.query = "x=100%"}), SignatureOf({.query = "x=100"}));
}

TEST(AwsSignatureTest, ARequestIsSignedAgainAsIfForTheFirstTime) {
  Request request;
  request.method = "POST";
  request.url = "https://ingest.timestream.us-west-2.amazonaws.com/";
  request.headers.Add("X-Amz-Target", "Timestream_20181101.WriteRecords");
  request.body = "{}";
  Request later = request;
  AwsCredentials credentials = kExample;
  credentials.session_token = Secret("token");
  ASSERT_OK(SignAws(later, credentials, "us-west-2", "timestream", ExampleTime()));
  ASSERT_OK(SignAws(later, kExample, "us-west-2", "timestream", ExampleTime()));
  ASSERT_OK(SignAws(request, kExample, "us-west-2", "timestream", ExampleTime()));
  EXPECT_EQ(later.headers.fields(), request.headers.fields());
  EXPECT_EQ(request.headers.Find("host"), nullptr);
  EXPECT_NE(request.headers.Get("authorization")
                .find("SignedHeaders=host;x-amz-date;x-amz-target, Signature="),
            std::string_view::npos);
}

TEST(AwsSignatureTest, KeysAndRegionComeFromTheEnvironment) {
  const char* const full[] = {"AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=s3cret",
                              "AWS_SESSION_TOKEN=tok", "AWS_DEFAULT_REGION=eu-west-1", nullptr};
  LocalSecretStore store(full);
  ASSERT_OK_AND_ASSIGN(const AwsCredentials credentials, ResolveAwsCredentials(store, {}));
  EXPECT_EQ(credentials.access_key_id, "AKID");
  EXPECT_EQ(credentials.secret_access_key.Reveal(), "s3cret");
  EXPECT_EQ(credentials.session_token.Reveal(), "tok");
  EXPECT_EQ(*ResolveAwsRegion(store, "", {}), "eu-west-1");
  EXPECT_EQ(*ResolveAwsRegion(store, "us-west-2", {}), "us-west-2");
  EXPECT_ERROR(ResolveAwsRegion(store, "evil.example/", {}), Code::kInvalid, "evil.example/");
  const char* const half[] = {"AWS_ACCESS_KEY_ID=AKID", nullptr};
  LocalSecretStore poor(half);
  EXPECT_ERROR(ResolveAwsCredentials(poor, {}), Code::kDenied, "AWS_SECRET_ACCESS_KEY");
  EXPECT_ERROR(ResolveAwsRegion(poor, "", {}), Code::kInvalid, "AWS_REGION");
}

}  // namespace catchment::net
