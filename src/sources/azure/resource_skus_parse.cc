#include "sources/azure/resource_skus_parse.h"

#include <fmt/ranges.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"

namespace catchment::sources::azure {
namespace {

namespace dom = simdjson::dom;

/// The array member `name`; an absent or null one has no elements.
Result<std::vector<dom::element>> ReadArray(const dom::object& object, const char* name) {
  std::vector<dom::element> elements;
  dom::element member;
  if (object[name].get(member) != simdjson::SUCCESS || member.is_null()) return elements;
  dom::array array;
  if (member.get(array) != simdjson::SUCCESS) return Corrupt("{}: expected an array", name);
  for (const dom::element element : array) elements.push_back(element);
  return elements;
}

Result<std::string> ReadText(const dom::object& object, const char* name) {
  std::string_view view;
  if (object[name].get(view) != simdjson::SUCCESS) return Corrupt("{}: expected text", name);
  return std::string(view);
}

Result<std::optional<std::string>> ReadOptionalText(const dom::object& object, const char* name) {
  dom::element member;
  if (object[name].get(member) != simdjson::SUCCESS || member.is_null())
    return std::optional<std::string>();
  ASSIGN_OR_RETURN(std::string text, ReadText(object, name));
  return std::optional<std::string>(std::move(text));
}

template <typename Number>
std::optional<Number> ReadNumber(const std::string& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  if constexpr (std::is_floating_point_v<Number>) {
    if (!std::isfinite(value)) return std::nullopt;
  }
  return value;
}

Status ReadCapabilities(const dom::object& object, ResourceSku* sku, ResourceSkusPage* page) {
  ASSIGN_OR_RETURN(const auto capabilities, ReadArray(object, "capabilities"));
  for (const dom::element& element : capabilities) {
    dom::object capability;
    if (element.get(capability) != simdjson::SUCCESS)
      return Corrupt("capabilities: expected objects");
    ASSIGN_OR_RETURN(const std::string name, ReadText(capability, "name"));
    if (name != "vCPUs" && name != "MemoryGB") continue;
    ASSIGN_OR_RETURN(const std::string value, ReadText(capability, "value"));
    if (name == "vCPUs") {
      sku->vcpus = ReadNumber<int32_t>(value);
      page->unreadable_values += !sku->vcpus.has_value();
    } else {
      sku->memory_gib = ReadNumber<double>(value);
      page->unreadable_values += !sku->memory_gib.has_value();
    }
  }
  return {};
}

/// Zones by lower-case region.
Result<std::map<std::string, std::set<std::string>>> ReadZones(const dom::object& object) {
  std::map<std::string, std::set<std::string>> zones;
  ASSIGN_OR_RETURN(const auto infos, ReadArray(object, "locationInfo"));
  for (const dom::element& element : infos) {
    dom::object info;
    if (element.get(info) != simdjson::SUCCESS) return Corrupt("locationInfo: expected objects");
    ASSIGN_OR_RETURN(const std::string region, ReadText(info, "location"));
    ASSIGN_OR_RETURN(const auto names, ReadArray(info, "zones"));
    for (const dom::element& name : names) {
      std::string_view zone;
      if (name.get(zone) != simdjson::SUCCESS) return Corrupt("zones: expected texts");
      zones[ToLower(region)].insert(std::string(zone));
    }
  }
  return zones;
}

Status ReadMachine(const dom::object& object, ResourceSkusPage* page) {
  ResourceSku sku;
  ASSIGN_OR_RETURN(sku.sku, ReadText(object, "name"));
  ASSIGN_OR_RETURN(sku.family, ReadOptionalText(object, "family"));
  RETURN_IF_ERROR(ReadCapabilities(object, &sku, page));
  ASSIGN_OR_RETURN(const auto zones, ReadZones(object));
  ASSIGN_OR_RETURN(const auto locations, ReadArray(object, "locations"));
  for (const dom::element& element : locations) {
    std::string_view location;
    if (element.get(location) != simdjson::SUCCESS) return Corrupt("locations: expected texts");
    ResourceSku& row = page->rows.emplace_back(sku);
    row.region = ToLower(location);
    if (const auto found = zones.find(row.region); found != zones.end())
      row.zones = fmt::format("{}", fmt::join(found->second, ","));
  }
  return {};
}

}  // namespace

Result<ResourceSkusPage> ParseResourceSkusPage(std::string_view body) {
  dom::parser parser;
  dom::object root;
  if (parser.parse(body.data(), body.size()).get(root) != simdjson::SUCCESS)
    return Corrupt("not a JSON object");
  dom::array value;
  if (root["value"].get(value) != simdjson::SUCCESS) return Corrupt("no array `value`");
  ResourceSkusPage page;
  size_t entry = 0;
  for (const dom::element element : value) {
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS)
      return Corrupt("entry {}: expected an object", entry);
    ASSIGN_OR_RETURN(const std::string type, ReadText(object, "resourceType"), "entry {}", entry);
    if (ToLower(type) == "virtualmachines") {
      RETURN_IF_ERROR(ReadMachine(object, &page), "entry {}", entry);
    } else {
      ++page.other_resources;
    }
    ++entry;
  }
  ASSIGN_OR_RETURN(const auto next, ReadOptionalText(root, "nextLink"));
  page.next_link = next.value_or("");
  return page;
}

int64_t MakeSkusUnique(std::vector<ResourceSku>& rows) {
  struct Keyed {
    std::string key;
    ResourceSku row;
  };
  std::vector<Keyed> keyed;
  keyed.reserve(rows.size());
  for (ResourceSku& row : rows) {
    std::string key = ToLower(row.sku) + '\n' + row.region;
    keyed.push_back({std::move(key), std::move(row)});
  }
  std::sort(keyed.begin(), keyed.end(), [](const Keyed& a, const Keyed& b) {
    return std::tie(a.key, a.row.sku, a.row.family, a.row.vcpus, a.row.memory_gib, a.row.zones) <
           std::tie(b.key, b.row.sku, b.row.family, b.row.vcpus, b.row.memory_gib, b.row.zones);
  });
  const auto end = std::unique(keyed.begin(), keyed.end(),
                               [](const Keyed& a, const Keyed& b) { return a.key == b.key; });
  const int64_t dropped = keyed.end() - end;
  rows.clear();
  for (auto kept = keyed.begin(); kept != end; ++kept) rows.push_back(std::move(kept->row));
  return dropped;
}

}  // namespace catchment::sources::azure
