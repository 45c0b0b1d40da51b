#pragma once

#include <atomic>
#include <cstdint>

#include "lake/store.h"

namespace catchment::lake {

/// Fails the n-th write of another store on demand, and then every call, as a process that died
/// would: for tests. `inner` outlives it.
class FaultyStore final : public WriteStore {
 public:
  enum class Fault {
    kBefore,      ///< the write is not done
    kAfter,       ///< the write is done, and reported as failed
    kOnceBefore,  ///< not done; later calls work again
    kOnceAfter,   ///< done; later calls work again
  };
  /// `nth` counts from 1; 0 never fails.
  FaultyStore(WriteStore& inner, int64_t nth, Fault fault)
      : inner_(inner), nth_(nth), fault_(fault) {}

  /// Writes tried so far.
  int64_t writes() const { return writes_; }

  Result<std::string> Get(std::string_view key, uint64_t limit = kNoLimit) const override;
  Result<std::string> GetRange(std::string_view key, uint64_t offset,
                               uint64_t length) const override;
  Result<uint64_t> Size(std::string_view key) const override;
  Result<std::vector<std::string>> List(std::string_view prefix,
                                        std::string_view start_after = {}) const override;
  Result<std::filesystem::path> Fetch(std::string_view key) const override;
  std::string Name() const override { return inner_.Name(); }
  Status Put(std::string_view key, std::string_view bytes) override;
  Status PutFile(std::string_view key, const std::filesystem::path& file) override;
  Status PutIfAbsent(std::string_view key, std::string_view bytes) override;
  Status PutHint(std::string_view key, std::string_view bytes) override;
  Status Delete(std::string_view key) override;
  Result<StagingFile> NewStagingFile() override { return inner_.NewStagingFile(); }
  Result<std::vector<std::string>> RemoveLeftovers(std::string_view prefix) override;

 private:
  template <typename Write>
  Status Do(const Write& write);
  Status Alive() const;

  // Constant after construction.
  WriteStore& inner_;
  const int64_t nth_;
  const Fault fault_;
  // Thread-safe itself.
  std::atomic<int64_t> writes_ = 0;
  std::atomic<bool> dead_ = false;
};

}  // namespace catchment::lake
