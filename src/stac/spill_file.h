#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/result.h"

namespace catchment::stac {

/// Bytes in a file of a temporary folder. The file is unlinked as soon as it is open: it is gone
/// with its owner, however the process ends.
class SpillFile {
 public:
  /// `folder` is made if absent.
  static Result<std::unique_ptr<SpillFile>> Open(const std::filesystem::path& folder);

  /// Where the next byte will lie.
  uint64_t bytes() const { return written_ + buffer_.size(); }
  /// One caller at a time. kUnavailable: no space is left.
  Status Append(std::string_view bytes);
  /// Let Read see all that was appended.
  Status Flush();
  /// Fill `buffer` from `offset`. Thread-safe. kInternal: there are not as many bytes.
  Status Read(uint64_t offset, std::span<char> buffer) const;

 private:
  SpillFile(std::filesystem::path folder, Descriptor file);

  const std::filesystem::path folder_;
  const Descriptor file_;
  uint64_t written_ = 0;
  std::string buffer_;
};

/// Whether `folder`, which exists, has room for so many bytes. kUnavailable: `no space in /tmp/x:
/// need about 1.1 GiB, have 0.4 GiB`.
Status CheckSpace(const std::filesystem::path& folder, uint64_t bytes);

}  // namespace catchment::stac
