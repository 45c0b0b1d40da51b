#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "lake/store.h"

namespace catchment::lake {

/// Forgets with the process: for tests and `plan`. Fetch writes to a folder of the system's
/// temporary one, removed by the destructor. Thread-safe.
class MemoryStore final : public WriteStore {
 public:
  MemoryStore();
  ~MemoryStore() override;

  Result<std::string> Get(std::string_view key, uint64_t limit = kNoLimit) const override;
  Result<std::string> GetRange(std::string_view key, uint64_t offset,
                               uint64_t length) const override;
  Result<uint64_t> Size(std::string_view key) const override;
  Result<std::vector<std::string>> List(std::string_view prefix,
                                        std::string_view start_after = {}) const override;
  Result<std::filesystem::path> Fetch(std::string_view key) const override;
  std::string Name() const override { return "memory"; }
  Status Put(std::string_view key, std::string_view bytes) override;
  Status PutFile(std::string_view key, const std::filesystem::path& file) override;
  Status PutIfAbsent(std::string_view key, std::string_view bytes) override;
  Status Delete(std::string_view key) override;
  Result<StagingFile> NewStagingFile() override;
  Result<std::vector<std::string>> RemoveLeftovers(std::string_view prefix) override;

  /// Everything it holds, for comparison in tests.
  std::map<std::string, std::string, std::less<>> Snapshot() const;

 private:
  struct Folder;
  // Thread-safe itself.
  std::unique_ptr<Folder> folder_;
  // Guarded by mutex_.
  mutable Mutex mutex_;
  std::map<std::string, std::string, std::less<>> objects_ GUARDED_BY(mutex_);
};

}  // namespace catchment::lake
