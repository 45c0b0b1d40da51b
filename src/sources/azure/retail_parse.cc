#include "sources/azure/retail_parse.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include "base/text.h"

namespace catchment::sources::azure {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::array<std::string_view, kRetailFields> kNames = {
    "armRegionName", "location", "armSkuName",  "productName",  "meterName", "skuName",
    "unitOfMeasure", "type",     "serviceName", "currencyCode", "meterId",   "skuId"};

/// Everything that is read of an item.
enum class Member : uint8_t {
  kText,  // a RetailField, see `field`
  kPrice,
  kStarts,
  kEnds,
  kPrimary,
  kOther,
};

struct Key {
  Member member = Member::kOther;
  RetailField field = RetailField::kRegion;
};

/// Which member a key names. The first letters decide between at most two candidates, so that a key
/// costs one or two comparisons.
Key KeyOf(const ondemand::raw_json_string& key) {
  const char* text = key.raw();
  const auto is = [&](std::string_view name) { return key.unsafe_is_equal(name); };
  const auto text_field = [](RetailField field) { return Key{Member::kText, field}; };
  switch (text[0]) {
    case 'a':
      if (is("armRegionName")) return text_field(RetailField::kRegion);
      if (is("armSkuName")) return text_field(RetailField::kSku);
      break;
    case 'c':
      if (is("currencyCode")) return text_field(RetailField::kCurrency);
      break;
    case 'e':
      if (is("effectiveStartDate")) return {Member::kStarts};
      if (is("effectiveEndDate")) return {Member::kEnds};
      break;
    case 'i':
      if (is("isPrimaryMeterRegion")) return {Member::kPrimary};
      break;
    case 'l':
      if (is("location")) return text_field(RetailField::kLocation);
      break;
    case 'm':
      if (is("meterId")) return text_field(RetailField::kMeterId);
      if (is("meterName")) return text_field(RetailField::kMeter);
      break;
    case 'p':
      if (is("productName")) return text_field(RetailField::kProduct);
      break;
    case 'r':
      if (is("retailPrice")) return {Member::kPrice};
      break;
    case 's':
      if (is("skuId")) return text_field(RetailField::kSkuId);
      if (is("skuName")) return text_field(RetailField::kSkuName);
      if (is("serviceName")) return text_field(RetailField::kService);
      break;
    case 't':
      if (is("type")) return text_field(RetailField::kType);
      break;
    case 'u':
      if (is("unitOfMeasure")) return text_field(RetailField::kUnit);
      break;
    default:
      break;
  }
  return {};
}

/// The text of a JSON string, or empty for null. Texts without escapes are taken as they stand,
/// between the structural characters that simdjson found, without being copied first. False:
/// neither a text nor null.
bool TextOf(ondemand::value& value, std::string_view* text) {
  const std::string_view token = value.raw_json_token();
  if (token.empty() || token[0] != '"') {
    *text = {};
    bool null = false;
    return value.is_null().get(null) == simdjson::SUCCESS && null;
  }
  size_t end = token.size() - 1;
  while (end > 0 && token[end] != '"') --end;
  if (end > 0 && std::memchr(token.data(), '\\', end) == nullptr) {
    *text = token.substr(1, end - 1);
    return true;
  }
  return value.get_string().get(*text) == simdjson::SUCCESS;
}

/// Any year will do: `0001-01-01` and `9999-12-31` are how others write "always" and "no end".
std::optional<Time> TimeOf(std::string_view text) {
  if (const Result<Time> time = ParseTime(text); time.ok()) return *time;
  // A year that the general parser has no room for: the calendar repeats every 400 years.
  int year = 0;
  const char* const end = text.data() + std::min<size_t>(text.size(), 4);
  if (std::from_chars(text.data(), end, year).ptr != end || year < 0) return std::nullopt;
  const int cycles = (year + 300) / 400 - 5;  // to 1700–2099
  std::string moved(text);
  moved.replace(0, 4, fmt::format("{}", year - 400 * cycles));
  const Result<Time> time = ParseTime(moved);
  if (!time.ok()) return std::nullopt;
  return *time + cycles * std::chrono::days(146'097);
}

/// A digest of a whole item, to tell it from others within a crawl; about 600 bytes, so 16 are
/// taken at a time and folded through a product of 128 bits.
uint64_t DigestOf(std::string_view text) {
  constexpr uint64_t kFirst = 0x9e3779b97f4a7c15, kSecond = 0xc2b2ae3d27d4eb4f;
  const auto load = [](const char* from) {
    uint64_t word = 0;
    std::memcpy(&word, from, sizeof word);
    return word;
  };
  const auto fold = [](uint64_t a, uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  };
  uint64_t digest = text.size() * kFirst;
  size_t at = 0;
  for (; at + 16 <= text.size(); at += 16) {
    digest = fold(load(text.data() + at) ^ kFirst ^ digest, load(text.data() + at + 8) ^ kSecond);
  }
  char rest[16] = {};
  std::memcpy(rest, text.data() + at, text.size() - at);
  return fold(load(rest) ^ kFirst ^ digest, load(rest + 8) ^ kSecond);
}

Error Bad(size_t item, std::string_view field, std::string_view expected) {
  return Corrupt("item {}: {}: expected {}", item, field, expected);
}

/// One item, appended to `page`. On return `object` is at its end.
Status ReadItem(ondemand::object& object, RetailPage& page) {
  const size_t number = page.items.size();
  std::array<std::string_view, kRetailFields> texts;
  RetailPage::Item item;
  bool has_price = false, has_start = false;
  for (auto read : object) {
    ondemand::field field;
    if (std::move(read).get(field) != simdjson::SUCCESS)
      return Corrupt("item {}: damaged or cut off", number);
    const Key key = KeyOf(field.key());
    if (key.member == Member::kOther) continue;
    ondemand::value& value = field.value();
    std::string_view text;
    switch (key.member) {
      case Member::kText:
        if (!TextOf(value, &texts[static_cast<size_t>(key.field)])) {
          return Bad(number, RetailFieldName(key.field), "text");
        }
        break;
      case Member::kPrice:
        if (value.get_double().get(item.price) != simdjson::SUCCESS)
          return Bad(number, "retailPrice", "a number");
        has_price = true;
        break;
      case Member::kStarts: {
        if (!TextOf(value, &text) || text.empty())
          return Bad(number, "effectiveStartDate", "a time");
        const std::optional<Time> time = TimeOf(text);
        if (!time) return Bad(number, "effectiveStartDate", "a time such as 2026-01-28T00:10:00Z");
        item.starts = *time;
        has_start = true;
        break;
      }
      case Member::kEnds: {
        if (!TextOf(value, &text)) return Bad(number, "effectiveEndDate", "a time or null");
        if (text.empty()) break;
        const std::optional<Time> time = TimeOf(text);
        if (!time) return Bad(number, "effectiveEndDate", "a time such as 2026-01-28T00:10:00Z");
        item.ends = *time;
        break;
      }
      case Member::kPrimary:
        if (value.get_bool().get(item.primary) != simdjson::SUCCESS) {
          return Bad(number, "isPrimaryMeterRegion", "true or false");
        }
        break;
      case Member::kOther:
        break;
    }
  }
  if (!has_price) return Bad(number, "retailPrice", "a number, found nothing");
  if (!has_start) return Bad(number, "effectiveStartDate", "a time, found nothing");

  item.text = static_cast<uint32_t>(page.texts.size());
  size_t length = 0;
  for (size_t field = 0; field < kRetailFields; ++field) {
    length += texts[field].size();
    if (length > std::numeric_limits<uint16_t>::max())
      return Corrupt("item {}: more than 64 KiB of text", number);
    item.ends_at[field] = static_cast<uint16_t>(length);
    page.texts.append(texts[field]);
  }
  page.items.push_back(item);
  return {};
}

/// Each item's digest is that of its text, from brace to brace.
Status ReadItems(ondemand::document& document, ondemand::value& value, RetailPage& page) {
  ondemand::array items;
  if (value.get_array().get(items) != simdjson::SUCCESS) return Corrupt("Items: expected an array");
  for (auto element : items) {
    ondemand::value item;
    ondemand::object object;
    if (element.get(item) != simdjson::SUCCESS)
      return Corrupt("cut off after {} items", page.items.size());
    const char* begin = item.raw_json_token().data();
    if (item.get_object().get(object) != simdjson::SUCCESS)
      return Corrupt("item {}: expected an object", page.items.size());
    RETURN_IF_ERROR(ReadItem(object, page));
    const char* end = nullptr;
    if (document.current_location().get(end) != simdjson::SUCCESS)
      return Corrupt("cut off after {} items", page.items.size());
    while (end > begin && end[-1] != '}') --end;
    page.items.back().digest = DigestOf({begin, static_cast<size_t>(end - begin)});
  }
  return {};
}

}  // namespace

std::string_view RetailFieldName(RetailField field) { return kNames[static_cast<size_t>(field)]; }

std::optional<RetailField> RetailFieldOf(std::string_view name) {
  for (size_t field = 0; field < kRetailFields; ++field) {
    if (kNames[field] == name) return static_cast<RetailField>(field);
  }
  return std::nullopt;
}

Result<int64_t> SkipOfLink(std::string_view link) {
  const size_t query = link.find('?');
  for (const std::string& part :
       Split(query == std::string_view::npos ? std::string_view() : link.substr(query + 1), '&')) {
    const std::string name = ToLower(part.substr(0, part.find('=')));
    if (name != "$skip" && name != "%24skip") continue;
    const std::string_view value = std::string_view(part).substr(name.size());
    int64_t skip = -1;
    if (value.size() > 1) {
      const auto [end, error] =
          std::from_chars(value.data() + 1, value.data() + value.size(), skip);
      if (error != std::errc() || end != value.data() + value.size()) skip = -1;
    }
    if (skip >= 0) return skip;
  }
  return Corrupt("NextPageLink has no $skip with a whole number: {}", link.substr(0, 300));
}

struct RetailParser::Members {
  ondemand::parser parser;
  std::string padded;           // the page and simdjson's padding behind it
  size_t texts = 0, items = 0;  // of the page before: what the next one will need
};

RetailParser::RetailParser() : members_(std::make_unique<Members>()) {}
RetailParser::~RetailParser() = default;

Result<RetailPage> RetailParser::Parse(std::string_view body) {
  std::string& padded = members_->padded;
  padded.assign(body);
  padded.append(simdjson::SIMDJSON_PADDING, '\0');
  RetailPage page;
  page.texts.reserve(members_->texts);
  page.items.reserve(members_->items);
  ondemand::document document;
  ondemand::object root;
  if (members_->parser.iterate(padded.data(), body.size(), padded.size()).get(document) !=
          simdjson::SUCCESS ||
      document.get_object().get(root) != simdjson::SUCCESS) {
    return Corrupt("not a JSON object");
  }
  bool has_items = false;
  std::optional<int64_t> count;
  for (auto read : root) {
    ondemand::field field;
    if (std::move(read).get(field) != simdjson::SUCCESS)
      return Corrupt("damaged or cut off after {} items", page.items.size());
    ondemand::value& value = field.value();
    if (field.key().unsafe_is_equal("Items")) {
      RETURN_IF_ERROR(ReadItems(document, value, page));
      has_items = true;
    } else if (field.key().unsafe_is_equal("NextPageLink")) {
      std::string_view link;
      if (!TextOf(value, &link)) return Corrupt("NextPageLink: expected text or null");
      page.next.reset();
      if (!link.empty()) {
        ASSIGN_OR_RETURN(page.next, SkipOfLink(link));
      }
    } else if (field.key().unsafe_is_equal("Count")) {
      int64_t number = 0;
      if (value.get_int64().get(number) != simdjson::SUCCESS)
        return Corrupt("Count: expected a whole number");
      count = number;
    }
  }
  const char* rest = nullptr;  // out of bounds at the end of a whole document
  if (document.current_location().get(rest) != simdjson::OUT_OF_BOUNDS)
    return Corrupt("text after the end of the page");
  if (!has_items) return Corrupt("no Items");
  if (count && *count != static_cast<int64_t>(page.items.size())) {
    return Corrupt("Count is {}, but there are {} items", *count, page.items.size());
  }
  members_->texts = page.texts.size() + page.texts.size() / 16;
  members_->items = page.items.size();
  return page;
}

Result<RetailPage> ParseRetailPage(std::string_view body) { return RetailParser().Parse(body); }

}  // namespace catchment::sources::azure
