#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace catchment::stac {

struct ItemBodiesOptions {
  /// Where inputs that cannot be read twice are kept while they are needed.
  std::filesystem::path temp_dir = "/tmp";
  size_t max_item_bytes = 16u << 20;
  std::stop_token stop;
};

/// Where the text of one item lies.
struct BodyPlace {
  uint64_t offset = 0;
  uint32_t length = 0;  ///< over max_item_bytes: too large, the rest is not counted
  uint32_t input = 0;
  uint32_t line = 0;  ///< where it begins in its input, from 1; counts up to 2^32 − 1
};

/// Some items that lie together, in the order of their input.
struct BodyBlock {
  std::vector<BodyPlace> places;
  std::vector<std::string_view> bodies;
};

/// The items of one or more inputs, which can be read in any order: NDJSON, an ItemCollection, an
/// array or single items, plain or packed (gzip, zstd), `-` for standard input. Plain NDJSON files
/// are read where they lie; everything else is copied once to an unlinked file in `temp_dir`.
///
///   ASSIGN_OR_RETURN(auto bodies, ItemBodies::Open({"items.ndjson"}, options));
///   RETURN_IF_ERROR(bodies->Scan(…));           // in order, a block at a time, on several threads
///   RETURN_IF_ERROR(bodies->Read(place, text)); // any item, from any thread
///
/// Files must not change meanwhile.
class ItemBodies {
 public:
  /// kNotFound, kDenied: of a file. kCorrupt: damaged packing, or text between items. kUnavailable:
  /// too little space in `temp_dir`; says how much is needed.
  static Result<std::unique_ptr<ItemBodies>> Open(const std::vector<std::string>& inputs,
                                                  const ItemBodiesOptions& options = {});
  ~ItemBodies();

  /// Blocks that Scan calls for; numbers grow with the inputs and their lines.
  size_t blocks() const;
  /// Call `visit(block number, block)` once for each block, several at once on Arrow's pool, and in
  /// no particular order. The first error ends it.
  Status Scan(const std::function<Status(size_t, const BodyBlock&)>& visit);
  /// Of all places in blocks before `block`, known after Scan: the lines to add to a place's.
  uint32_t first_line(size_t block) const;

  /// Replace `body` by the text of an item. Thread-safe.
  Status Read(const BodyPlace& place, std::string& body) const;
  /// kCorrupt: a file was changed since Open.
  Status Unchanged() const;
  /// What messages call an input.
  const std::string& name(uint32_t input) const;
  uint64_t bytes() const;  ///< of all texts

 private:
  struct State;
  explicit ItemBodies(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace catchment::stac
