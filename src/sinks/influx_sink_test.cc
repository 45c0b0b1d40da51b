#include "sinks/influx_sink.h"

#include "base/text.h"
#include "columnar/compress.h"
#include "columnar/test.h"
#include "net/fake_transport.h"
#include "net/secrets.h"
#include "sinks/line_protocol.h"

namespace catchment::sinks {
namespace {

using columnar::TestTable;
using net::Answer;
using net::Request;

const Time kSlot = *ParseTime("2026-01-28T00:10:00Z");

/// All lines of a table at the slot.
std::string Lines(const columnar::Table& table, const LineShape& shape, Time slot = kSlot) {
  const auto rows = RowValues::Make(table);
  EXPECT_OK(rows);
  const auto writer = LineWriter::Make(shape, rows->columns());
  EXPECT_OK(writer);
  std::string text;
  for (int64_t row = 0; row < rows->num_rows(); ++row) writer->Append(*rows, row, slot, text);
  return text;
}

constexpr const char* kInfluxEnvironment[] = {"TOKEN=t0ken", "USER_NAME=Aladdin",
                                              "PASSWORD=open sesame", nullptr};

struct InfluxFixture {
  explicit InfluxFixture(net::FakeTransport::Server server) : service(std::move(server)) {
    context.clock = &clock;
  }
  Status Deliver(InfluxOptions options, const columnar::Table& rows) {
    options.url = "https://influx.example/";
    options.shape.measurement = "m";
    InfluxSink sink(std::move(options), {&service, &secrets});
    return sink.Deliver({"d", "t", 7, "2026-01-28T00:10:00Z", kSlot, kSlot, rows}, context);
  }
  std::string BodyOf(size_t request) {
    return *columnar::Decompress(service.requests().at(request).body, columnar::Compression::kGzip,
                                 "body");
  }
  ManualClock clock{kSlot};
  OpContext context;
  net::LocalSecretStore secrets{kInfluxEnvironment};
  net::FakeTransport service;
};

InfluxOptions VersionTwo() {
  return {.url = {}, .organisation = "my org", .bucket = "spot", .token = {"env:TOKEN"}};
}

columnar::Table Numbers(int count) {
  std::string values = "[0";
  for (int i = 1; i < count; ++i) values += fmt::format(",{}", i);
  return TestTable({{"n", "int64", values + "]"}});
}

}  // namespace

TEST(LineProtocolTest, ARowOfChangesIsTheDocumentedLine) {
  const auto table = TestTable({{"zone", "text", R"(["1"])"},
                                {"instance_tier", "text", R"(["Standard"])"},
                                {"instance_type", "text", R"(["D2s_v3"])"},
                                {"region_code", "text", R"(["eastus"])"},
                                {"t3", "int16", "[5]"},
                                {"t2", "int16", "[5]"},
                                {"spot_price", "float64", "[0.018816]"},
                                {"ondemand_price", "float64", "[0.096]"},
                                {"savings", "float64", "[80.4]"},
                                {"score", "int8", "[3]"},
                                {"last_score", "int8", "[3]"},
                                {"present", "bool", "[true]"},
                                {"interruption_score", "float64", "[3.0]"},
                                {"desired_count", "int16", "[5]"}});
  EXPECT_EQ(Lines(table,
                  {.measurement = "azure_spot",
                   .tags = {"zone", "region_code", "instance_tier", "instance_type"},
                   .fields = {}},
                  *ParseTime("2026-01-28T00:10:00Z")),
            "azure_spot,instance_tier=Standard,instance_type=D2s_v3,region_code=eastus,zone=1 "
            "desired_count=5i,interruption_score=3,last_score=3i,ondemand_price=0.096,present=true,"
            "savings=80.4,score=3i,spot_price=0.018816,t2=5i,t3=5i 1769559000000000000\n");
}

TEST(LineProtocolTest, NullsAreLeftOutAndARemovedRowIsOnlyAbsent) {
  const auto table = TestTable({{"zone", "text", R"([null, "", "1", "2"])"},
                                {"present", "bool", "[false, false, true, null]"},
                                {"price", "float64", "[null, null, 1e22, null]"},
                                {"n", "int64", "[null, null, -9223372036854775808, null]"}});
  EXPECT_EQ(Lines(table, {.measurement = "m", .tags = {"zone"}, .fields = {}}, Time()),
            "m present=false 0\n"
            "m present=false 0\n"
            "m,zone=1 n=-9223372036854775808i,present=true,price=1e+22 0\n");
}

TEST(LineProtocolTest, NothingBreaksOutOfALine) {
  const auto table =
      TestTable({{"a tag", "text", R"(["x, y=z\\", "two\nlines", "ends\\"])"},
                 {"say,it=\"so\"", "text", R"(["he said \"\\n\" \n x", "é", "m v=1 1\nm"])"}});
  EXPECT_EQ(
      Lines(table, {.measurement = "my, name", .tags = {"a tag"}, .fields = {}}, Time()),
      "my\\,\\ name,a\\ tag=x\\,\\ y\\=z/ say\\,it\\=\"so\"=\"he said \\\"\\\\n\\\" \n x\" 0\n"
      "my\\,\\ name,a\\ tag=two\\ lines say\\,it\\=\"so\"=\"é\" 0\n"
      "my\\,\\ name,a\\ tag=ends/ say\\,it\\=\"so\"=\"m v=1 1\nm\" 0\n");
}

TEST(LineProtocolTest, ColumnsThatAreNotThereAreNamed) {
  EXPECT_ERROR(LineWriter::Make({.measurement = "m", .tags = {"zone"}, .fields = {}}, {"a"}),
               Code::kNotFound, "zone");
  EXPECT_ERROR(LineWriter::Make({.measurement = "m", .tags = {"a"}, .fields = {}}, {"a"}),
               Code::kInvalid, "field");
}

TEST(InfluxSinkTest, VersionTwoTakesOrganisationBucketAndToken) {
  InfluxFixture f([](const Request&) { return Answer(204); });
  ASSERT_OK(f.Deliver(VersionTwo(), Numbers(2)));
  const Request request = f.service.requests().at(0);
  EXPECT_EQ(request.url,
            "https://influx.example/api/v2/write?bucket=spot&org=my%20org&precision=ns");
  EXPECT_EQ(request.headers.Get("authorization"), "Token t0ken");
  EXPECT_EQ(request.headers.Get("content-encoding"), "gzip");
  EXPECT_EQ(request.service, "influx");
  EXPECT_EQ(f.BodyOf(0), "m n=0i 1769559000000000000\nm n=1i 1769559000000000000\n");
}

TEST(InfluxSinkTest, VersionOneTakesDatabaseAndPerhapsUserAndPassword) {
  InfluxFixture f([](const Request&) { return Answer(204); });
  InfluxOptions options;
  options.database = "spot";
  ASSERT_OK(f.Deliver(options, Numbers(1)));
  options.user = {"env:USER_NAME"};
  options.password = {"env:PASSWORD"};
  ASSERT_OK(f.Deliver(options, Numbers(1)));
  EXPECT_EQ(f.service.requests().at(0).url, "https://influx.example/write?db=spot&precision=ns");
  EXPECT_EQ(f.service.requests().at(0).headers.Find("authorization"), nullptr);
  EXPECT_EQ(f.service.requests().at(1).headers.Get("authorization"),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(InfluxSinkTest, ARequestHoldsFiveThousandLines) {
  InfluxFixture f([](const Request&) { return Answer(204); });
  ASSERT_OK(f.Deliver(VersionTwo(), Numbers(10'001)));
  ASSERT_EQ(f.service.requests().size(), 3u);
  EXPECT_EQ(Split(f.BodyOf(0), '\n').size(), 5'001u);
  EXPECT_EQ(f.BodyOf(2), "m n=10000i 1769559000000000000\n");
}

TEST(InfluxSinkTest, ARefusedRequestDoesNotKeepTheOthersBack) {
  int asked = 0;
  InfluxFixture f([&](const Request&) {
    return ++asked == 1 ? Answer(400, "{\"error\":\"partial write: dropped=1\"}") : Answer(204);
  });
  InfluxOptions options = VersionTwo();
  options.lines_of_a_request = 2;
  EXPECT_ERROR(f.Deliver(options, Numbers(5)), Code::kInvalid,
               "2 of 5 rows refused: row 0 (n=0): POST "
               "https://influx.example/api/v2/write?bucket=spot&org=my%20org&precision=ns: HTTP "
               "400: {\"error\":\"partial write: dropped=1\"}; row 1 (n=1): ");
  EXPECT_EQ(asked, 3);
}

TEST(InfluxSinkTest, WhatMayPassIsTriedAgainAndTheRestIsNot) {
  int asked = 0;
  InfluxFixture f([&](const Request&) -> Result<net::Response> {
    ++asked;
    if (asked == 1) return Unavailable("no connection");
    if (asked == 2) return Answer(503, "", {{"Retry-After", "2"}});
    return Answer(204);
  });
  ASSERT_OK(f.Deliver(VersionTwo(), Numbers(1)));
  EXPECT_EQ(asked, 3);
  EXPECT_GE(f.clock.Now(), kSlot + std::chrono::seconds(2));
}

TEST(InfluxSinkTest, AnAbsentTokenIsNamedAndNothingIsSent) {
  InfluxFixture f([](const Request&) { return Answer(204); });
  InfluxOptions options = VersionTwo();
  options.token = {"env:NO_TOKEN"};
  EXPECT_ERROR(f.Deliver(options, Numbers(1)), Code::kDenied, "env:NO_TOKEN");
  EXPECT_TRUE(f.service.requests().empty());
}

TEST(InfluxSinkTest, KeysSayWhatIsMissing) {
  const auto make = [](nlohmann::json keys) {
    keys.merge_patch({{"measurement", "m"}});
    return InfluxSinkEntry().make(keys, {});
  };
  EXPECT_ERROR(make({{"url", "not a url"}}), Code::kInvalid, "url");
  EXPECT_ERROR(make({{"url", "https://h"}}), Code::kInvalid, "bucket, org and token");
  EXPECT_ERROR(make({{"url", "https://h"}, {"database", "d"}, {"user", "env:U"}}), Code::kInvalid,
               "password");
  const auto plain = make({{"url", "https://h"}, {"bucket", "b"}, {"org", "o"}, {"token", "t0p"}});
  EXPECT_ERROR(plain, Code::kInvalid, "reference");
  EXPECT_EQ(plain.error().message.find("t0p"), std::string::npos);
  EXPECT_OK(make({{"url", "https://h"}, {"database", "d"}}));
}

}  // namespace catchment::sinks
