#include "sources/azure/placement_parse.h"

#include <fmt/ranges.h>
#include <simdjson.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"

namespace catchment::sources::azure {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kMaxErrorText = 64 << 10;
constexpr int kMaxErrorDepth = 16;
constexpr size_t kMaxCells = 10'000;
constexpr size_t kMaxLocations = 1'000;

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

/// Gather the texts of all members called `message`, one a line.
void GatherMessages(const dom::element& element, int depth, std::string* text) {
  if (depth > kMaxErrorDepth || text->size() > kMaxErrorText) return;
  if (dom::array array; element.get(array) == simdjson::SUCCESS) {
    for (const dom::element part : array) GatherMessages(part, depth + 1, text);
    return;
  }
  dom::object object;
  if (element.get(object) != simdjson::SUCCESS) return;
  for (const auto [key, value] : object) {
    std::string_view message;
    if (ToLower(key) == "message" && value.get(message) == simdjson::SUCCESS) {
      *text += message.substr(0, kMaxErrorText);
      *text += '\n';
    } else {
      GatherMessages(value, depth + 1, text);
    }
  }
}

void ReplaceAll(std::string* text, std::string_view what, std::string_view by) {
  for (size_t at = text->find(what); at != std::string::npos; at = text->find(what, at)) {
    text->replace(at, what.size(), by);
    at += by.size();
  }
}

/// The text in which the service says what is wrong, quotes unescaped.
std::string ErrorText(std::string_view body) {
  std::string text;
  dom::parser parser;
  dom::element root;
  if (parser.parse(body.data(), body.size()).get(root) == simdjson::SUCCESS)
    GatherMessages(root, 0, &text);
  if (text.empty()) text = body.substr(0, kMaxErrorText);
  for (const std::string_view escaped : {"\\u0027", "\\'", "&#39;", "&apos;"})
    ReplaceAll(&text, escaped, "'");
  return text;
}

/// The text between `before` and the first character that is none of a name, if that is a quote.
std::string_view QuotedName(std::string_view text, std::string_view before, size_t* end) {
  const size_t found = text.find(before, *end);
  if (found == std::string_view::npos) {
    *end = std::string_view::npos;
    return {};
  }
  const size_t start = found + before.size();
  size_t at = start;
  while (at < text.size() && IsNameCharacter(text[at])) ++at;
  *end = at;
  return at < text.size() && text[at] == '\'' ? text.substr(start, at - start) : std::string_view();
}

/// Whether `text` names an invalid value; fills answer and value.
bool FindInvalidValue(std::string_view text, PlacementVerdict* verdict) {
  constexpr std::string_view kSays = "' provided for the input parameter '";
  for (size_t end = 0; end != std::string_view::npos;) {
    const std::string_view value = QuotedName(text, "The value '", &end);
    if (value.empty() || !text.substr(end).starts_with(kSays)) continue;
    std::string_view parameter = text.substr(end + kSays.size());
    const size_t quote = parameter.find('\'');
    if (quote == std::string_view::npos || !parameter.substr(quote).starts_with("' is not valid"))
      continue;
    parameter = parameter.substr(0, quote);
    if (const size_t dot = parameter.rfind('.'); dot != std::string_view::npos)
      parameter.remove_prefix(dot + 1);
    if (parameter != "desiredLocations" && parameter != "desiredSizes") continue;
    verdict->answer = parameter == "desiredSizes" ? PlacementAnswer::kInvalidSku
                                                  : PlacementAnswer::kInvalidRegion;
    verdict->value = value;
    return true;
  }
  return false;
}

/// `… try again after '372' seconds`
std::optional<std::chrono::seconds> FindWait(std::string_view text) {
  constexpr std::string_view kSays = "again after ";
  constexpr int64_t kLongest = int64_t{7} * 24 * 3600;
  size_t at = text.find(kSays);
  if (at == std::string_view::npos) return std::nullopt;
  at += kSays.size();
  if (at < text.size() && text[at] == '\'') ++at;
  int64_t seconds = 0;
  const size_t start = at;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
    seconds = std::min(kLongest, seconds * 10 + (text[at] - '0'));
  if (at == start) return std::nullopt;
  if (at < text.size() && text[at] == '\'') ++at;
  if (!text.substr(at).starts_with(" second")) return std::nullopt;
  return std::chrono::seconds(seconds);
}

/// The beginning as one printable line.
std::string OneLine(std::string_view text) {
  std::string line(text.substr(0, 160));
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  return std::string(Trim(line));
}

/// The text member `name` of a cell; null: absent or null. False: of another type.
bool ReadOptionalText(const dom::object& object, const char* name,
                      std::optional<std::string>* text) {
  dom::element element;
  if (object[name].get(element) != simdjson::SUCCESS || element.is_null()) return true;
  std::string_view view;
  if (element.get(view) != simdjson::SUCCESS) return false;
  *text = std::string(view);
  return true;
}

Status ReadCell(const dom::element& element, PlacementCell* cell) {
  dom::object object;
  if (element.get(object) != simdjson::SUCCESS) return Corrupt("a score is no object");
  std::optional<std::string> sku, region, zone;
  if (!ReadOptionalText(object, "sku", &sku) || !ReadOptionalText(object, "region", &region) ||
      !sku || !region) {
    return Corrupt("a score names no sku or region");
  }
  if (!ReadOptionalText(object, "availabilityZone", &zone)) {
    return Corrupt("availabilityZone: expected text");
  }
  if (!ReadOptionalText(object, "score", &cell->text)) return Corrupt("score: expected text");
  cell->sku = *std::move(sku);
  cell->region = *std::move(region);
  cell->zone = zone && !zone->empty() ? *std::move(zone) : "regional";
  if (cell->text) cell->score = ScoreOfText(*cell->text);
  bool quota = false;
  if (object["isQuotaAvailable"].get(quota) == simdjson::SUCCESS) cell->quota_available = quota;
  return {};
}

PlacementVerdict JudgeSuccess(std::string_view body) {
  PlacementVerdict verdict;
  dom::parser parser;
  dom::object root;
  if (parser.parse(body.data(), body.size()).get(root) != simdjson::SUCCESS) {
    verdict.detail = "an answer that is no JSON object";
    return verdict;
  }
  verdict.answer = PlacementAnswer::kNoScores;
  dom::array scores;
  if (root["placementScores"].get(scores) != simdjson::SUCCESS) {
    verdict.detail = "an answer without placementScores";
    return verdict;
  }
  for (const dom::element element : scores) {
    PlacementCell cell;
    const Status status = verdict.cells.size() < kMaxCells ? ReadCell(element, &cell)
                                                           : Corrupt("more scores than asked");
    if (!status.ok()) {
      verdict.cells.clear();
      verdict.detail = status.error().message;
      return verdict;
    }
    verdict.cells.push_back(std::move(cell));
  }
  verdict.answer = PlacementAnswer::kScores;
  return verdict;
}

}  // namespace

std::string FormatPlacementQuestion(const PlacementQuestion& question) {
  nlohmann::ordered_json body = {{"availabilityZones", question.zones},
                                 {"desiredCount", question.count},
                                 {"desiredLocations", question.regions},
                                 {"desiredSizes", nlohmann::ordered_json::array()}};
  for (const std::string& sku : question.skus) body["desiredSizes"].push_back({{"sku", sku}});
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<int> ScoreOfText(std::string_view text) {
  const std::string lower = ToLower(text);
  if (lower == "high") return 3;
  if (lower == "medium") return 2;
  if (lower == "low") return 1;
  return std::nullopt;
}

PlacementVerdict JudgePlacementAnswer(int status, std::string_view body,
                                      std::optional<std::chrono::seconds> retry_after) {
  if (status >= 200 && status < 300) return JudgeSuccess(body);
  PlacementVerdict verdict;
  const std::string text = ErrorText(body);
  verdict.detail = fmt::format("HTTP {}: {}", status, OneLine(text));
  verdict.wait = retry_after;
  if (status == 401) {
    verdict.answer = PlacementAnswer::kIdentityDenied;
  } else if (status == 403) {
    verdict.answer = PlacementAnswer::kSubscriptionDenied;
  } else if (status == 429) {
    constexpr std::string_view kBucket = "You have reached the maximum number of requests allowed";
    verdict.answer = text.find(kBucket) != std::string::npos ? PlacementAnswer::kBucketSpent
                                                             : PlacementAnswer::kThrottled;
    if (const auto wait = FindWait(text)) verdict.wait = wait;
  } else if (status != 408 && status < 500) {
    verdict.answer = PlacementAnswer::kRejected;
    if (status == 400) FindInvalidValue(text, &verdict);
  }
  return verdict;
}

Result<std::vector<std::string>> ParseSupportedLocations(std::string_view body) {
  constexpr std::string_view kSays = "supported locations are '";
  const std::string text = ErrorText(body);
  const size_t found = text.find(kSays);
  if (found == std::string::npos) return Corrupt("no list of supported locations");
  std::string_view list = std::string_view(text).substr(found + kSays.size());
  const size_t end = list.find('\'');
  if (end == std::string_view::npos) return Corrupt("the list of supported locations has no end");
  list = list.substr(0, end);
  std::vector<std::string> locations;
  for (const std::string& part : Split(list, ',')) {
    std::string name = ToLower(Trim(part));
    if (name.empty() || !std::all_of(name.begin(), name.end(), IsNameCharacter)) continue;
    if (locations.size() == kMaxLocations) return Corrupt("too many supported locations");
    locations.push_back(std::move(name));
  }
  std::sort(locations.begin(), locations.end());
  locations.erase(std::unique(locations.begin(), locations.end()), locations.end());
  if (locations.empty()) return Corrupt("the list of supported locations is empty");
  return locations;
}

}  // namespace catchment::sources::azure
