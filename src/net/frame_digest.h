#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace catchment::net {

/// The digest of a body that stands alone in the vault, from its zstd frame fed in pieces: nothing
/// larger than zstd's window is held, however large the body is. Not thread-safe.
class FrameDigest {
 public:
  FrameDigest();
  ~FrameDigest();

  /// kCorrupt: no zstd frame, damaged, or bytes after its end.
  Status Update(std::string_view piece);

  /// SHA-256 of the body, as 64 lower-case hex digits. Ends the computation. kCorrupt: the frame is
  /// cut short.
  Result<std::string> Finish();

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

}  // namespace catchment::net
