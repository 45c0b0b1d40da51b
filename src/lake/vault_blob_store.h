#pragma once

#include <string>

#include "lake/store.h"
#include "net/blob_store.h"

namespace catchment::lake {

/// Keeps a dataset's vault in the lake: blob `vault/ab/<sha256>.zst` is the object
/// `<dataset>/vault/ab/<sha256>.zst`; other names are put below `<dataset>/vault/` too. `store`
/// outlives it. Thread-safe.
class VaultBlobStore final : public net::BlobStore {
 public:
  VaultBlobStore(WriteStore& store, std::string dataset)
      : writable_(&store), store_(store), dataset_(std::move(dataset)) {}
  /// To read only: Put is kDenied.
  VaultBlobStore(const ReadStore& store, std::string dataset)
      : writable_(nullptr), store_(store), dataset_(std::move(dataset)) {}

  Status Put(std::string_view name, std::string_view bytes) override;
  Result<std::string> Get(std::string_view name, uint64_t offset = 0,
                          uint64_t length = kWhole) const override;
  Result<bool> Exists(std::string_view name) const override;

 private:
  Result<std::string> Key(std::string_view name) const;

  // Constant after construction.
  WriteStore* const writable_;
  const ReadStore& store_;
  const std::string dataset_;
};

}  // namespace catchment::lake
