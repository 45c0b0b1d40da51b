#include "lake/memory_store.h"

#include <fmt/format.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/ids.h"

namespace catchment::lake {

/// A folder of the system's temporary one, made when it is first needed.
struct MemoryStore::Folder {
  ~Folder() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }
  Result<std::filesystem::path> Get() {
    MutexLock lock(mutex);
    if (path.empty()) {
      std::string pattern =
          (std::filesystem::temp_directory_path() / "catchment-memory-XXXXXX").string();
      if (mkdtemp(pattern.data()) == nullptr) return FileError(errno, "create", pattern);
      path = pattern;
    }
    return path;
  }
  // Guarded by mutex.
  Mutex mutex;
  std::filesystem::path path GUARDED_BY(mutex);
};

MemoryStore::MemoryStore() : folder_(std::make_unique<Folder>()) {}
MemoryStore::~MemoryStore() = default;

Result<std::string> MemoryStore::Get(std::string_view key, uint64_t limit) const {
  RETURN_IF_ERROR(CheckKey(key));
  MutexLock lock(mutex_);
  const auto found = objects_.find(key);
  if (found == objects_.end()) return NotFound("{}: no such object", key);
  if (found->second.size() > limit) {
    return Corrupt("{}: {} bytes, more than the limit of {}", key, found->second.size(), limit);
  }
  return found->second;
}

Result<std::string> MemoryStore::GetRange(std::string_view key, uint64_t offset,
                                          uint64_t length) const {
  ASSIGN_OR_RETURN(const std::string bytes, Get(key));
  if (offset > bytes.size() || length > bytes.size() - offset) {
    return Corrupt("{}: {} bytes, but {} from {} on were expected", key, bytes.size(), length,
                   offset);
  }
  return bytes.substr(offset, length);
}

Result<uint64_t> MemoryStore::Size(std::string_view key) const {
  RETURN_IF_ERROR(CheckKey(key));
  MutexLock lock(mutex_);
  const auto found = objects_.find(key);
  if (found == objects_.end()) return NotFound("{}: no such object", key);
  return uint64_t{found->second.size()};
}

Result<std::vector<std::string>> MemoryStore::List(std::string_view prefix,
                                                   std::string_view start_after) const {
  MutexLock lock(mutex_);
  std::vector<std::string> keys;
  for (auto it = objects_.lower_bound(prefix); it != objects_.end(); ++it) {
    if (!it->first.starts_with(prefix)) break;
    if (it->first > start_after) keys.push_back(it->first);
  }
  return keys;
}

Result<std::filesystem::path> MemoryStore::Fetch(std::string_view key) const {
  ASSIGN_OR_RETURN(const std::string bytes, Get(key));
  ASSIGN_OR_RETURN(const std::filesystem::path folder, folder_->Get());
  const std::filesystem::path path = folder / (NewRunId().text + ".object");
  RETURN_IF_ERROR(WriteFileAtomically(path, bytes));
  return path;
}

Status MemoryStore::Put(std::string_view key, std::string_view bytes) {
  RETURN_IF_ERROR(CheckKey(key));
  MutexLock lock(mutex_);
  objects_.insert_or_assign(std::string(key), std::string(bytes));
  return {};
}

Status MemoryStore::PutFile(std::string_view key, const std::filesystem::path& file) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(file));
  return Put(key, bytes);
}

Status MemoryStore::PutIfAbsent(std::string_view key, std::string_view bytes) {
  RETURN_IF_ERROR(CheckKey(key));
  MutexLock lock(mutex_);
  if (!objects_.try_emplace(std::string(key), bytes).second) {
    return MakeError(Code::kExists, "{}: is there already", key);
  }
  return {};
}

Status MemoryStore::Delete(std::string_view key) {
  RETURN_IF_ERROR(CheckKey(key));
  MutexLock lock(mutex_);
  const auto found = objects_.find(key);
  if (found != objects_.end()) objects_.erase(found);
  return {};
}

Result<StagingFile> MemoryStore::NewStagingFile() {
  ASSIGN_OR_RETURN(const std::filesystem::path folder, folder_->Get());
  return StagingFile::Create(folder);
}

Result<std::vector<std::string>> MemoryStore::RemoveLeftovers(std::string_view) {
  return std::vector<std::string>{};
}

std::map<std::string, std::string, std::less<>> MemoryStore::Snapshot() const {
  MutexLock lock(mutex_);
  return objects_;
}

}  // namespace catchment::lake
