#pragma once

#include <filesystem>

#include "net/blob_store.h"

namespace catchment::net {

/// Blobs as files beneath a local folder, which is created on the first Put. Each is written whole
/// and made durable.
class FolderBlobStore final : public BlobStore {
 public:
  explicit FolderBlobStore(std::filesystem::path root) : root_(std::move(root)) {}

  /// kInvalid: a name that is empty, absolute or has `.` or `..` parts.
  Status Put(std::string_view name, std::string_view bytes) override;
  Result<std::string> Get(std::string_view name, uint64_t offset = 0,
                          uint64_t length = kWhole) const override;
  Result<bool> Exists(std::string_view name) const override;

 private:
  // Constant after construction.
  const std::filesystem::path root_;
};

}  // namespace catchment::net
