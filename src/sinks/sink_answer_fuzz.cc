// What a foreign service answers to a delivery or to the question for a secret: every answer ends
// in a status, after a bounded number of requests.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "columnar/json_file.h"
#include "net/aws_secrets.h"
#include "net/fake_transport.h"
#include "sinks/influx_sink.h"
#include "sinks/logs_sink.h"
#include "sinks/slack_sink.h"
#include "sinks/timestream_sink.h"

namespace catchment::sinks {
namespace {

constexpr const char* kEnvironment[] = {"AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
                                        "AWS_SECRET_ACCESS_KEY=s3cret", "AWS_REGION=us-west-2",
                                        "WEBHOOK=https://hooks.slack.com/services/sl4ck", nullptr};

void Expect(bool holds) {
  if (!holds) std::abort();
}

SinkBatch MakeBatch() {
  SinkBatch batch;
  batch.dataset = "azure-spot";
  batch.table = "changes";
  batch.publish = 42;
  batch.slot = "2026-01-28T00:10:00Z";
  batch.slot_time = *ParseTime(batch.slot);
  batch.published_at = *ParseTime("2026-01-28T00:11:02Z");
  batch.rows = *columnar::ParseJson(R"([{"text":"a","v":1.5},{"text":"b","v":2.5}])", "rows");
  return batch;
}

void DeliverToAll(const SinkServices& services, const OpContext& context) {
  const SinkBatch batch = MakeBatch();
  TimestreamSink timestream({.database = "d",
                             .table = "t",
                             .dimensions = {"text"},
                             .measure_name = "m",
                             .measures = {{"v", "DOUBLE"}}},
                            services);
  InfluxSink influx({.url = "https://h",
                     .database = "d",
                     .shape = {.measurement = "m", .tags = {"text"}, .fields = {}}},
                    services);
  LogsSink logs({.group = "g", .stream = "s", .message = "{text}: {v}"}, services);
  SlackSink slack({.url = {"env:WEBHOOK"}}, services);
  for (Sink* sink : std::initializer_list<Sink*>{&timestream, &influx, &logs, &slack}) {
    const Status sent = sink->Deliver(batch, context);
    if (sent.ok()) continue;
    Expect(sent.error().message.size() < 4096);
  }
}

void AnswerAll(const uint8_t* data, size_t size) {
  constexpr int kStatuses[] = {200, 400, 419, 500, 204, 403, 302, 99};
  if (size == 0) return;
  const int status = kStatuses[data[0] % std::size(kStatuses)];
  const std::string body(reinterpret_cast<const char*>(data + 1), size - 1);
  net::FakeTransport service([&](const net::Request& request) -> Result<net::Response> {
    // The first question of Timestream is answered well, so that its others are asked.
    if (request.headers.Get("x-amz-target").ends_with(".DescribeEndpoints") && status != 200) {
      return net::Answer(200, R"({"Endpoints":[{"Address":"x.amazonaws.com"}]})");
    }
    return net::Answer(status, body);
  });
  const ManualClock clock(*ParseTime("2026-01-28T00:12:00Z"));
  OpContext context;
  context.clock = &clock;
  net::LocalSecretStore local(kEnvironment);
  net::AwsSecretStore secrets(local, service);
  DeliverToAll({&service, &secrets}, context);
  (void)secrets.GetFields("dynamodb:Table/id", context);
  (void)secrets.Get("ssm:name", context);
  Expect(service.requests().size() <= 60);
}

}  // namespace
}  // namespace catchment::sinks

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  catchment::sinks::AnswerAll(data, size);
  return 0;
}
