#include "sources/azure/eviction_parse.h"

#include <simdjson.h>

#include <map>
#include <utility>

#include "base/text.h"

namespace catchment::sources::azure {
namespace {

namespace dom = simdjson::dom;

/// The text member `name`, which must be there.
Status ReadText(const dom::object& object, const char* name, size_t row, std::string* text) {
  std::string_view view;
  if (object[name].get(view) != simdjson::SUCCESS)
    return Corrupt("row {}: {}: expected text", row, name);
  *text = view;
  return {};
}

Status ReadRows(const dom::array& data, std::vector<EvictionRow>* rows) {
  for (const dom::element element : data) {
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS)
      return Corrupt("row {}: expected an object", rows->size());
    EvictionRow row;
    RETURN_IF_ERROR(ReadText(object, "location", rows->size(), &row.region));
    RETURN_IF_ERROR(ReadText(object, "skuName", rows->size(), &row.sku));
    RETURN_IF_ERROR(ReadText(object, "evictionRate", rows->size(), &row.band));
    rows->push_back(std::move(row));
  }
  return {};
}

/// Whether `band` is worse news than `other`.
bool Worse(const EvictionRate& band, const EvictionRate& other) {
  if (band.score.has_value() != other.score.has_value()) return band.score.has_value();
  if (band.score) return *band.score < *other.score;
  return band.band < other.band;
}

}  // namespace

Result<EvictionPage> ParseEvictionPage(std::string_view body) {
  dom::parser parser;
  dom::object root;
  if (parser.parse(body.data(), body.size()).get(root) != simdjson::SUCCESS)
    return Corrupt("not a JSON object");
  EvictionPage page;
  dom::array data;
  if (root["data"].get(data) != simdjson::SUCCESS) return Corrupt("no array `data`");
  RETURN_IF_ERROR(ReadRows(data, &page.rows));
  if (root["totalRecords"].get(page.total) != simdjson::SUCCESS)
    return Corrupt("totalRecords: expected a whole number");
  int64_t count = 0;
  if (dom::element element; root["count"].get(element) == simdjson::SUCCESS &&
                            (element.get(count) != simdjson::SUCCESS ||
                             count != static_cast<int64_t>(page.rows.size()))) {
    return Corrupt("count differs from the {} rows of the page", page.rows.size());
  }
  if (dom::element truncated;
      root["resultTruncated"].get(truncated) == simdjson::SUCCESS && !truncated.is_null()) {
    std::string_view text;
    if (truncated.get(page.truncated) != simdjson::SUCCESS) {
      if (truncated.get(text) != simdjson::SUCCESS)
        return Corrupt("resultTruncated: expected \"true\" or \"false\"");
      page.truncated = ToLower(text) == "true";
    }
  }
  if (dom::element token; root["$skipToken"].get(token) == simdjson::SUCCESS && !token.is_null()) {
    std::string_view text;
    if (token.get(text) != simdjson::SUCCESS) return Corrupt("$skipToken: expected text");
    page.skip_token = text;
  }
  return page;
}

std::optional<double> InterruptionScore(std::string_view band) {
  static constexpr std::pair<std::string_view, double> kBands[] = {
      {"0-5", 3.0}, {"5-10", 2.5}, {"10-15", 2.0}, {"15-20", 1.5}, {"20+", 1.0}};
  for (const auto& [name, score] : kBands) {
    if (name == band) return score;
  }
  return std::nullopt;
}

EvictionRates CombineEvictionRows(const std::vector<EvictionRow>& rows) {
  EvictionRates combined;
  std::map<std::pair<std::string, std::string>, EvictionRate> pairs;
  for (const EvictionRow& row : rows) {
    EvictionRate rate{ToLower(row.region), ToLower(row.sku), row.band, InterruptionScore(row.band)};
    const auto [place, inserted] = pairs.try_emplace({rate.region, rate.sku}, rate);
    if (inserted) continue;
    ++combined.repeats;
    combined.contradictions += place->second.band != rate.band;
    if (Worse(rate, place->second)) place->second = std::move(rate);
  }
  for (auto& [key, rate] : pairs) {
    combined.unknown_bands += !rate.score.has_value();
    combined.rates.push_back(std::move(rate));
  }
  return combined;
}

}  // namespace catchment::sources::azure
