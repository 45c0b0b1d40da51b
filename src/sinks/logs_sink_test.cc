#include "sinks/logs_sink.h"

#include "columnar/test.h"
#include "net/fake_transport.h"
#include "net/secrets.h"

namespace catchment::sinks {
namespace {

using columnar::TestTable;
using net::Answer;
using net::Request;
using nlohmann::json;

constexpr const char* kLogsEnvironment[] = {"AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
                                            "AWS_SECRET_ACCESS_KEY=s3cret", "AWS_REGION=us-west-2",
                                            nullptr};

struct LogsFixture {
  explicit LogsFixture(net::FakeTransport::Server server) : service(std::move(server)) {
    context.clock = &clock;
  }
  Status Deliver(columnar::Table rows) {
    LogsSink sink({.group = "Collection-Data-Count",
                   .stream = "Azure-Count",
                   .message = "AZUREONDEMAND: {a} AZURESPOT: {b} AZUREIF: {c} AZURESPS: {d}"},
                  {&service, &secrets});
    return sink.Deliver(
        {"azure-spot", "snapshot", 42, "2026-01-28T00:10:00Z", *ParseTime("2026-01-28T00:10:00Z"),
         *ParseTime("2026-01-28T00:11:02Z"), std::move(rows)},
        context);
  }
  std::vector<std::string> Operations() {
    std::vector<std::string> operations;
    for (const Request& request : service.requests()) {
      operations.emplace_back(request.headers.Get("x-amz-target").substr(14));
    }
    return operations;
  }
  ManualClock clock{*ParseTime("2026-01-28T00:12:00Z")};
  OpContext context;
  net::LocalSecretStore secrets{kLogsEnvironment};
  net::FakeTransport service;
};

columnar::Table Counts() {
  return TestTable({{"a", "int64", "[81000]"},
                    {"b", "int64", "[80500]"},
                    {"c", "int64", "[0]"},
                    {"d", "int64", "[null]"}});
}

std::string ErrorOf(const char* type) { return json({{"__type", type}, {"message", "no"}}).dump(); }

}  // namespace

TEST(LogsSinkTest, APublishIsOneEventAtItsSlot) {
  LogsFixture f([](const Request&) { return Answer(200, "{}"); });
  ASSERT_OK(f.Deliver(Counts()));
  const Request request = f.service.requests().at(0);
  EXPECT_EQ(request.url, "https://logs.us-west-2.amazonaws.com/");
  EXPECT_EQ(request.headers.Get("x-amz-target"), "Logs_20140328.PutLogEvents");
  EXPECT_EQ(request.headers.Get("content-type"), "application/x-amz-json-1.1");
  EXPECT_EQ(request.service, "logs");
  EXPECT_EQ(
      json::parse(request.body),
      json({{"logGroupName", "Collection-Data-Count"},
            {"logStreamName", "Azure-Count"},
            {"logEvents",
             {{{"timestamp", 1769559000000},
               {"message", "AZUREONDEMAND: 81000 AZURESPOT: 80500 AZUREIF: 0 AZURESPS: "}}}}}));
}

TEST(LogsSinkTest, GroupAndStreamAreMadeWhenTheyAreAbsent) {
  int puts = 0;
  LogsFixture f([&](const Request& request) {
    const std::string_view target = request.headers.Get("x-amz-target");
    if (target.ends_with("CreateLogGroup")) {
      return Answer(400, ErrorOf("ResourceAlreadyExistsException"));
    }
    if (target.ends_with("CreateLogStream")) return Answer(200, "");
    return ++puts == 1 ? Answer(400, ErrorOf("ResourceNotFoundException")) : Answer(200, "{}");
  });
  ASSERT_OK(f.Deliver(Counts()));
  EXPECT_EQ(f.Operations(), (std::vector<std::string>{"PutLogEvents", "CreateLogGroup",
                                                      "CreateLogStream", "PutLogEvents"}));
}

TEST(LogsSinkTest, AStreamThatStaysAbsentIsNoLoop) {
  LogsFixture f([&](const Request& request) {
    const bool put = request.headers.Get("x-amz-target").ends_with("PutLogEvents");
    return put ? Answer(400, ErrorOf("ResourceNotFoundException")) : Answer(200, "");
  });
  EXPECT_ERROR(f.Deliver(Counts()), Code::kNotFound, "ResourceNotFoundException");
  EXPECT_EQ(f.service.requests().size(), 4u);
}

TEST(LogsSinkTest, WhatIsAcceptedAlreadyIsDelivered) {
  LogsFixture f(
      [](const Request&) { return Answer(400, ErrorOf("DataAlreadyAcceptedException")); });
  EXPECT_OK(f.Deliver(Counts()));
}

TEST(LogsSinkTest, ASequenceTokenIsSentWhereItIsWanted) {
  LogsFixture f([](const Request& request) {
    if (json::parse(request.body).value("sequenceToken", "") == "49") return Answer(200, "{}");
    return Answer(400,
                  R"({"__type":"InvalidSequenceTokenException","expectedSequenceToken":"49"})");
  });
  EXPECT_OK(f.Deliver(Counts()));
  EXPECT_EQ(f.service.requests().size(), 2u);
}

TEST(LogsSinkTest, AnEventOutsideTheServicesTimeIsRefused) {
  LogsFixture f([](const Request&) {
    return Answer(200, R"({"rejectedLogEventsInfo":{"expiredLogEventEndIndex":1}})");
  });
  EXPECT_ERROR(f.Deliver(Counts()), Code::kInvalid, "expiredLogEventEndIndex");
}

TEST(LogsSinkTest, AMissingPermissionComesAgain) {
  LogsFixture f([](const Request&) { return Answer(400, ErrorOf("AccessDeniedException")); });
  EXPECT_ERROR(f.Deliver(Counts()), Code::kDenied, "AccessDeniedException");
}

TEST(LogsSinkTest, ManyRowsGoInSeveralRequests) {
  LogsFixture f([](const Request&) { return Answer(200, "{}"); });
  std::string numbers = "[0";
  for (int i = 1; i < 10'001; ++i) numbers += fmt::format(",{}", i);
  numbers += "]";
  ASSERT_OK(f.Deliver(TestTable({{"a", "int64", numbers},
                                 {"b", "int64", numbers},
                                 {"c", "int64", numbers},
                                 {"d", "int64", numbers}})));
  ASSERT_EQ(f.service.requests().size(), 2u);
  EXPECT_EQ(json::parse(f.service.requests()[0].body)["logEvents"].size() +
                json::parse(f.service.requests()[1].body)["logEvents"].size(),
            10'001u);
}

TEST(LogsSinkTest, AColumnThatIsNotThereIsNamed) {
  LogsFixture f([](const Request&) { return Answer(200, "{}"); });
  EXPECT_ERROR(f.Deliver(TestTable({{"a", "int64", "[1]"}})), Code::kNotFound, "b");
}

}  // namespace catchment::sinks
