#include "lake/vault_blob_store.h"

#include <fmt/format.h>

namespace catchment::lake {

Result<std::string> VaultBlobStore::Key(std::string_view name) const {
  const std::string_view folder = name.starts_with("vault/") ? "" : "vault/";
  std::string key = fmt::format("{}/{}{}", dataset_, folder, name);
  RETURN_IF_ERROR(CheckKey(key));
  return key;
}

Status VaultBlobStore::Put(std::string_view name, std::string_view bytes) {
  if (writable_ == nullptr) return Denied("the vault of {} is open to read only", dataset_);
  ASSIGN_OR_RETURN(const std::string key, Key(name));
  const Status put = writable_->PutIfAbsent(key, bytes);
  if (!put.ok() && put.error().code == Code::kExists) return {};
  return put;
}

Result<std::string> VaultBlobStore::Get(std::string_view name, uint64_t offset,
                                        uint64_t length) const {
  ASSIGN_OR_RETURN(const std::string key, Key(name));
  if (length != kWhole) return store_.GetRange(key, offset, length);
  ASSIGN_OR_RETURN(const uint64_t size, store_.Size(key));
  if (offset > size) return Corrupt("{}: {} bytes, but {} were expected", key, size, offset);
  return store_.GetRange(key, offset, size - offset);
}

Result<bool> VaultBlobStore::Exists(std::string_view name) const {
  ASSIGN_OR_RETURN(const std::string key, Key(name));
  return store_.Exists(key);
}

}  // namespace catchment::lake
