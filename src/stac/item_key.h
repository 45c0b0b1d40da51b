#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace catchment::stac {

/// How the rows of a file are ordered. Ties of all keys: as the items came.
enum class ItemOrder {
  kHilbert,   ///< Hilbert index, datetime, id
  kDatetime,  ///< datetime, id
  kInput,     ///< as the items came
};
/// `hilbert`, `datetime`, `input`; nothing for another word.
std::optional<ItemOrder> ParseItemOrder(std::string_view word);
/// As the footer has it: `hilbert14,datetime,id`, `datetime,id`, `input`.
std::string_view ItemOrderName(ItemOrder order);

/// Stands for a null `datetime`: after all others.
inline constexpr int64_t kNoDatetime = std::numeric_limits<int64_t>::max();

/// What an item is ordered by.
struct ItemKey {
  uint32_t place = 0;  ///< Hilbert index; kNowhere without geometry
  int64_t datetime_us = kNoDatetime;
  std::string_view id;
  std::string_view collection;  ///< empty: none
};

/// Reads the key of an item from its JSON, and little else: a first look at items that are read
/// again in order. Not thread-safe.
class ItemKeyReader {
 public:
  ItemKeyReader();
  ~ItemKeyReader();
  ItemKeyReader(ItemKeyReader&&) noexcept;
  ItemKeyReader& operator=(ItemKeyReader&&) noexcept;

  /// The key; nothing if the body is no item that a file could take (whoever converts it says why).
  /// Valid until the next call, and while `body` is. The place is that of the `bbox` column: of the
  /// item's box and its geometry together.
  std::optional<ItemKey> Read(std::string_view body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace catchment::stac
