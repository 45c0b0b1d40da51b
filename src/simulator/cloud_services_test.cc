// The services that hold secrets and those that sinks deliver to.
#include <gmock/gmock.h>
#include <zlib.h>

#include "base/file.h"
#include "base/test.h"
#include "base/text.h"
#include "simulator/influx_service_internal.h"
#include "simulator/logs_service_internal.h"
#include "simulator/secret_services_internal.h"
#include "simulator/slack_service_internal.h"
#include "simulator/test.h"
#include "simulator/timestream_service_internal.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

// Key and day of the examples in AWS' documentation of the signing process.
const Time kSignedAt = *ParseTime("2015-08-30T12:36:00Z");

HttpRequest Signed(std::string_view service, const char* target, std::string body,
                   std::string signature) {
  return {.method = "POST",
          .target = "/",
          .path = "/",
          .query = "",
          .headers = {{"host", fmt::format("{}.us-east-1.amazonaws.com", service)},
                      {"content-type", "application/x-amz-json-1.0"},
                      {"x-amz-date", "20150830T123600Z"},
                      {"x-amz-target", target},
                      {"authorization",
                       fmt::format("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{}/"
                                   "aws4_request, SignedHeaders=content-type;host;x-amz-date;"
                                   "x-amz-target, Signature={}",
                                   service, signature)}},
          .body = std::move(body)};
}

AwsWorld Aws() { return {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1"}; }

const char* const kGetItem = R"({"TableName":"AzureAuth","Key":{"id":{"S":"login_auth_az_true"}}})";
// Computed by another implementation of the signing process.
const char* const kGetItemSignature =
    "c35ff9d5b7e683166d2c2267f0e4a9f766e6734d1fcd3b0f0e8aae304fccf810";

TEST(AwsSignature, ARightOneIsTakenAndEveryOtherRefused) {
  const HttpRequest right =
      Signed("dynamodb", "DynamoDB_20120810.GetItem", kGetItem, kGetItemSignature);
  const auto problem = [&](const auto& change) {
    HttpRequest request = right;
    change(request);
    return CheckSignature(request, Aws(), "dynamodb", kSignedAt).type;
  };
  EXPECT_EQ(problem([](HttpRequest&) {}), "");
  EXPECT_EQ(problem([](HttpRequest& request) { request.body += " "; }),
            "InvalidSignatureException");
  EXPECT_EQ(problem([](HttpRequest& request) { request.headers[1].second = "text/plain"; }),
            "InvalidSignatureException");
  EXPECT_EQ(problem([](HttpRequest& request) { request.query = "a=b"; }),
            "InvalidSignatureException");
  EXPECT_THAT(
      [&] {
        HttpRequest request = right;
        request.headers[0].second = "dynamodb.eu-west-1.amazonaws.com";
        return CheckSignature(request, Aws(), "dynamodb", kSignedAt).message;
      }(),
      HasSubstr("region 'eu-west-1'"));
  EXPECT_EQ(problem([](HttpRequest& request) { request.headers.pop_back(); }),
            "MissingAuthenticationTokenException");
  EXPECT_EQ(problem([](HttpRequest& request) { request.headers.back().second = "Bearer x"; }),
            "IncompleteSignatureException");
  EXPECT_EQ(CheckSignature(right, Aws(), "logs", kSignedAt).type, "InvalidSignatureException");
  EXPECT_EQ(CheckSignature(right, Aws(), "dynamodb", kSignedAt + std::chrono::minutes(16)).type,
            "InvalidSignatureException");
  AwsWorld other = Aws();
  other.secret_access_key += "x";
  EXPECT_EQ(CheckSignature(right, other, "dynamodb", kSignedAt).type, "InvalidSignatureException");
  other = Aws();
  other.access_key_id = "SOMEONE";
  EXPECT_EQ(CheckSignature(right, other, "dynamodb", kSignedAt).type,
            "UnrecognizedClientException");
}

TEST(AwsSignature, ADateThatIsNoDateIsRefused) {
  HttpRequest request =
      Signed("dynamodb", "DynamoDB_20120810.GetItem", kGetItem, kGetItemSignature);
  request.headers[2].second = "20150830TxxxxxxZ";
  EXPECT_EQ(CheckSignature(request, Aws(), "dynamodb", kSignedAt).type,
            "InvalidSignatureException");
}

TEST(AwsSignature, UnsignedRequestsAreAnswered403) {
  IdentityWorld identity;
  identity.aws = Aws();
  DynamodbService service({}, identity);
  HttpRequest request =
      Signed("dynamodb", "DynamoDB_20120810.GetItem", kGetItem, std::string(64, '0'));
  EXPECT_EQ(service.Answer(request, {}, kSignedAt).response.status, 403);
  request = Signed("dynamodb", "DynamoDB_20120810.GetItem", kGetItem, kGetItemSignature);
  EXPECT_EQ(service.Answer(request, {}, kSignedAt).response.status, 200);
}

TEST(DynamodbService, GivesTheIdentityOfTheWorld) {
  IdentityWorld identity;
  identity.aws = Aws();
  identity.subscriptions = {"a", "b"};
  DynamodbService service({}, identity);
  const HttpRequest request =
      Signed("dynamodb", "DynamoDB_20120810.GetItem", kGetItem, kGetItemSignature);
  const auto ask = [&](const std::vector<const Fault*>& faults) {
    return service.Answer(request, {faults}, kSignedAt).response;
  };
  const auto item = ordered_json::parse(ask({}).body)["Item"];
  EXPECT_EQ(item["id"]["S"], "login_auth_az_true");
  EXPECT_EQ(item["data"]["M"]["subscriptions"]["S"], "a, b");
  EXPECT_EQ(item["data"]["M"]["client_secret"]["S"], "simulated-secret");
  const Fault denied = FaultOf("access_denied"), no_table = FaultOf("no_table"),
              none = FaultOf("no_item");
  const Fault missing = FaultOf("missing_field"), throttled = FaultOf("throttled");
  EXPECT_THAT(ask({&denied}).body, HasSubstr("AccessDeniedException"));
  EXPECT_THAT(ask({&no_table}).body, HasSubstr("ResourceNotFoundException"));
  EXPECT_THAT(ask({&throttled}).body, HasSubstr("ProvisionedThroughputExceededException"));
  EXPECT_EQ(ask({&none}).body, "{}");
  EXPECT_THAT(ask({&missing}).body, testing::Not(HasSubstr("client_secret")));
}

class CloudServicesTest : public testing::Test {
 protected:
  std::vector<ordered_json> Delivered() const {
    std::vector<ordered_json> list;
    for (const std::string& line : Split(deliveries_.Text(""), '\n')) {
      if (!line.empty()) list.push_back(ordered_json::parse(line));
    }
    return list;
  }

  DeliveryLog deliveries_;
};

// An operation without the signature around it.
HttpResponse Ask(AwsService& service, std::string_view operation, const char* arguments,
                 const std::vector<const Fault*>& faults = {}) {
  return service.Perform(operation, ordered_json::parse(arguments), {faults}, kSignedAt);
}

TEST_F(CloudServicesTest, ParametersAreFoundByName) {
  SsmWorld world;
  world.parameters = {{"hook", "https://example.test"}};
  SsmService service(world, Aws());
  EXPECT_THAT(Ask(service, "GetParameter", R"({"Name":"hook"})").body,
              HasSubstr(R"("Value":"https://example.test")"));
  EXPECT_THAT(Ask(service, "GetParameter", R"({"Name":"other"})").body,
              HasSubstr("ParameterNotFound"));
  EXPECT_EQ(Ask(service, "PutParameter", "{}").status, 400);
}

class TimestreamServiceTest : public CloudServicesTest {
 protected:
  static std::string Request(const std::string& version, const std::string& price,
                             const std::string& type = "D2s_v3") {
    return R"({"DatabaseName":"spotlake","TableName":"azure","CommonAttributes":{"MeasureName":)"
           R"("azure_values","MeasureValueType":"MULTI","Time":"1769559000000","Version":)" +
           version + R"(},"Records":[{"Dimensions":[{"Name":"InstanceType","Value":")" + type +
           R"("},{"Name":"Region","Value":"US East"}],"MeasureValues":[{"Name":"SpotPrice",)"
           R"("Type":"DOUBLE","Value":")" +
           price + R"("}]}]})";
  }
  HttpResponse Write(const std::string& request, const std::vector<const Fault*>& faults = {}) {
    return Ask(service_, "WriteRecords", request.c_str(), faults);
  }

  TimestreamService service_{TimestreamWorld(), Aws(), deliveries_};
};

TEST_F(TimestreamServiceTest, TheAddressIsItsOwn) {
  service_.set_address("127.0.0.1:4711");
  const auto answer = ordered_json::parse(Ask(service_, "DescribeEndpoints", "{}").body);
  EXPECT_EQ(answer["Endpoints"][0]["Address"], "127.0.0.1:4711");
  EXPECT_EQ(answer["Endpoints"][0]["CachePeriodInMinutes"], 1440);
}

TEST_F(TimestreamServiceTest, AHigherVersionReplacesAndALowerOneIsRejected) {
  EXPECT_EQ(ordered_json::parse(Write(Request("5", "0.1")).body)["RecordsIngested"]["Total"], 1);
  EXPECT_EQ(Write(Request("5", "0.1")).status, 200);  // the same again
  const HttpResponse other = Write(Request("5", "0.2"));
  EXPECT_EQ(other.status, 419);
  EXPECT_FALSE(ordered_json::parse(other.body)["RejectedRecords"][0].contains("ExistingVersion"));
  const auto lower = ordered_json::parse(Write(Request("4", "0.2")).body);
  EXPECT_THAT(lower["__type"].get<std::string>(), testing::EndsWith("#RejectedRecordsException"));
  EXPECT_EQ(lower["RejectedRecords"][0]["RecordIndex"], 0);
  EXPECT_EQ(lower["RejectedRecords"][0]["ExistingVersion"], 5);
  EXPECT_EQ(Write(Request("6", "0.2")).status, 200);
  const auto delivered = Delivered();
  ASSERT_EQ(delivered.size(), 2u);  // only what changed the store
  EXPECT_EQ(delivered[1]["service"], "timestream");
  EXPECT_EQ(delivered[1]["table"], "spotlake/azure");
  EXPECT_EQ(delivered[1]["record"]["Version"], 6);
  EXPECT_EQ(delivered[1]["record"]["MeasureValues"][0]["Value"], "0.2");
}

TEST_F(TimestreamServiceTest, WhatCannotBeReadIsRejectedByRecord) {
  EXPECT_THAT(Write(Request("1", "cheap")).body, HasSubstr("no valid DOUBLE"));
  EXPECT_THAT(Write(Request("1", "0.1", "")).body, HasSubstr("can not be empty"));
  EXPECT_THAT(Write(Request("\"x\"", "0.1")).body, HasSubstr("Version must be"));
  EXPECT_EQ(Write(R"({"DatabaseName":"d","TableName":"t","Records":[]})").status, 400);
  EXPECT_EQ(Write(R"({"DatabaseName":"d","TableName":"t","Records":[7]})").status, 419);
  EXPECT_TRUE(Delivered().empty());
}

TEST_F(TimestreamServiceTest, MoreThanAHundredRecordsAreRefused) {
  ordered_json request = ordered_json::parse(Request("1", "0.1"));
  for (int i = 0; i < 100; ++i) request["Records"].push_back(request["Records"][0]);
  EXPECT_THAT(Write(request.dump()).body, HasSubstr("ValidationException"));
}

TEST_F(TimestreamServiceTest, FaultsRejectSomeRecordsAndKeepTheOthers) {
  ordered_json request = ordered_json::parse(Request("1", "0.1"));
  request["Records"].push_back(request["Records"][0]);
  request["Records"][1]["Dimensions"][0]["Value"] = "D4s_v3";
  Fault reject = FaultOf("reject_records"), existing = FaultOf("reject_records");
  const Fault endpoint = FaultOf("wrong_endpoint"), table = FaultOf("no_table");
  reject.at = 1;
  existing.size = 9;
  const auto answer = ordered_json::parse(Write(request.dump(), {&reject}).body);
  EXPECT_EQ(answer["RejectedRecords"].size(), 1u);
  EXPECT_EQ(answer["RejectedRecords"][0]["RecordIndex"], 1);
  EXPECT_FALSE(answer["RejectedRecords"][0].contains("ExistingVersion"));
  EXPECT_EQ(Delivered().size(), 1u);
  EXPECT_THAT(Write(request.dump(), {&existing}).body, HasSubstr(R"("ExistingVersion":9)"));
  EXPECT_EQ(Write(request.dump(), {&endpoint}).status, 421);
  EXPECT_EQ(Write(request.dump(), {&table}).status, 404);
}

TEST_F(CloudServicesTest, LogEventsNeedTheirStream) {
  LogsWorld world;
  world.groups = {{"counts", {"azure"}}};
  LogsService service(world, Aws(), deliveries_);
  const char* put =
      R"({"logGroupName":"counts","logStreamName":"new","logEvents":[{"timestamp":5,"message":"m"}]})";
  const char* stream = R"({"logGroupName":"counts","logStreamName":"new"})";
  EXPECT_THAT(Ask(service, "PutLogEvents", put).body, HasSubstr("ResourceNotFoundException"));
  EXPECT_EQ(Ask(service, "CreateLogStream", stream).status, 200);
  EXPECT_THAT(Ask(service, "CreateLogStream", stream).body, HasSubstr("AlreadyExists"));
  EXPECT_THAT(Ask(service, "CreateLogStream", R"({"logGroupName":"x","logStreamName":"y"})").body,
              HasSubstr("ResourceNotFoundException"));
  EXPECT_EQ(Ask(service, "CreateLogGroup", R"({"logGroupName":"x"})").status, 200);
  EXPECT_EQ(Ask(service, "CreateLogGroup", R"({"logGroupName":"x"})").status, 400);
  EXPECT_EQ(Ask(service, "PutLogEvents", put).status, 200);
  const Fault old = FaultOf("too_old"), gone = FaultOf("no_stream");
  EXPECT_THAT(Ask(service, "PutLogEvents", put, {&old}).body, HasSubstr("tooOldLogEventEndIndex"));
  EXPECT_EQ(Ask(service, "PutLogEvents", put, {&gone}).status, 400);
  EXPECT_EQ(
      Ask(service, "PutLogEvents",
          R"({"logGroupName":"counts","logStreamName":"new","logEvents":[{"timestamp":6,"message":"m"},)"
          R"({"timestamp":5,"message":"m"}]})")
          .status,
      400);
  ASSERT_EQ(Delivered().size(), 1u);
  EXPECT_EQ(Delivered()[0]["stream"], "new");
  EXPECT_EQ(Delivered()[0]["timestamp"], 5);
  EXPECT_EQ(Delivered()[0]["message"], "m");
}

TEST_F(CloudServicesTest, AWebhookKeepsTexts) {
  SlackService service({}, deliveries_);
  const auto post = [&](const char* path, const char* body) {
    return service
        .Answer({.method = "POST",
                 .target = path,
                 .path = path,
                 .query = "",
                 .headers = {},
                 .body = body},
                {}, kSignedAt)
        .response;
  };
  EXPECT_EQ(post("/services/simulated", R"({"text":"hello"})").body, "ok");
  EXPECT_EQ(post("/services/other", R"({"text":"hello"})").status, 404);
  EXPECT_EQ(post("/services/simulated", "hello").body, "invalid_payload");
  EXPECT_EQ(post("/services/simulated", "{}").body, "no_text");
  ASSERT_EQ(Delivered().size(), 1u);
  EXPECT_EQ(Delivered()[0]["text"], "hello");
}

class InfluxServiceTest : public CloudServicesTest {
 protected:
  HttpResponse Post(const std::string& target, const std::string& body,
                    const std::vector<const Fault*>& faults = {}, const char* encoding = "",
                    const char* token = "Token simulated-influx-token") {
    const size_t mark = target.find('?');
    return service_
        .Answer({.method = "POST",
                 .target = target,
                 .path = target.substr(0, mark),
                 .query = target.substr(mark + 1),
                 .headers = {{"authorization", token}, {"content-encoding", encoding}},
                 .body = body},
                {faults}, kSignedAt)
        .response;
  }

  InfluxService service_{InfluxWorld(), deliveries_};
  const std::string v2_ = "/api/v2/write?org=o&bucket=b&precision=ns";
};

TEST_F(InfluxServiceTest, BothVersionsTakeLines) {
  EXPECT_EQ(Post(v2_, "m,t=1 f=1.5 5\nm f=2i,g=\"x y\",h=true 6\n").status, 204);
  EXPECT_EQ(Post("/write?db=d&precision=ms", "m f=1 5").status, 204);
  ASSERT_EQ(Delivered().size(), 3u);
  EXPECT_EQ(Delivered()[0]["line"], "m,t=1 f=1.5 5");
  EXPECT_EQ(Delivered()[2]["bucket"], "d");
  EXPECT_EQ(Delivered()[2]["precision"], "ms");
}

TEST_F(InfluxServiceTest, BodiesMayBePacked) {
  std::string packed(1024, '\0');
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string text = "m f=1 5\n";
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  EXPECT_EQ(Post(v2_, packed, {}, "gzip").status, 204);
  EXPECT_EQ(Post(v2_, "no gzip", {}, "gzip").status, 400);
  EXPECT_EQ(Delivered().size(), 1u);
}

TEST_F(InfluxServiceTest, WrongRequestsAreRefused) {
  EXPECT_EQ(Post(v2_, "m f=1 5", {}, "", "Token x").status, 401);
  EXPECT_EQ(Post("/api/v2/write?bucket=b", "m f=1 5").status, 400);
  EXPECT_EQ(Post("/write?db=", "m f=1 5").status, 400);
  EXPECT_EQ(Post("/api/v2/write?org=o&bucket=b&precision=h", "m f=1 5").status, 400);
  EXPECT_EQ(Post("/query?db=d", "").status, 404);
}

TEST_F(InfluxServiceTest, LinesThatCannotBeReadAreRefusedAndTheOthersKept) {
  const HttpResponse partial = Post(v2_, "m f=1 5\nm f=x 6\nm f=2 7");
  EXPECT_EQ(partial.status, 400);
  EXPECT_THAT(partial.body, HasSubstr("partial write"));
  EXPECT_THAT(partial.body, HasSubstr("dropped=1"));
  EXPECT_EQ(Delivered().size(), 2u);
  const Fault fault = FaultOf("partial");
  EXPECT_THAT(Post(v2_, "m f=1 5\nm f=2 6", {&fault}).body, HasSubstr("field type conflict"));
  EXPECT_EQ(Delivered().size(), 3u);
}

TEST(LineProtocol, LinesAreReadAsTheyAreWritten) {
  for (
      const char* good :
      {R"(azure_spot,instance_type=D2s_v3,zone=1 desired_count=5i,present=true,savings=80.4 1769559000000000000)",
       R"(a\ b\,c,t\=x=y\ z f="a \"quoted\", text" -5)", "m f=1e-7", "m f=t"}) {
    EXPECT_EQ(ProblemOfLine(good), "") << good;
  }
  for (const char* bad : {"", "m", "m ", "m f", "m f=", "m,t f=1", "m,t= f=1", "m f=1 x", "m f=1,",
                          "m f=1.5i", ",t=1 f=1", "m f=\"x"}) {
    EXPECT_NE(ProblemOfLine(bad), "") << bad;
  }
}

TEST(DeliveryLog, AFileGetsALineADelivery) {
  const TemporaryFolder folder;
  DeliveryLog log;
  log.WriteTo(folder.path / "d.ndjson");
  EXPECT_FALSE(std::filesystem::exists(folder.path / "d.ndjson"));
  log.Add(kSignedAt, "slack", {{"text", "a"}});
  log.Add(kSignedAt, "logs", {{"message", "b"}});
  ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(folder.path / "d.ndjson"));
  EXPECT_EQ(text, R"({"time":"2015-08-30T12:36:00Z","service":"slack","text":"a"})"
                  "\n"
                  R"({"time":"2015-08-30T12:36:00Z","service":"logs","message":"b"})"
                  "\n");
  EXPECT_EQ(log.Text(""), text);
  EXPECT_EQ(log.Text("logs"), text.substr(text.find('\n') + 1));
}

}  // namespace
}  // namespace catchment::simulator
