#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "sinks/sink.h"

namespace catchment::sinks {

struct CommandSinkOptions {
  std::vector<std::string>
      command;  ///< program and arguments; no shell. The program is found by PATH
  std::chrono::milliseconds timeout = std::chrono::minutes(5);
};

/// Runs a program with the rows as NDJSON on its standard input.
///
/// Its environment is the caller's with CATCHMENT_DATASET, CATCHMENT_TABLE, CATCHMENT_PUBLISH,
/// CATCHMENT_SLOT and CATCHMENT_PUBLISHED_AT. It must treat dataset, table and publish as a key: a
/// batch may come again. Exit 0: delivered; 75: try later; anything else: refused, with the last
/// line of its standard error. The program and what it started is killed at the time limit.
/// Thread-safe.
class CommandSink final : public Sink {
 public:
  explicit CommandSink(CommandSinkOptions options) : options_(std::move(options)) {}
  /// kUnavailable: exit 75, killed by a signal, or past the time limit. kInvalid: refused.
  /// kNotFound: no such program.
  Status Deliver(const SinkBatch& batch, const OpContext& context) override;

 private:
  const CommandSinkOptions options_;
};

/// `command`, with the keys `command` and `timeout`.
SinkEntry CommandSinkEntry();

}  // namespace catchment::sinks
