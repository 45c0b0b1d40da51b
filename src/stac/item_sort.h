#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "stac/item_bodies.h"
#include "stac/item_key.h"
#include "stac/item_schema.h"
#include "stac/quarantine.h"
#include "stac/schema_inference.h"

namespace catchment::stac {

/// One item of an index. Its place among the entries is the order in which it came.
struct ItemEntry {
  BodyPlace body;
  uint32_t place = 0;       ///< Hilbert index; kNowhere without geometry, after it what is no item
  uint32_t collection = 0;  ///< into ItemIndex::collections
  int64_t datetime_us = kNoDatetime;
  std::string_view id;  ///< lives in the index; empty: no item
};

/// Where all items of some inputs lie and what they are ordered by: about 100 bytes an item.
struct ItemIndex {
  std::vector<ItemEntry> entries;        ///< as the items came
  std::vector<std::string> collections;  ///< distinct ones; the first is "" (none)
  std::deque<std::string> ids;           ///< what the entries' ids point into
  /// What was seen in the items of each collection; empty unless it was asked for.
  std::map<std::string, SchemaInference> seen;
};

struct IndexOptions {
  bool infer = false;          ///< gather `seen`
  bool by_collection = false;  ///< a `seen` for each collection; else all under ""
  /// Told now and then how many bytes were read so far.
  std::function<void(uint64_t bytes)> progress;
};

/// Look at every item once, on several threads. Errors as ItemBodies::Scan.
Result<ItemIndex> IndexItems(ItemBodies& bodies, const IndexOptions& options = {});

/// What to do with an id that comes twice. Items that are equal by value are one, whatever this
/// says.
enum class OnDuplicate {
  kLatest,  ///< keep the one with the greater `updated`, then the one seen later
  kFirst,   ///< keep the one seen first
  kError,   ///< take neither: the whole is kInvalid
};
/// `latest`, `first`, `error`; nothing for another word.
std::optional<OnDuplicate> ParseOnDuplicate(std::string_view word);

/// An item that is left out, by its entry's number.
struct LeftOut {
  uint32_t entry = 0;
  Quarantined why;
};

struct SortedItems {
  std::vector<uint32_t> rows;       ///< numbers of entries, in file order
  std::vector<LeftOut> duplicates;  ///< ids that came twice; not in `rows`
  int64_t equal = 0;                ///< left out because an equal item is there
};

/// Put the entries numbered `which` in order, each id once. An item that `schema` refuses does not
/// displace another of its id. kInvalid: an id comes twice and `on_duplicate` is kError.
Result<SortedItems> SortItems(const ItemIndex& index, std::vector<uint32_t> which,
                              const ItemBodies& bodies, const ItemSchema& schema, ItemOrder order,
                              OnDuplicate on_duplicate);

}  // namespace catchment::stac
