#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace catchment::net {

/// Undoes the Content-Encoding of an answer, piece by piece. libcurl's own decoding takes a
/// compressed stream that is cut short for a whole one; this one does not. Not thread-safe.
class BodyDecoder {
 public:
  /// What to send as Accept-Encoding.
  static constexpr std::string_view kAccepted = "gzip, zstd";

  virtual ~BodyDecoder() = default;

  /// `encoding` is the header's value: empty or `identity`, `gzip` (`x-gzip`), `zstd`. kCorrupt:
  /// another, or several.
  static Result<std::unique_ptr<BodyDecoder>> Make(std::string_view encoding);

  /// Decode `piece` onto the end of `body`, which may grow to `max_bytes`. kCorrupt: larger, or
  /// damaged.
  virtual Status Feed(std::string_view piece, std::string& body, uint64_t max_bytes) = 0;

  /// The answer is over. kUnavailable: the compressed stream is not (it may be whole at the next
  /// try). No bytes at all is an empty body.
  virtual Status Finish() = 0;
};

}  // namespace catchment::net
