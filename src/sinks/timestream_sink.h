#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "net/aws_client.h"
#include "net/retry.h"
#include "sinks/sink.h"

namespace catchment::sinks {

struct TimestreamOptions {
  std::string database;
  std::string table;
  std::string region = {};              ///< empty: of the environment
  std::vector<std::string> dimensions;  ///< columns; a null cell has no such dimension
  std::string measure_name;
  std::vector<std::pair<std::string, std::string>>
      measures;  ///< column → DOUBLE, BIGINT, VARCHAR, BOOLEAN, TIMESTAMP; in the order written
  int in_flight = 16;
  net::RetryPolicy retry = {.tries = 4, .cap = std::chrono::seconds(5)};
};

/// Writes a batch's rows as records of Amazon Timestream (LiveAnalytics), 100 a request.
///
/// A record: the dimensions, one MULTI measure with the cells as text (doubles always with `.` or
/// an exponent; null cells left out), the slot in milliseconds, and the publish time in
/// milliseconds as its version. So a second delivery writes what is there already, and a record
/// that the store refuses because it holds the same or a later version counts as delivered.
///
/// Whatever else is refused is named in the error; the other rows are written nevertheless.
/// Thread-safe. Source: Timestream API of 2018-11-01 (DescribeEndpoints, WriteRecords).
class TimestreamSink final : public Sink {
 public:
  /// What `services` has outlives this.
  TimestreamSink(TimestreamOptions options, const SinkServices& services);

  Status Deliver(const SinkBatch& batch, const OpContext& context) override;

 private:
  class Writing;
  struct Endpoint {
    std::string address;
    Time until;
  };

  /// The cell to write to, asked anew when its time is over.
  Result<std::string> Address(const OpContext& context);
  /// `address` does not answer: ask for another.
  void Forget(std::string_view address);

  // Constant after construction.
  const TimestreamOptions options_;
  net::Transport& transport_;
  const net::AwsClient client_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::optional<Endpoint> endpoint_ GUARDED_BY(mutex_);
};

/// `timestream`.
SinkEntry TimestreamSinkEntry();

}  // namespace catchment::sinks
