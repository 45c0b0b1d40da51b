#include "net/aws_secrets.h"

#include <nlohmann/json.hpp>

#include "base/test.h"
#include "net/aws_client.h"
#include "net/fake_transport.h"

namespace catchment::net {
namespace {

constexpr const char* kReference = "dynamodb:AzureAuth/login_auth_az_true?region=us-west-2";

constexpr const char* kItem =
    R"({"Item":{"id":{"S":"login_auth_az_true"},"data":{"M":{"Tenant_ID":{"S":"tenant"},
    "clientId":{"S":"client"},"client_secret":{"S":"hunter2"},
    "subscription_id":{"S":"a, b,c"}}}}})";

constexpr const char* kEnvironment[] = {"AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
                                        "AWS_SECRET_ACCESS_KEY=s3cret/key",
                                        "AWS_SESSION_TOKEN=tok3n",
                                        "AWS_REGION=eu-west-1",
                                        "PLAIN=text",
                                        nullptr};

/// A store whose service answers by `server`.
struct Fixture {
  explicit Fixture(FakeTransport::Server server) : service(std::move(server)) {
    context.clock = &clock;
  }
  ManualClock clock{*ParseTime("2026-01-28T00:10:00Z")};
  OpContext context;
  LocalSecretStore local{kEnvironment};
  FakeTransport service;
  AwsSecretStore store{local, service};
};

FakeTransport::Server Always(int status, const std::string& body) {
  return [status, body](const Request&) -> Result<Response> { return Answer(status, body); };
}

/// No piece of a secret is in the message.
void ExpectNothingShown(const Error& error) {
  for (const char* secret : {"hunter2", "s3cret/key", "tok3n", "AKIDEXAMPLE"}) {
    EXPECT_EQ(error.message.find(secret), std::string::npos) << error.message;
  }
}

}  // namespace

TEST(AwsSecretsTest, AnItemOfDynamoDbHasFieldsInAnySpelling) {
  Fixture f(Always(200, kItem));
  ASSERT_OK_AND_ASSIGN(const SecretFields fields, f.store.GetFields(kReference, f.context));
  EXPECT_EQ(fields.Get("tenant_id")->Reveal(), "tenant");
  EXPECT_EQ(fields.Get("client_id")->Reveal(), "client");
  EXPECT_EQ(fields.Get("client_secret")->Reveal(), "hunter2");
  EXPECT_EQ(ParseSubscriptions(fields.Get("subscriptions")->Reveal()),
            (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_ERROR(fields.Get("region"), Code::kNotFound, "AzureAuth/login_auth_az_true");

  const Request request = f.service.requests().at(0);
  EXPECT_EQ(request.url, "https://dynamodb.us-west-2.amazonaws.com/");
  EXPECT_EQ(request.headers.Get("x-amz-target"), "DynamoDB_20120810.GetItem");
  EXPECT_EQ(request.headers.Get("content-type"), "application/x-amz-json-1.0");
  EXPECT_EQ(nlohmann::json::parse(request.body),
            nlohmann::json::parse(
                R"({"TableName":"AzureAuth","Key":{"id":{"S":"login_auth_az_true"}}})"));
  EXPECT_NE(request.headers.Get("authorization")
                .find("Credential=AKIDEXAMPLE/20260128/us-west-2/dynamodb/aws4_request, "
                      "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;"
                      "x-amz-target, Signature="),
            std::string_view::npos);
  EXPECT_EQ(request.service, "dynamodb");
  EXPECT_FALSE(request.record);
}

// A30: subscriptions were not trimmed.
TEST(AwsSecretsTest, A30_SubscriptionsAreTrimmedAndNamedOnce) {
  EXPECT_EQ(ParseSubscriptions(" a , b,,A,c,b ,\t"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(ParseSubscriptions(" , ").empty());
}

TEST(AwsSecretsTest, TheRegionOfTheEnvironmentServesAReferenceWithoutOne) {
  Fixture f(Always(200, kItem));
  ASSERT_OK(f.store.GetFields("dynamodb:AzureAuth/login_auth_az_true", f.context));
  EXPECT_EQ(f.service.requests().at(0).url, "https://dynamodb.eu-west-1.amazonaws.com/");
}

TEST(AwsSecretsTest, WhatIsAbsentOrRefusedIsNamedByTheReference) {
  struct Case {
    int status;
    const char* body;
    Code code;
    const char* part;
  };
  for (
      const Case& example : std::initializer_list<Case>{
          {200, "{}", Code::kNotFound, "no such item"},
          {200, R"({"Item":{"id":{"S":"x"}}})", Code::kInvalid, "no map 'data'"},
          {200, R"({"Item":{"data":{"M":[1]}}})", Code::kInvalid, "no map 'data'"},
          {200, R"({"Item":{"data":{"M":{"a_b":{"S":"1"},"AB":{"S":"hunter2"}}}}})", Code::kInvalid,
           "twice"},
          {400,
           R"({"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"})",
           Code::kNotFound, "ResourceNotFoundException: Requested resource not found"},
          {400, R"({"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"})",
           Code::kDenied, "AccessDeniedException"},
          {400,
           R"({"__type":"x#UnrecognizedClientException","message":"The token tok3n of AKIDEXAMPLE is invalid"})",
           Code::kDenied, "The token *** of *** is invalid"},
          {403,
           R"({"__type":"InvalidSignatureException","message":"It does not match.\nx-amz-security-token:tok3n"})",
           Code::kDenied, "It does not match."},
          {400, R"({"__type":"x#ValidationException"})", Code::kInvalid, "ValidationException"},
          {404, "<html>", Code::kInvalid, "HTTP 404"}}) {
    Fixture f(Always(example.status, example.body));
    const auto fields = f.store.GetFields(kReference, f.context);
    EXPECT_ERROR(fields, example.code, example.part);
    EXPECT_ERROR(fields, example.code, kReference);
    ExpectNothingShown(fields.error());
    EXPECT_EQ(f.service.requests().size(), 1u) << example.body;
  }
}

TEST(AwsSecretsTest, WhatMayPassIsTriedThreeTimes) {
  for (const auto& [status, body] : std::initializer_list<std::pair<int, const char*>>{
           {500, ""},
           {400, R"({"__type":"x#ProvisionedThroughputExceededException"})"},
           {400, R"({"__type":"x#ThrottlingException"})"},
           {200, "{\"Item\":"},
           {200, "[1]"}}) {
    Fixture f(Always(status, body));
    EXPECT_ERROR(f.store.GetFields(kReference, f.context), Code::kUnavailable, "after 3 tries");
    EXPECT_EQ(f.service.requests().size(), 3u);
  }
}

TEST(AwsSecretsTest, ReferencesOfAnotherFormAreRefusedBeforeAsking) {
  Fixture f(Always(200, kItem));
  for (const char* reference : {"dynamodb:AzureAuth", "dynamodb:/id", "dynamodb:Table/",
                                "dynamodb:T/i?zone=1", "dynamodb:T/i?region=a.b"}) {
    EXPECT_ERROR(f.store.GetFields(reference, f.context), Code::kInvalid, "");
  }
  EXPECT_ERROR(f.store.Get(kReference, f.context), Code::kDenied, "several fields");
  EXPECT_ERROR(f.store.GetFields("env:PLAIN", f.context), Code::kDenied, "dynamodb:TABLE/ID");
  EXPECT_TRUE(f.service.requests().empty());
  EXPECT_TRUE(HasFields(kReference));
  EXPECT_FALSE(HasFields("env:PLAIN"));
}

TEST(AwsSecretsTest, WithoutKeysNothingIsSent) {
  Fixture f(Always(200, kItem));
  const char* const none[] = {"AWS_REGION=eu-west-1", nullptr};
  LocalSecretStore local(none);
  AwsSecretStore store(local, f.service);
  EXPECT_ERROR(store.GetFields(kReference, f.context), Code::kDenied, "AWS_ACCESS_KEY_ID");
  EXPECT_TRUE(f.service.requests().empty());
}

TEST(AwsSecretsTest, AParameterIsAskedDecrypted) {
  Fixture f(Always(200, R"({"Parameter":{"Name":"hook","Value":"hunter2"}})"));
  ASSERT_OK_AND_ASSIGN(const Secret secret, f.store.Get("ssm:/team/hook", f.context));
  EXPECT_EQ(secret.Reveal(), "hunter2");
  const Request request = f.service.requests().at(0);
  EXPECT_EQ(request.url, "https://ssm.eu-west-1.amazonaws.com/");
  EXPECT_EQ(request.headers.Get("x-amz-target"), "AmazonSSM.GetParameter");
  EXPECT_EQ(request.body, R"({"Name":"/team/hook","WithDecryption":true})");
  EXPECT_FALSE(request.record);
  EXPECT_EQ(f.store.Get("env:PLAIN", f.context)->Reveal(), "text");
}

TEST(AwsSecretsTest, AnAbsentParameterIsPassedOver) {
  Fixture f(Always(400, R"({"__type":"ParameterNotFound"})"));
  EXPECT_ERROR(f.store.Get("ssm:hook", f.context), Code::kNotFound, "ssm:hook");
  const std::string references[] = {"ssm:hook", "env:PLAIN"};
  EXPECT_EQ(f.store.GetFirst(references, f.context)->Reveal(), "text");
}

TEST(AwsSecretsTest, AHostOfChinaHasItsOwnDomain) {
  Fixture f(Always(200, kItem));
  AwsJsonService service{"logs", "logs", "logs", "Logs_20140328", "1.1", "cn-north-1"};
  const AwsClient client(f.service, f.local, service);
  ASSERT_OK_AND_ASSIGN(const Request request, client.Prepare("X", "{}", f.context));
  EXPECT_EQ(request.url, "https://logs.cn-north-1.amazonaws.com.cn/");
}

}  // namespace catchment::net
