#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "net/blob_store.h"

namespace catchment::net {

/// Blobs in memory, for tests and `simulate`.
class MemoryBlobStore final : public BlobStore {
 public:
  Status Put(std::string_view name, std::string_view bytes) override;
  Result<std::string> Get(std::string_view name, uint64_t offset = 0,
                          uint64_t length = kWhole) const override;
  Result<bool> Exists(std::string_view name) const override;

  /// All names, sorted.
  std::vector<std::string> Names() const;
  /// Replace an object's bytes, as a fault of the disk would. For tests.
  void Damage(std::string_view name, std::string bytes);

 private:
  // Guarded by mutex_.
  mutable Mutex mutex_;
  std::map<std::string, std::string, std::less<>> blobs_ GUARDED_BY(mutex_);
};

}  // namespace catchment::net
