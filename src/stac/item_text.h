#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "columnar/compress.h"

namespace catchment::stac {

struct ItemTextOptions {
  size_t max_item_bytes = 16u << 20;
};

/// One item of an input. Valid until the next one is asked for.
struct ItemText {
  std::string_view body;
  int64_t line = 0;        ///< where it begins, from 1
  bool too_large = false;  ///< `body` has its first bytes; the rest was passed over
};

/// Cuts an input into single items: NDJSON, an ItemCollection or FeatureCollection, an array of
/// items, or one item; told by its first bytes. Streams with bounded memory: about one item.
///
///   ItemTexts items(std::move(bytes));
///   ItemText item;
///   while (true) { ASSIGN_OR_RETURN(bool more, items.Next(item)); if (!more) break; … }
///
/// In NDJSON one bad line does not spoil the next. Whether an item is JSON is for ItemColumns to
/// say.
class ItemTexts {
 public:
  explicit ItemTexts(std::unique_ptr<columnar::ByteReader> bytes,
                     const ItemTextOptions& options = {});
  ~ItemTexts();
  ItemTexts(ItemTexts&&) noexcept;
  ItemTexts& operator=(ItemTexts&&) noexcept;

  /// False after the last. kCorrupt: cut short, or text between items of an array or collection.
  Result<bool> Next(ItemText& item);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace catchment::stac
