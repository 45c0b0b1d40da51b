#include "sources/cmr/cmr_parse.h"

#include <fmt/format.h>
#include <simdjson.h>

namespace catchment::sources::cmr {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::string_view kItemEnding = "_stac.json";
constexpr std::string_view kHost = "https://data.lpdaac.earthdatacloud.nasa.gov/";
constexpr std::string_view kBucket = "lp-prod-public";

/// Walk over a value that is not used; false: damaged, or nested too deeply.
bool PassOver(ondemand::value value, int depth) {
  if (depth > kMostPageDepth) return false;
  ondemand::json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return false;
  if (type == ondemand::json_type::array) {
    ondemand::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) return false;
    for (auto element : array) {
      ondemand::value inner;
      if (element.get(inner) != simdjson::SUCCESS || !PassOver(inner, depth + 1)) return false;
    }
    return true;
  }
  if (type == ondemand::json_type::object) {
    ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return false;
    for (auto read : object) {
      ondemand::field field;
      if (std::move(read).get(field) != simdjson::SUCCESS || !PassOver(field.value(), depth + 1))
        return false;
    }
    return true;
  }
  return true;
}

/// The text between the quotes of a string, as it stands.
std::string_view RawText(ondemand::value& value) {
  std::string_view token = value.raw_json_token();
  if (token.empty() || token.front() != '"') return {};
  const size_t end = token.rfind('"');
  return end == 0 ? std::string_view() : token.substr(1, end - 1);
}

Status ReadLinks(ondemand::value value, CmrEntry& entry) {
  ondemand::array links;
  if (value.get_array().get(links) != simdjson::SUCCESS) return Corrupt("links: expected an array");
  for (auto element : links) {
    ondemand::object link;
    if (element.get_object().get(link) != simdjson::SUCCESS) return Corrupt("a link is no object");
    for (auto read : link) {
      ondemand::field field;
      if (std::move(read).get(field) != simdjson::SUCCESS) return Corrupt("a link is damaged");
      ondemand::value& text = field.value();
      if (!field.key().unsafe_is_equal("href")) {
        if (!PassOver(text, 6)) return Corrupt("a link is damaged");
        continue;
      }
      if (!RawText(text).ends_with(kItemEnding)) {
        if (!PassOver(text, 6)) return Corrupt("a link is damaged");
        continue;
      }
      std::string_view href;
      if (text.get_string().get(href) != simdjson::SUCCESS) return Corrupt("an href is damaged");
      if (href.starts_with("https://") && entry.https_link.empty()) entry.https_link = href;
      if (href.starts_with("s3://") && entry.s3_link.empty()) entry.s3_link = href;
    }
  }
  return {};
}

Status ReadEntry(ondemand::object& object, CmrEntry& entry) {
  bool has_updated = false, has_start = false;
  for (auto read : object) {
    ondemand::field field;
    if (std::move(read).get(field) != simdjson::SUCCESS) return Corrupt("damaged or cut off");
    const ondemand::raw_json_string key = field.key();
    ondemand::value& value = field.value();
    if (key.unsafe_is_equal("links")) {
      RETURN_IF_ERROR(ReadLinks(value, entry));
      continue;
    }
    const bool id = key.unsafe_is_equal("id"), title = key.unsafe_is_equal("title");
    const bool updated = key.unsafe_is_equal("updated"), start = key.unsafe_is_equal("time_start");
    const bool end = key.unsafe_is_equal("time_end");
    if (!id && !title && !updated && !start && !end) {
      if (!PassOver(value, 5)) return Corrupt("damaged, or nested deeper than {}", kMostPageDepth);
      continue;
    }
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS)
      return Corrupt("{}: expected text", id        ? "id"
                                          : title   ? "title"
                                          : updated ? "updated"
                                                    : "a time");
    if (id || title) {
      (id ? entry.concept_id : entry.title) = text;
      continue;
    }
    const Result<Time> time = ParseTime(text);
    if (!time.ok()) return Corrupt("'{}' is no time", text.substr(0, 60));
    if (updated) {
      entry.updated = *time;
      has_updated = true;
    } else if (start) {
      entry.time_start = *time;
      has_start = true;
    } else {
      entry.time_end = *time;
    }
  }
  if (entry.concept_id.empty()) return Corrupt("it has no id");
  if (!has_updated || !has_start) return Corrupt("{} lacks its times", entry.concept_id);
  return {};
}

Status ReadEntries(ondemand::value value, std::vector<CmrEntry>& entries) {
  ondemand::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return Corrupt("entry: expected an array");
  for (auto element : array) {
    ondemand::object object;
    if (element.get_object().get(object) != simdjson::SUCCESS)
      return Corrupt("cut off after {} entries", entries.size());
    CmrEntry entry;
    RETURN_IF_ERROR(ReadEntry(object, entry), "entry {}", entries.size());
    entries.push_back(std::move(entry));
  }
  return {};
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

struct CmrPageParser::Members {
  ondemand::parser parser;
};

CmrPageParser::CmrPageParser() : members_(std::make_unique<Members>()) {}
CmrPageParser::~CmrPageParser() = default;

Result<std::vector<CmrEntry>> CmrPageParser::Parse(std::string& body) {
  const size_t size = body.size();
  body.append(simdjson::SIMDJSON_PADDING, '\0');
  std::vector<CmrEntry> entries;
  ondemand::document document;
  ondemand::object root;
  if (members_->parser.iterate(body.data(), size, body.size()).get(document) != simdjson::SUCCESS ||
      document.get_object().get(root) != simdjson::SUCCESS) {
    return Corrupt("not a JSON object");
  }
  bool has_entries = false;
  for (auto read : root) {
    ondemand::field field;
    if (std::move(read).get(field) != simdjson::SUCCESS) return Corrupt("damaged or cut off");
    if (!field.key().unsafe_is_equal("feed")) {
      if (!PassOver(field.value(), 2)) return Corrupt("damaged or nested too deeply");
      continue;
    }
    ondemand::object feed;
    if (field.value().get_object().get(feed) != simdjson::SUCCESS)
      return Corrupt("feed: expected an object");
    for (auto inner : feed) {
      ondemand::field member;
      if (std::move(inner).get(member) != simdjson::SUCCESS) return Corrupt("damaged or cut off");
      if (!member.key().unsafe_is_equal("entry")) {
        if (!PassOver(member.value(), 3)) return Corrupt("damaged or nested too deeply");
        continue;
      }
      has_entries = true;
      RETURN_IF_ERROR(ReadEntries(member.value(), entries));
    }
  }
  const char* rest = nullptr;  // out of bounds at the end of a whole document
  if (document.current_location().get(rest) != simdjson::OUT_OF_BOUNDS)
    return Corrupt("text after the end of the page");
  if (!has_entries) return Corrupt("no feed with entries");
  return entries;
}

std::optional<HlsTitle> ParseHlsTitle(std::string_view title) {
  // HLS.L30.T15TVL.2025276T165850.v2.0
  constexpr size_t kLength = 34;
  if (title.size() != kLength || !title.starts_with("HLS.") || !title.ends_with(".v2.0"))
    return std::nullopt;
  const std::string_view sensor = title.substr(4, 3), tile = title.substr(9, 5);
  if ((sensor != "L30" && sensor != "S30") || title[7] != '.' || title[8] != 'T' ||
      title[14] != '.' || title[22] != 'T')
    return std::nullopt;
  for (const size_t at : {size_t{9}, size_t{10}, size_t{15}, size_t{16}, size_t{17}, size_t{18},
                          size_t{19}, size_t{20}, size_t{21}, size_t{23}, size_t{24}, size_t{25},
                          size_t{26}, size_t{27}, size_t{28}}) {
    if (!IsDigit(title[at])) return std::nullopt;
  }
  const char band = tile[2];
  if (band < 'C' || band > 'X' || band == 'I' || band == 'O') return std::nullopt;
  for (const char letter : tile.substr(3)) {
    if (letter < 'A' || letter > 'Z') return std::nullopt;
  }
  return HlsTitle{sensor, tile};
}

std::string DerivedItemLink(std::string_view title, ItemScheme scheme) {
  const std::optional<HlsTitle> parts = ParseHlsTitle(title);
  if (!parts) return {};
  return fmt::format("{}{}/HLS{}.020/{}/{}{}", scheme == ItemScheme::kHttps ? kHost : "s3://",
                     kBucket, parts->sensor, title, title, kItemEnding);
}

struct ItemLooker::Members {
  ondemand::parser parser;
  std::string padded;
};

ItemLooker::ItemLooker() : members_(std::make_unique<Members>()) {}
ItemLooker::~ItemLooker() = default;

ItemId ItemLooker::Look(std::string_view body) {
  std::string& padded = members_->padded;
  padded.assign(body);
  padded.append(simdjson::SIMDJSON_PADDING, '\0');
  ItemId found;
  ondemand::document document;
  ondemand::object root;
  const simdjson::error_code opened =
      members_->parser.iterate(padded.data(), body.size(), padded.size()).get(document);
  if (opened == simdjson::UTF8_ERROR) found.look = ItemLook::kBadUtf8;
  if (opened != simdjson::SUCCESS) return found;
  ondemand::json_type type{};
  if (document.type().get(type) != simdjson::SUCCESS) return found;
  if (type != ondemand::json_type::object) {
    found.look = ItemLook::kNotAnItem;
    return found;
  }
  if (document.get_object().get(root) != simdjson::SUCCESS) return found;
  bool has_id = false;
  for (auto read : root) {
    ondemand::field field;
    if (std::move(read).get(field) != simdjson::SUCCESS) return found;
    if (!has_id && field.key().unsafe_is_equal("id")) {
      std::string_view id;
      has_id = field.value().get_string().get(id) == simdjson::SUCCESS;
      found.id = has_id ? id : std::string_view();
    }
  }
  const char* rest = nullptr;
  if (document.current_location().get(rest) != simdjson::OUT_OF_BOUNDS) return found;
  found.look = has_id ? ItemLook::kGood : ItemLook::kNoId;
  return found;
}

}  // namespace catchment::sources::cmr
