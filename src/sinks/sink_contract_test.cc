#include "sinks/sink_contract.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "columnar/compress.h"
#include "net/fake_transport.h"
#include "net/secrets.h"
#include "sinks/command_sink.h"
#include "sinks/file_sink.h"
#include "sinks/influx_sink.h"
#include "sinks/logs_sink.h"
#include "sinks/slack_sink.h"
#include "sinks/timestream_sink.h"

namespace catchment::sinks {
namespace {

using net::Answer;
using net::Request;
using net::Response;
using nlohmann::json;

class FileWorld : public SinkWorld {
 public:
  std::unique_ptr<Sink> Make() override { return std::make_unique<FileSink>(folder_.path / "to"); }
  bool Fail(Failure failure) override { return failure == Failure::kNone; }
  std::string Stored() override {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path / "to")) {
      files[entry.path().filename()] = *ReadFile(entry.path());
    }
    std::string text;
    for (const auto& [name, bytes] : files) text += name + "\n" + bytes;
    return text;
  }

 protected:
  TemporaryFolder folder_;
};

/// A program that writes a file named by the publish, and fails as another file says.
class CommandWorld final : public FileWorld {
 public:
  CommandWorld() { std::filesystem::create_directories(folder_.path / "to"); }
  std::unique_ptr<Sink> Make() override {
    const std::string script =
        fmt::format("cd {} && if [ -f fail ]; then . ./fail; fi && cat > to/$CATCHMENT_PUBLISH",
                    folder_.path.string());
    return std::make_unique<CommandSink>(CommandSinkOptions{.command = {"/bin/sh", "-c", script}});
  }
  bool Fail(Failure failure) override {
    std::string script = "true";
    if (failure == Failure::kDown) script = "echo busy >&2; exit 75";
    if (failure == Failure::kRefuses) script = "echo row 0 is bad >&2; exit 3";
    EXPECT_OK(WriteFileAtomically(folder_.path / "fail", script));
    return failure != Failure::kDenied;
  }
};

constexpr const char* kEnvironment[] = {"AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
                                        "AWS_SECRET_ACCESS_KEY=s3cret/key",
                                        "AWS_SESSION_TOKEN=tok3n",
                                        "AWS_REGION=eu-west-1",
                                        "TOKEN=influx-t0ken",
                                        "WEBHOOK=https://hooks.slack.com/services/T0/B0/sl4ck",
                                        nullptr};

/// A service; what fails it says, with every secret in the answer.
class ServiceWorld : public SinkWorld {
 public:
  bool Fail(Failure failure) override {
    failure_ = failure;
    return true;
  }
  std::vector<std::string> secrets() const override {
    return {"AKIDEXAMPLE", "s3cret/key", "tok3n"};
  }

 protected:
  virtual Response Take(const Request& request) = 0;
  virtual Response Refuse(const Request& request) = 0;

  SinkServices services() { return {&transport_, &secrets_}; }
  std::string AllSecrets() const {
    std::string text;
    for (const std::string& secret : secrets()) text += " " + secret;
    return text;
  }

 private:
  Result<Response> Serve(const Request& request) {
    if (failure_ == Failure::kNone) return Take(request);
    if (failure_ == Failure::kRefuses) return Refuse(request);
    const json body = {{"message", "go away" + AllSecrets()}};
    if (failure_ == Failure::kDenied) return Answer(403, body.dump());
    // Every other time there is no connection at all.
    if (++downs_ % 2 == 0) return Unavailable("{}: no connection", request.Name());
    return Answer(503, body.dump());
  }

  Failure failure_ = Failure::kNone;
  int downs_ = 0;
  net::LocalSecretStore secrets_{kEnvironment};
  net::FakeTransport transport_{[this](const Request& request) { return Serve(request); }};
};

class TimestreamWorld final : public ServiceWorld {
 public:
  std::unique_ptr<Sink> Make() override {
    return std::make_unique<TimestreamSink>(
        TimestreamOptions{.database = "spotlake",
                          .table = "azure",
                          .dimensions = {"text"},
                          .measure_name = "values",
                          .measures = {{"price", "DOUBLE"}, {"count", "BIGINT"}}},
        services());
  }
  std::string Stored() override { return json(records_).dump(); }

 private:
  Response Take(const Request& request) override {
    if (IsDescribe(request)) return Cell();
    const json body = json::parse(request.body);
    for (const json& record : body["Records"]) {
      records_[record["Dimensions"].dump()] =
          record["MeasureValues"].dump() + body["CommonAttributes"].dump();
    }
    return Answer(200, R"({"RecordsIngested":{"Total":2}})");
  }
  Response Refuse(const Request& request) override {
    if (IsDescribe(request)) return Cell();
    return Answer(400, json({{"__type", "x#RejectedRecordsException"},
                             {"RejectedRecords", {{{"RecordIndex", 0}, {"Reason", "too old"}}}}})
                           .dump());
  }
  static bool IsDescribe(const Request& request) {
    return request.headers.Get("x-amz-target").ends_with(".DescribeEndpoints");
  }
  static Response Cell() {
    return Answer(
        200,
        R"({"Endpoints":[{"Address":"ingest-cell1.timestream.eu-west-1.amazonaws.com","CachePeriodInMinutes":5}]})");
  }
  std::map<std::string, std::string> records_;
};

class InfluxWorld final : public ServiceWorld {
 public:
  std::vector<std::string> secrets() const override { return {"influx-t0ken"}; }
  std::unique_ptr<Sink> Make() override {
    return std::make_unique<InfluxSink>(
        InfluxOptions{.url = "https://influx.example",
                      .organisation = "us",
                      .bucket = "spot",
                      .token = {"env:TOKEN"},
                      .shape = {.measurement = "azure_spot", .tags = {"text"}, .fields = {}}},
        services());
  }
  std::string Stored() override {
    std::string text;
    for (const std::string& line : lines_) text += line + "\n";
    std::erase(text, '\\');
    return text;
  }

 private:
  Response Take(const Request& request) override {
    const auto text = columnar::Decompress(request.body, columnar::Compression::kGzip, "body");
    EXPECT_OK(text);
    for (const std::string& line : Split(*text, '\n')) {
      if (!line.empty()) lines_.insert(line);
    }
    return Answer(204);
  }
  Response Refuse(const Request&) override {
    return Answer(
        400, json({{"code", "invalid"}, {"message", "field type conflict" + AllSecrets()}}).dump());
  }
  std::set<std::string> lines_;
};

class LogsWorld final : public ServiceWorld {
 public:
  std::unique_ptr<Sink> Make() override {
    return std::make_unique<LogsSink>(
        LogsOptions{.group = "counts", .stream = "azure", .message = "{text}: {price}"},
        services());
  }
  std::string Stored() override { return json(events_).dump(); }
  bool repeats() const override { return true; }
  std::string refused() const override { return "event 0"; }

 private:
  Response Take(const Request& request) override {
    const json body = json::parse(request.body);
    for (const json& event : body["logEvents"]) events_.push_back(event.dump());
    return Answer(200, "{}");
  }
  Response Refuse(const Request&) override {
    return Answer(200, R"({"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":1}})");
  }
  std::vector<std::string> events_;
};

class SlackWorld final : public ServiceWorld {
 public:
  std::vector<std::string> secrets() const override { return {"sl4ck"}; }
  std::unique_ptr<Sink> Make() override {
    return std::make_unique<SlackSink>(SlackOptions{.url = {"env:ABSENT", "env:WEBHOOK"}},
                                       services());
  }
  std::string Stored() override { return json(texts_).dump(); }
  bool repeats() const override { return true; }

 private:
  Response Take(const Request& request) override {
    texts_.push_back(json::parse(request.body)["text"]);
    return Answer(200, "ok");
  }
  Response Refuse(const Request&) override { return Answer(400, "invalid_payload"); }
  std::vector<std::string> texts_;
};

template <typename World>
std::unique_ptr<SinkWorld> MakeWorld() {
  return std::make_unique<World>();
}

INSTANTIATE_TEST_SUITE_P(File, SinkContract, testing::Values(MakeWorld<FileWorld>));
INSTANTIATE_TEST_SUITE_P(Command, SinkContract, testing::Values(MakeWorld<CommandWorld>));
INSTANTIATE_TEST_SUITE_P(Timestream, SinkContract, testing::Values(MakeWorld<TimestreamWorld>));
INSTANTIATE_TEST_SUITE_P(Influx, SinkContract, testing::Values(MakeWorld<InfluxWorld>));
INSTANTIATE_TEST_SUITE_P(Logs, SinkContract, testing::Values(MakeWorld<LogsWorld>));
INSTANTIATE_TEST_SUITE_P(Slack, SinkContract, testing::Values(MakeWorld<SlackWorld>));

}  // namespace
}  // namespace catchment::sinks
