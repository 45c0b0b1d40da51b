#pragma once

#include <string>
#include <vector>

#include "net/retry.h"
#include "net/transport.h"
#include "sinks/line_protocol.h"
#include "sinks/sink.h"

namespace catchment::sinks {

struct InfluxOptions {
  std::string url;  ///< `https://host:8086`
  // Version 2: organisation, bucket and the reference of a token.
  std::string organisation = {};
  std::string bucket = {};
  std::vector<std::string> token = {};  ///< references, the first that resolves
  // Version 1: database and, if it asks for them, references of user and password.
  std::string database = {};
  std::vector<std::string> user = {};
  std::vector<std::string> password = {};
  LineShape shape;
  int64_t lines_of_a_request = 5'000;
  net::RetryPolicy retry = {.tries = 4, .cap = std::chrono::seconds(5)};
};

/// Writes a batch's rows to InfluxDB, or whatever takes its line protocol over HTTP, at the slot's
/// time, gzipped. A point of the same tags and time is replaced by the same, so a second delivery
/// changes nothing. When a request is refused, the others are sent nevertheless. Thread-safe.
class InfluxSink final : public Sink {
 public:
  /// What `services` has outlives this.
  InfluxSink(InfluxOptions options, const SinkServices& services)
      : options_(std::move(options)), services_(services) {}

  Status Deliver(const SinkBatch& batch, const OpContext& context) override;

 private:
  Result<std::string> Authorization(const OpContext& context) const;
  std::string WriteUrl() const;
  /// A request without a body. kDenied: a secret is not resolvable.
  Result<net::Request> MakeRequest(const OpContext& context) const;

  // Constant after construction.
  const InfluxOptions options_;
  const SinkServices services_;
};

/// `influx`.
SinkEntry InfluxSinkEntry();

}  // namespace catchment::sinks
