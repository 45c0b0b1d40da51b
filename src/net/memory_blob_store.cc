#include "net/memory_blob_store.h"

namespace catchment::net {

Status MemoryBlobStore::Put(std::string_view name, std::string_view bytes) {
  MutexLock lock(mutex_);
  blobs_.try_emplace(std::string(name), bytes);
  return Status();
}

Result<std::string> MemoryBlobStore::Get(std::string_view name, uint64_t offset,
                                         uint64_t length) const {
  MutexLock lock(mutex_);
  const auto found = blobs_.find(name);
  if (found == blobs_.end()) return NotFound("{}: no such object", name);
  const std::string& bytes = found->second;
  if (offset > bytes.size() || (length != kWhole && length > bytes.size() - offset)) {
    return Corrupt("{}: has {} bytes, {} from {} are wanted", name, bytes.size(), length, offset);
  }
  return bytes.substr(offset, length == kWhole ? std::string::npos : length);
}

Result<bool> MemoryBlobStore::Exists(std::string_view name) const {
  MutexLock lock(mutex_);
  return blobs_.contains(name);
}

std::vector<std::string> MemoryBlobStore::Names() const {
  MutexLock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, bytes] : blobs_) names.push_back(name);
  return names;
}

void MemoryBlobStore::Damage(std::string_view name, std::string bytes) {
  MutexLock lock(mutex_);
  blobs_.insert_or_assign(std::string(name), std::move(bytes));
}

}  // namespace catchment::net
