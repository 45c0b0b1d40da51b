#include "stac/item_key.h"

#include <vector>

#include "stac/datetime_internal.h"
#include "stac/geometry.h"
#include "stac/hilbert.h"
#include "stac/json_tokens_internal.h"

namespace catchment::stac {
namespace {

/// The token behind a value that nobody checked; `size` at most.
uint32_t Behind(const JsonTokens& tokens, uint32_t token) {
  int depth = 0;
  while (token < tokens.size()) {
    const char c = tokens[token];
    ++token;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth <= 0) break;
  }
  return token;
}

}  // namespace

std::optional<ItemOrder> ParseItemOrder(std::string_view word) {
  if (word == "hilbert") return ItemOrder::kHilbert;
  if (word == "datetime") return ItemOrder::kDatetime;
  if (word == "input") return ItemOrder::kInput;
  return std::nullopt;
}

std::string_view ItemOrderName(ItemOrder order) {
  switch (order) {
    case ItemOrder::kHilbert:
      return "hilbert14,datetime,id";
    case ItemOrder::kDatetime:
      return "datetime,id";
    case ItemOrder::kInput:
      break;
  }
  return "input";
}

struct ItemKeyReader::State {
  /// Calls `member(key, value's token)` for each member of the object that begins at `token`.
  template <typename Member>
  void Members(uint32_t token, const Member& member) {
    if (tokens[token] != '{') return;
    ++token;
    while (token + 1 < tokens.size() && tokens[token] == '"') {
      std::string_view key;
      if (!tokens.Key(token, key, key_scratch)) return;
      member(key, token + 2);
      token = Behind(tokens, token + 2);
      if (tokens[token] != ',') return;
      ++token;
    }
  }

  std::string_view Raw(uint32_t token) const {
    const char* const begin = tokens.begin(token);
    const char* const end = tokens.limit(Behind(tokens, token) - 1);
    return {begin, static_cast<size_t>(end - begin)};
  }

  Box SourceBox(uint32_t token) const {
    std::vector<double> numbers;
    if (tokens[token] != '[') return {};
    for (++token; token < tokens.size() && tokens[token] != ']' && numbers.size() < 7; ++token) {
      if (tokens[token] == ',') continue;
      int64_t whole = 0;
      double value = 0;
      const JsonNumber kind = tokens.Number(token, whole, value);
      if (kind == JsonNumber::kBad) return {};
      numbers.push_back(value);
    }
    Box box;
    if (numbers.size() != 4 && numbers.size() != 6) return box;
    const size_t half = numbers.size() / 2;
    box.xmin = numbers[0];
    box.ymin = numbers[1];
    box.xmax = numbers[half];
    box.ymax = numbers[half + 1];
    return box;
  }

  uint32_t PlaceOf(std::string_view id) {
    if (geometry == 0 || tokens[geometry] == 'n') return kNowhere;
    if (const auto tile = TileOfGranule(id)) {
      if (const auto centre = TileCentre(*tile)) return HilbertIndex(CellOf(*centre));
    }
    wkb.clear();
    const auto facts = GeoJsonToWkb(Raw(geometry), wkb);
    if (!facts.ok()) return kNowhere;
    Box box = facts->box;
    if (box_token != 0) {
      const Box source = SourceBox(box_token);
      if (!source.empty() && source.Contains(box)) {
        box = source;
      } else {
        box.Add(source);
      }
    }
    return HilbertIndexOfBox(box.xmin, box.ymin, box.xmax, box.ymax);
  }

  JsonTokens tokens;
  std::string key_scratch, id_scratch, collection_scratch, text_scratch, wkb;
  uint32_t geometry = 0, box_token = 0;  ///< 0: none, as the item itself begins there
};

ItemKeyReader::ItemKeyReader() : state_(std::make_unique<State>()) {}
ItemKeyReader::~ItemKeyReader() = default;
ItemKeyReader::ItemKeyReader(ItemKeyReader&&) noexcept = default;
ItemKeyReader& ItemKeyReader::operator=(ItemKeyReader&&) noexcept = default;

std::optional<ItemKey> ItemKeyReader::Read(std::string_view body) {
  State& state = *state_;
  JsonTokens& tokens = state.tokens;
  if (!tokens.Index(body) || tokens[0] != '{') return std::nullopt;
  state.geometry = 0;
  state.box_token = 0;
  uint32_t properties = 0;
  ItemKey key;
  state.Members(0, [&](std::string_view name, uint32_t value) {
    if (name == "id" && tokens[value] == '"') {
      if (!tokens.Text(value, key.id, state.id_scratch)) key.id = {};
    } else if (name == "collection" && tokens[value] == '"') {
      if (!tokens.Text(value, key.collection, state.collection_scratch)) key.collection = {};
    } else if (name == "geometry") {
      state.geometry = value;
    } else if (name == "bbox") {
      state.box_token = value;
    } else if (name == "properties") {
      properties = value;
    }
  });
  if (key.id.empty() || properties == 0) return std::nullopt;
  state.Members(properties, [&](std::string_view name, uint32_t value) {
    if (name != "datetime" || tokens[value] != '"') return;
    std::string_view text;
    int64_t microseconds = 0;
    bool long_fraction = false;
    if (tokens.Text(value, text, state.text_scratch) &&
        ParseDatetime(text, microseconds, long_fraction))
      key.datetime_us = microseconds;
  });
  key.place = state.PlaceOf(key.id);
  return key;
}

}  // namespace catchment::stac
