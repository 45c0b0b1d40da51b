#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/op_context.h"
#include "base/result.h"
#include "base/time.h"
#include "columnar/table.h"

namespace catchment::net {
class Transport;
class SecretStore;
}  // namespace catchment::net

namespace catchment::sinks {

/// What one publish gives one sink. `publish` with `dataset` and `table` is the key of idempotence:
/// a second delivery carries the same values and must leave the store as the first left it.
struct SinkBatch {
  std::string dataset;
  std::string table;
  int64_t publish = 0;
  std::string slot;   ///< canonical text
  Time slot_time;     ///< the slot's moment
  Time published_at;  ///< from the manifest, the same on every delivery
  columnar::Table rows;
};

/// An outside store that is fed from the outbox, publish by publish, in order.
class Sink {
 public:
  virtual ~Sink() = default;

  /// Deliver one batch. ok: all of it is there. An error that ComesAgain(): nothing is wrong with
  /// the batch, try later. Any other error: refused, counted towards parking; what the store did
  /// take is there, and the message names the refused rows with their reasons. Messages never show
  /// a secret. Blocks.
  virtual Status Deliver(const SinkBatch& batch, const OpContext& context) = 0;
};

/// Whether a delivery that failed so says nothing against its batch (the store is down, slow or
/// does not let us in): it waits and comes again without being counted.
bool ComesAgain(Code code);

/// Tells people. A message is sent once or not at all; it is no delivery and has no mark.
class Notifier {
 public:
  virtual ~Notifier() = default;

  /// Send one text. kUnavailable: after the tries. kDenied, kNotFound: the address is not
  /// resolvable. kInvalid: refused. Messages never show the address. Blocks.
  virtual Status Notify(std::string_view text, const OpContext& context) = 0;
};

/// What sinks may use. References outlive the sink.
struct SinkServices {
  net::Transport* transport = nullptr;
  net::SecretStore* secrets = nullptr;
};

struct SinkKey {
  std::string name;
  std::string type;  ///< `text`, `list`, `map`, `duration`
  bool required = false;
  std::string help;
};

struct SinkEntry {
  std::string kind;  ///< `file`, `command`, `timestream`, `influx`, `cloudwatch_logs`, `slack`
  std::string help;
  std::vector<SinkKey> keys;
  bool runs_programs = false;  ///< refused in an environment with `reads:` unless it lists the sink
  /// Make a sink from its keys in the pipeline file (placeholders resolved). kInvalid: names the
  /// key and what it may hold.
  std::function<Result<std::unique_ptr<Sink>>(const nlohmann::json& keys,
                                              const SinkServices& services)>
      make;
  /// Make what an entry with `on: [failed, gap, …]` sends its texts by. Empty: this kind tells
  /// nobody. Errors as of `make`.
  std::function<Result<std::unique_ptr<Notifier>>(const nlohmann::json& keys,
                                                  const SinkServices& services)>
      make_notifier = {};
};

/// Every sink this folder has.
std::vector<SinkEntry> BuiltInSinks();

/// Put an environment's suffix (`-test`) behind the names that a sink of this kind writes to:
/// tables, streams, databases, buckets, folders. `keys` are those of the pipeline file, with `to`.
/// What an address names (a URL, a log group, an organisation) stays.
void AddSuffix(std::string_view kind, std::string_view suffix, nlohmann::json& keys);

}  // namespace catchment::sinks
