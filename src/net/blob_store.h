#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace catchment::net {

/// Where the vault keeps its bytes: immutable objects under names such as `vault/ab/<sha256>.zst`.
/// Names come from the content, so putting the same name twice is putting the same bytes.
/// Implementations pass net/blob_store_contract.h. Thread-safe.
class BlobStore {
 public:
  virtual ~BlobStore() = default;

  /// Store `bytes` under `name`, durable on return. An existing object is left as it is: no error.
  virtual Status Put(std::string_view name, std::string_view bytes) = 0;

  /// Read `length` bytes from `offset`; to the end with kWhole. kNotFound: no such object.
  /// kCorrupt: it is shorter.
  virtual Result<std::string> Get(std::string_view name, uint64_t offset = 0,
                                  uint64_t length = kWhole) const = 0;

  virtual Result<bool> Exists(std::string_view name) const = 0;

  static constexpr uint64_t kWhole = ~uint64_t{0};
};

}  // namespace catchment::net
