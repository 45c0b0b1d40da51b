#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/blob_store.h"
#include "net/response_packs.h"
#include "stac/item_bodies.h"
#include "stac/spill_file.h"

namespace catchment::app {

/// Where a body lies in the vault.
struct VaultBody {
  uint32_t pack = 0;  ///< number in a list of names
  uint32_t offset = 0, length = 0, bytes = 0;
  std::array<char, 32> sha256{};  ///< of the body
};

/// Bodies of packs as items to be read in any order. A pack on an object store is best read once
/// from begin to end, and a month is written in another order: so the compressed bodies are copied
/// to an unlinked file of `temp_dir`, about 1 kB an item (docs/adr/0150). A body's place has its
/// number in `line`.
class VaultBodies final : public stac::ItemBodies {
 public:
  struct Options {
    std::filesystem::path temp_dir;
    std::stop_token stop;
  };
  /// Copy `bodies` from `packs`. kCorrupt: a pack is missing or damaged. kUnavailable: too little
  /// space; says how much is needed. kCancelled.
  static Result<std::unique_ptr<VaultBodies>> Open(const net::BlobStore& vault,
                                                   const std::vector<std::string>& packs,
                                                   const std::vector<VaultBody>& bodies,
                                                   Options options);

  size_t blocks() const override;
  Status Scan(const std::function<Status(size_t, const stac::BodyBlock&)>& visit) override;
  uint32_t first_line(size_t) const override { return 0; }
  Status Read(const stac::BodyPlace& place, std::string& body) const override;
  Status Unchanged() const override { return {}; }
  const std::string& name(uint32_t) const override { return name_; }
  uint64_t bytes() const override { return bytes_; }

 private:
  struct Copied {
    VaultBody body;
    uint64_t at = 0;  ///< in the temporary file
    uint32_t dictionary = 0;
  };

  VaultBodies(const std::vector<VaultBody>& bodies, Options options);
  Status Copy(const net::BlobStore& vault, const std::vector<std::string>& packs);
  Status ScanBlock(size_t number,
                   const std::function<Status(size_t, const stac::BodyBlock&)>& visit) const;

  const Options options_;
  const std::string name_ = "the vault";
  std::vector<Copied> bodies_;   // by number
  std::vector<uint32_t> order_;  // of the file
  std::unique_ptr<stac::SpillFile> file_;
  net::FrameDecoder decoder_;
  uint64_t bytes_ = 0;
};

}  // namespace catchment::app
