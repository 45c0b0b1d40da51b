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

/// Where the text of one item lies, in its owner's words.
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

/// The texts of items, which can be read in any order, more than once.
///
///   ASSIGN_OR_RETURN(auto bodies, ItemBodies::Open({"items.ndjson"}, options));
///   RETURN_IF_ERROR(bodies->Scan(…));           // in order, a block at a time, on several threads
///   RETURN_IF_ERROR(bodies->Read(place, text)); // any item, from any thread
class ItemBodies {
 public:
  /// The items of one or more inputs: NDJSON, an ItemCollection, an array or single items, plain or
  /// packed (gzip, zstd), `-` for standard input. Plain NDJSON files are read where they lie, and
  /// must not change meanwhile; everything else is copied once to an unlinked file in `temp_dir`.
  /// kNotFound, kDenied: of a file. kCorrupt: damaged packing, or text between items. kUnavailable:
  /// too little space in `temp_dir`; says how much is needed.
  static Result<std::unique_ptr<ItemBodies>> Open(const std::vector<std::string>& inputs,
                                                  const ItemBodiesOptions& options = {});
  virtual ~ItemBodies() = default;

  /// Blocks that Scan calls for; numbers grow with the inputs and their lines.
  virtual size_t blocks() const = 0;
  /// Call `visit(block number, block)` once for each block, several at once, and in no particular
  /// order. The first error ends it.
  virtual Status Scan(const std::function<Status(size_t, const BodyBlock&)>& visit) = 0;
  /// Of all places in blocks before `block`, known after Scan: the lines to add to a place's.
  virtual uint32_t first_line(size_t block) const = 0;

  /// Replace `body` by the text of an item. Thread-safe.
  virtual Status Read(const BodyPlace& place, std::string& body) const = 0;
  /// kCorrupt: a file was changed since Open.
  virtual Status Unchanged() const = 0;
  /// What messages call an input.
  virtual const std::string& name(uint32_t input) const = 0;
  virtual uint64_t bytes() const = 0;  ///< of all texts
};

/// Call `scan(number)` for each of `count` blocks, by as many threads as Arrow's pool has; the
/// first error ends it. kCancelled: `stop` was asked for.
Status ScanBlocks(size_t count, const std::stop_token& stop,
                  const std::function<Status(size_t)>& scan);

}  // namespace catchment::stac
