#include "sinks/timestream_sink.h"

#include "columnar/test.h"
#include "net/fake_transport.h"
#include "net/secrets.h"

namespace catchment::sinks {
namespace {

using columnar::TestTable;
using net::Answer;
using net::Request;
using nlohmann::json;

constexpr const char* kCell = "ingest-cell1.timestream.us-west-2.amazonaws.com";
constexpr int64_t kVersion = 1'769'559'062'000;  // 2026-01-28T00:11:02Z

constexpr const char* kTimestreamEnvironment[] = {"AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
                                                  "AWS_SECRET_ACCESS_KEY=s3cret", nullptr};

std::string Endpoints(const std::string& address, int minutes = 10) {
  return json({{"Endpoints", {{{"Address", address}, {"CachePeriodInMinutes", minutes}}}}}).dump();
}

std::string Rejected(const json& records) {
  return json({{"__type", "com.amazonaws.timestream.v20181101#RejectedRecordsException"},
               {"Message", "One or more records have been rejected."},
               {"RejectedRecords", records}})
      .dump();
}

/// A sink of rows {n} whose service answers WriteRecords by `write`.
struct TimestreamFixture {
  using Write = std::function<Result<net::Response>(const Request&)>;
  explicit TimestreamFixture(Write write)
      : service([this, write = std::move(write)](const Request& request) {
          if (request.headers.Get("x-amz-target") != "Timestream_20181101.DescribeEndpoints") {
            return write(request);
          }
          ++described;
          return Result<net::Response>(Answer(200, Endpoints(cell)));
        }) {
    context.clock = &clock;
  }
  TimestreamOptions Options() const {
    return {.database = "spotlake",
            .table = "azure",
            .region = "us-west-2",
            .dimensions = {"n"},
            .measure_name = "azure_values",
            .measures = {{"v", "DOUBLE"}},
            .in_flight = 1};
  }
  SinkBatch Batch(columnar::Table rows) const {
    return {"azure-spot",
            "changes",
            42,
            "2026-01-28T00:10:00Z",
            *ParseTime("2026-01-28T00:10:00Z"),
            *ParseTime("2026-01-28T00:11:02Z"),
            std::move(rows)};
  }
  SinkBatch Numbers(int count) const {
    std::string numbers = "[0", values = "[0.5";
    for (int i = 1; i < count; ++i) {
      numbers += fmt::format(",{}", i);
      values += ",0.5";
    }
    return Batch(TestTable({{"n", "int64", numbers + "]"}, {"v", "float64", values + "]"}}));
  }

  ManualClock clock{*ParseTime("2026-01-28T00:12:00Z")};
  OpContext context;
  std::string cell = kCell;
  int described = 0;
  net::LocalSecretStore secrets{kTimestreamEnvironment};
  net::FakeTransport service;
};

Result<net::Response> Taken(const Request&) { return Answer(200, "{}"); }

}  // namespace

TEST(TimestreamSinkTest, ARowIsTheDocumentedRecord) {
  TimestreamFixture f(Taken);
  TimestreamOptions options = f.Options();
  options.dimensions = {"InstanceTier", "InstanceType", "Region", "AvailabilityZone"};
  options.measures = {{"DesiredCount", "DOUBLE"}, {"OndemandPrice", "DOUBLE"},
                      {"SpotPrice", "DOUBLE"},    {"IF", "DOUBLE"},
                      {"Score", "VARCHAR"},       {"Time", "VARCHAR"},
                      {"T2", "DOUBLE"},           {"T3", "DOUBLE"}};
  TimestreamSink sink(options, {&f.service, &f.secrets});
  ASSERT_OK(sink.Deliver(f.Batch(TestTable({{"InstanceType", "text", R"(["D2s_v3"])"},
                                            {"InstanceTier", "text", R"(["Standard"])"},
                                            {"Region", "text", R"(["US East"])"},
                                            {"AvailabilityZone", "text", R"(["Single"])"},
                                            {"DesiredCount", "int16", "[-1]"},
                                            {"OndemandPrice", "float64", "[-1.0]"},
                                            {"SpotPrice", "float64", "[0.018816]"},
                                            {"IF", "float64", "[3.0]"},
                                            {"Score", "int8", "[3]"},
                                            {"Time", "text", R"(["2026-01-28 00:10:00"])"},
                                            {"T2", "int16", "[5]"},
                                            {"T3", "int16", "[0]"}})),
                         f.context));
  const Request request = f.service.requests().at(1);
  EXPECT_EQ(request.url, fmt::format("https://{}/", kCell));
  EXPECT_EQ(request.headers.Get("x-amz-target"), "Timestream_20181101.WriteRecords");
  EXPECT_NE(request.headers.Get("authorization").find("/us-west-2/timestream/aws4_request"),
            std::string_view::npos);
  EXPECT_EQ(request.service, "timestream");
  const auto value = [](const char* name, const char* type, const char* text) {
    return json({{"Name", name}, {"Type", type}, {"Value", text}});
  };
  EXPECT_EQ(
      json::parse(request.body),
      json({{"DatabaseName", "spotlake"},
            {"TableName", "azure"},
            {"CommonAttributes",
             {{"MeasureName", "azure_values"},
              {"MeasureValueType", "MULTI"},
              {"Time", "1769559000000"},
              {"TimeUnit", "MILLISECONDS"},
              {"Version", kVersion}}},
            {"Records",
             {{{"Dimensions",
                {{{"Name", "InstanceTier"}, {"Value", "Standard"}},
                 {{"Name", "InstanceType"}, {"Value", "D2s_v3"}},
                 {{"Name", "Region"}, {"Value", "US East"}},
                 {{"Name", "AvailabilityZone"}, {"Value", "Single"}}}},
               {"MeasureValues",
                {value("DesiredCount", "DOUBLE", "-1"), value("OndemandPrice", "DOUBLE", "-1.0"),
                 value("SpotPrice", "DOUBLE", "0.018816"), value("IF", "DOUBLE", "3.0"),
                 value("Score", "VARCHAR", "3"), value("Time", "VARCHAR", "2026-01-28 00:10:00"),
                 value("T2", "DOUBLE", "5"), value("T3", "DOUBLE", "0")}}}}}}));
}

TEST(TimestreamSinkTest, ARequestHoldsAHundredRecords) {
  TimestreamFixture f(Taken);
  TimestreamSink sink(f.Options(), {&f.service, &f.secrets});
  ASSERT_OK(sink.Deliver(f.Numbers(250), f.context));
  std::vector<size_t> sizes;
  for (const Request& request : f.service.requests()) {
    const json body = json::parse(request.body);
    if (body.contains("Records")) sizes.push_back(body["Records"].size());
  }
  EXPECT_EQ(sizes, (std::vector<size_t>{100, 100, 50}));
}

TEST(TimestreamSinkTest, NullsAreLeftOut) {
  TimestreamFixture f(Taken);
  TimestreamSink sink(f.Options(), {&f.service, &f.secrets});
  ASSERT_OK(sink.Deliver(
      f.Batch(TestTable({{"n", "text", R"([null, "a"])"}, {"v", "float64", "[1.5, null]"}})),
      f.context));
  EXPECT_EQ(json::parse(f.service.requests().at(1).body)["Records"],
            json::parse(
                R"([{"Dimensions":[],"MeasureValues":[{"Name":"v","Type":"DOUBLE","Value":"1.5"}]},
              {"Dimensions":[{"Name":"n","Value":"a"}],"MeasureValues":[]}])"));
}

TEST(TimestreamSinkTest, AnyTextIsJson) {
  TimestreamFixture f(Taken);
  TimestreamOptions options = f.Options();
  options.dimensions = {"a \"name\""};
  options.measures = {{"v", "VARCHAR"}};
  TimestreamSink sink(options, {&f.service, &f.secrets});
  ASSERT_OK(sink.Deliver(f.Batch(TestTable({{"a \"name\"", "text", R"(["x\"y\\z", "é\n\u007f"])"},
                                            {"v", "text", R"(["", "\t"])"}})),
                         f.context));
  const json records = json::parse(f.service.requests().at(1).body)["Records"];
  EXPECT_EQ(records[0]["Dimensions"], json::parse(R"([{"Name":"a \"name\"","Value":"x\"y\\z"}])"));
  EXPECT_EQ(records[0]["MeasureValues"],
            json::parse(R"([{"Name":"v","Type":"VARCHAR","Value":""}])"));
  EXPECT_EQ(records[1]["Dimensions"][0]["Value"], "é\n\x7f");
  EXPECT_EQ(records[1]["MeasureValues"][0]["Value"], "\t");
}

TEST(TimestreamSinkTest, TheEndpointIsKeptForAsLongAsItSays) {
  TimestreamFixture f(Taken);
  TimestreamSink sink(f.Options(), {&f.service, &f.secrets});
  for (const auto& [advance, expected] :
       std::initializer_list<std::pair<int, int>>{{0, 1}, {9, 1}, {2, 2}}) {
    f.clock.Advance(std::chrono::minutes(advance));
    ASSERT_OK(sink.Deliver(f.Numbers(1), f.context));
    EXPECT_EQ(f.described, expected);
  }
}

TEST(TimestreamSinkTest, AnEndpointThatIsNoLongerOursIsAskedForAgain) {
  int writes = 0;
  TimestreamFixture* self = nullptr;
  TimestreamFixture f([&](const Request& request) -> Result<net::Response> {
    if (++writes > 1) return Taken(request);
    self->cell = "ingest-cell2.timestream.us-west-2.amazonaws.com";
    return Answer(400, R"({"__type":"x#InvalidEndpointException"})");
  });
  self = &f;
  TimestreamSink sink(f.Options(), {&f.service, &f.secrets});
  ASSERT_OK(sink.Deliver(f.Numbers(1), f.context));
  EXPECT_EQ(f.described, 2);
  EXPECT_EQ(f.service.requests().back().url,
            "https://ingest-cell2.timestream.us-west-2.amazonaws.com/");
}

TEST(TimestreamSinkTest, CredentialsGoToAmazonOnly) {
  for (const char* address : {"evil.example", "amazonaws.com.evil.example", "a/b.amazonaws.com",
                              "evil.example/?x=.amazonaws.com", "", "user@x.amazonaws.com"}) {
    TimestreamFixture f(Taken);
    f.cell = address;
    TimestreamSink sink(f.Options(), {&f.service, &f.secrets});
    EXPECT_ERROR(sink.Deliver(f.Numbers(1), f.context), Code::kUnavailable, "address");
    EXPECT_EQ(f.service.requests().size(), static_cast<size_t>(f.described)) << address;
  }
}

// A31: rejected records were sent again at once without end, and then a success was reported.
TEST(TimestreamSinkTest, A31_RejectedRecordsAreNamedOnceAndTheOthersAreWritten) {
  int writes = 0;
  TimestreamFixture f([&](const Request&) -> Result<net::Response> {
    if (++writes != 2) return Answer(200, "{}");
    return Answer(
        419,
        Rejected(
            {{{"RecordIndex", 7}, {"Reason", "outside the retention period"}},
             {{"RecordIndex", 3}, {"Reason", "a duplicate"}, {"ExistingVersion", kVersion - 1}}}));
  });
  TimestreamSink sink(f.Options(), {&f.service, &f.secrets});
  EXPECT_ERROR(sink.Deliver(f.Numbers(250), f.context), Code::kInvalid,
               "sink timestream spotlake/azure: 2 of 250 rows refused: row 103 (n=103): a "
               "duplicate; row 107 (n=107): outside the retention period");
  EXPECT_EQ(writes, 3);
}

TEST(TimestreamSinkTest, ARecordThatIsThereInThisVersionOrALaterOneIsDelivered) {
  TimestreamFixture f([&](const Request&) -> Result<net::Response> {
    return Answer(400, Rejected({{{"RecordIndex", 0}, {"ExistingVersion", kVersion}},
                                 {{"RecordIndex", 1}, {"ExistingVersion", kVersion + 5}}}));
  });
  TimestreamSink sink(f.Options(), {&f.service, &f.secrets});
  EXPECT_OK(sink.Deliver(f.Numbers(3), f.context));
}

TEST(TimestreamSinkTest, ARejectionThatNamesNoRecordRefusesTheWholeRequest) {
  for (const json& records :
       {json(), json::array(), json({1}), json({{{"RecordIndex", 100}}}),
        json({{{"RecordIndex", -1}}}), json({{{"RecordIndex", "0"}}}), json({{{"Reason", "x"}}})}) {
    TimestreamFixture f(
        [&](const Request&) -> Result<net::Response> { return Answer(400, Rejected(records)); });
    TimestreamSink sink(f.Options(), {&f.service, &f.secrets});
    EXPECT_ERROR(sink.Deliver(f.Numbers(3), f.context), Code::kInvalid, "3 of 3 rows refused");
  }
}

TEST(TimestreamSinkTest, TheMessageNamesTheFirstFiveOfMany) {
  TimestreamFixture f([&](const Request&) -> Result<net::Response> {
    return Answer(400, R"({"__type":"x#ValidationException","message":"measure is too long"})");
  });
  TimestreamSink sink(f.Options(), {&f.service, &f.secrets});
  const Status sent = sink.Deliver(f.Numbers(30), f.context);
  EXPECT_ERROR(sent, Code::kInvalid, "row 4 (n=4): WriteRecords: ValidationException: measure is");
  EXPECT_ERROR(sent, Code::kInvalid, "; and 25 more");
  EXPECT_EQ(sent.error().message.find("row 5"), std::string::npos);
}

TEST(TimestreamSinkTest, AThrottledServiceIsTriedAFewTimesAndThenLeftForLater) {
  int writes = 0;
  TimestreamFixture f([&](const Request&) -> Result<net::Response> {
    ++writes;
    return Answer(400, R"({"__type":"x#ThrottlingException"})");
  });
  TimestreamSink sink(f.Options(), {&f.service, &f.secrets});
  EXPECT_ERROR(sink.Deliver(f.Numbers(500), f.context), Code::kUnavailable, "ThrottlingException");
  EXPECT_LE(writes, 10);
}

TEST(TimestreamSinkTest, KeysSayWhatIsMissing) {
  json keys = {{"dimensions", {"a"}},
               {"measure_name", "m"},
               {"measures", {{{"v", "DOUBLE"}}}},
               {"to", "database/table"}};
  TimestreamFixture f(Taken);
  const SinkServices services{&f.service, &f.secrets};
  EXPECT_OK(TimestreamSinkEntry().make(keys, services));
  for (const auto& [key, value] :
       std::initializer_list<std::pair<const char*, json>>{{"to", "table"},
                                                           {"to", nullptr},
                                                           {"measures", {{{"v", "FLOAT"}}}},
                                                           {"measures", "v"},
                                                           {"dimensions", json::array()},
                                                           {"measure_name", ""}}) {
    json broken = keys;
    broken[key] = value;
    EXPECT_ERROR(TimestreamSinkEntry().make(broken, services), Code::kInvalid, key);
  }
  TimestreamSink sink(f.Options(), services);
  EXPECT_ERROR(sink.Deliver(f.Batch(TestTable({{"n", "int64", "[1]"}})), f.context),
               Code::kNotFound, "v");
  EXPECT_ERROR(
      sink.Deliver(f.Batch(TestTable({{"n", "list<int64>", "[[1]]"}, {"v", "float64", "[1]"}})),
                   f.context),
      Code::kInvalid, "n");
}

}  // namespace catchment::sinks
