#pragma once

#include <filesystem>

#include "sinks/sink.h"

namespace catchment::sinks {

/// Writes one NDJSON file a publish: `<folder>/<number>.ndjson`, the number padded to 20 digits.
/// The file appears whole or not at all; a second delivery replaces it by the same bytes.
/// Thread-safe.
class FileSink final : public Sink {
 public:
  explicit FileSink(std::filesystem::path folder) : folder_(std::move(folder)) {}
  /// kDenied, kUnavailable: as base/file.h.
  Status Deliver(const SinkBatch& batch, const OpContext& context) override;

 private:
  const std::filesystem::path folder_;
};

/// `file`, with the key `path`.
SinkEntry FileSinkEntry();

}  // namespace catchment::sinks
