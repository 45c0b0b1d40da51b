#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "simulator/world.h"

namespace catchment::simulator {

/// One request that was answered, or refused, or cut off.
struct TraceEntry {
  Time time;            ///< on the simulated clock if the request named one, else the machine's
  std::string service;  ///< its name in world files; or the port's name if no service took it
  std::string method;
  std::string target;  ///< path and query as sent
  int status = 0;      ///< 0: the connection was ended without an answer
  std::string bucket;  ///< the allowance that the request was counted against; empty if none
  std::string fault;   ///< answers of the faults applied, joined by `+`; empty if none
  int64_t ms = 0;      ///< from the request's last byte to the answer's first
  int64_t bytes = 0;   ///< of the answer's body, as sent
  std::string asked;   ///< SHA-256 of the request's body in hex; empty if it had none
};

struct SimulatorOptions {
  /// NDJSON, one object a request, appended as requests end. Empty: in memory only. Deliveries are
  /// appended beside it, to `trace.deliveries.ndjson` for `trace.ndjson`.
  std::filesystem::path trace_file;
};

/// The outside world on loopback: one free port a host (prices, management, login, files, dynamodb,
/// ssm, timestream, logs, influx, slack, cmr, lpdaac).
///
///   ASSIGN_OR_RETURN(World world, LoadWorld("azure-small", folders));
///   ASSIGN_OR_RETURN(auto simulator, Simulator::Start(std::move(world), {}));
///   ASSIGN_OR_RETURN(int code, RunWithEnvironment(argv, simulator->Environment()));
///
/// A request's time is its `Catchment-Now` header (RFC 3339), else the world's fixed clock, else
/// the machine's: the data of a world may change with time. All methods are thread-safe. Threads:
/// one owns all sockets, four make answers; none takes signals.
class Simulator {
 public:
  /// Load the world's data and listen; every port is bound on return. kNotFound, kCorrupt: a data
  /// file is missing or broken. kUnavailable: no port could be bound.
  static Result<std::unique_ptr<Simulator>> Start(World world, const SimulatorOptions& options);
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  /// What COMMAND needs, in a fixed order: CATCHMENT_ENDPOINT_PRICES and so on, one a host
  /// (`http://127.0.0.1:PORT`), CATCHMENT_CLOCK (`slot` or RFC 3339; absent if real),
  /// AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_SUBSCRIPTIONS,
  /// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, EARTHDATA_TOKEN, INFLUX_TOKEN,
  /// error_notification_slack_webhook_url.
  std::vector<std::pair<std::string, std::string>> Environment() const;

  /// Every request so far (the last 200,000 of them), in the order in which they were answered. An
  /// answer's entry is there before its first byte is sent.
  std::vector<TraceEntry> Trace() const;

  /// What sinks took so far, as NDJSON (docs/formats/world.md): of one service, or of all if it is
  /// empty. `GET /_simulator/deliveries` gives the same.
  std::string Deliveries(std::string_view service = "") const;

  /// End all connections and threads, at once. Further calls do nothing; the destructor calls it.
  void Stop();

 private:
  struct State;
  explicit Simulator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace catchment::simulator
