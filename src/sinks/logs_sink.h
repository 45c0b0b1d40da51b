#pragma once

#include <string>

#include "net/aws_client.h"
#include "net/retry.h"
#include "sinks/sink.h"

namespace catchment::sinks {

struct LogsOptions {
  std::string group;
  std::string stream;
  std::string region = {};  ///< empty: of the environment
  /// The text of an event; `{column}` stands for a cell, doubles always with `.` or an exponent.
  std::string message;
  net::RetryPolicy retry = {.tries = 4, .cap = std::chrono::seconds(5)};
};

/// Writes one event a row to Amazon CloudWatch Logs, at the slot's time; makes the group and the
/// stream when they are absent.
///
/// The service has no key of an event: when its answer is lost, the next delivery writes the event
/// once more, with the same time and text. Whoever counts events counts distinct (time, text).
/// Thread-safe. Source: CloudWatch Logs API of 2014-03-28 (PutLogEvents).
class LogsSink final : public Sink {
 public:
  /// What `services` has outlives this.
  LogsSink(LogsOptions options, const SinkServices& services);

  Status Deliver(const SinkBatch& batch, const OpContext& context) override;

 private:
  Status Put(nlohmann::json request, const OpContext& context) const;
  Status MakeStream(const OpContext& context) const;

  // Constant after construction.
  const LogsOptions options_;
  const net::AwsClient client_;
};

/// `cloudwatch_logs`.
SinkEntry LogsSinkEntry();

}  // namespace catchment::sinks
