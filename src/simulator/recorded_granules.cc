#include "simulator/recorded_granules_internal.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/text.h"
#include "simulator/hls_text_internal.h"
#include "simulator/records_internal.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;

constexpr int64_t kFirstMadeNumber = 1'900'000'000;  // below all recorded ones

int64_t FloorMillis(Time time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

std::string Compact(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

// "lat lon lat lon …", its last point as its first.
Result<GeoRing> ReadPolygon(const std::string& text) {
  GeoRing ring;
  std::vector<double> numbers;
  for (const std::string& part : Split(text, ' ')) {
    double value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size()) {
      return Corrupt("'{}' in a polygon is no number", part);
    }
    numbers.push_back(value);
  }
  for (size_t i = 0; i + 3 < numbers.size(); i += 2) ring.push_back({numbers[i + 1], numbers[i]});
  return ring;
}

std::vector<GeoRing> RingsOfItem(const ordered_json& item) {
  std::vector<GeoRing> rings;
  for (const auto& polygon : item.at("geometry").at("coordinates")) {
    GeoRing& ring = rings.emplace_back();
    for (const auto& point : polygon.at(0)) {
      ring.push_back({point.at(0).get<double>(), point.at(1).get<double>()});
    }
    ring.pop_back();
  }
  return rings;
}

Result<size_t> ProductOf(std::string_view title) {
  for (size_t product = 0; product < kHlsProducts.size(); ++product) {
    const std::string start = fmt::format("HLS.{}.", kHlsProducts[product].sensor);
    if (title.starts_with(start) && title.size() == kHlsTitleLength) return product;
  }
  return Corrupt("'{}' is no title of a granule", title);
}

std::string WithItemFaults(const std::string& text, const ItemFaults& faults) {
  ordered_json item = ordered_json::parse(text);
  if (faults.wrong_type) item["properties"]["eo:cloud_cover"] = "some";
  if (faults.null_geometry) {
    item["geometry"] = nullptr;
    item.erase("bbox");
  }
  if (faults.other_id) item["id"] = item["id"].get<std::string>() + "-other";
  if (faults.new_property) item["properties"]["hls:quality"] = {{"score", 0.75}};
  if (faults.new_asset) item["assets"]["Shadow"] = item["assets"]["Fmask"];
  return Compact(item);
}

std::string WithEntryFaults(const std::string& text, const EntryFaults& faults) {
  ordered_json entry = ordered_json::parse(text);
  ordered_json links = ordered_json::array();
  for (ordered_json& link : entry["links"]) {
    auto href = link.value("href", "");
    const bool of_item = href.ends_with("_stac.json");
    if (of_item && faults.no_link) continue;
    const size_t public_part = href.find("/lp-prod-public/");
    if (of_item && faults.other_link && href.starts_with("https:") &&
        public_part != std::string::npos) {
      link["href"] = href.insert(public_part, "/v2");
    }
    links.push_back(std::move(link));
  }
  entry["links"] = std::move(links);
  return Compact(entry);
}

}  // namespace

RecordedGranules::Granule* RecordedGranules::Named(std::string_view title) {
  const auto found = by_title_.find(title);
  return found == by_title_.end() ? nullptr : &granules_[found->second];
}

Status RecordedGranules::AddEntry(const std::string& text) {
  const ordered_json entry = ordered_json::parse(text);
  const auto title = entry.at("title").get<std::string>();
  if (Named(title) != nullptr) return {};  // some searches were recorded more than once
  Granule granule;
  ASSIGN_OR_RETURN(granule.product, ProductOf(title));
  granule.title = title;
  granule.entry = text;
  ASSIGN_OR_RETURN(granule.start, ParseTime(entry.at("time_start").get<std::string>()));
  ASSIGN_OR_RETURN(granule.end, ParseTime(entry.at("time_end").get<std::string>()));
  ASSIGN_OR_RETURN(granule.updated, ParseTime(entry.at("updated").get<std::string>()));
  for (const auto& polygon : entry.at("polygons")) {
    ASSIGN_OR_RETURN(GeoRing ring, ReadPolygon(polygon.at(0).get<std::string>()));
    granule.rings.push_back(std::move(ring));
  }
  granule.key = {FloorMillis(granule.start),
                 std::stoll(entry.at("id").get<std::string>().substr(1))};
  by_title_[title] = granules_.size();
  granules_.push_back(std::move(granule));
  return {};
}

Status RecordedGranules::AddItem(const std::string& text) {
  const ordered_json item = ordered_json::parse(text);
  const auto title = item.at("id").get<std::string>();
  if (Granule* known = Named(title)) {
    if (known->item.empty()) known->item = text;
    return {};
  }
  const ordered_json& properties = item.at("properties");
  GranuleFacts facts;
  ASSIGN_OR_RETURN(facts.product, ProductOf(title));
  ASSIGN_OR_RETURN(facts.start, ParseTime(properties.at("start_datetime").get<std::string>()));
  ASSIGN_OR_RETURN(facts.end, ParseTime(properties.at("end_datetime").get<std::string>()));
  facts.title = title;
  facts.number = kFirstMadeNumber + static_cast<int64_t>(granules_.size());
  facts.updated = facts.start + std::chrono::days(2);
  facts.cloud_cover = properties.value("eo:cloud_cover", 0);
  facts.rings = RingsOfItem(item);
  Granule granule;
  HlsText().AppendEntry(facts, {}, granule.entry);
  granule.key = {FloorMillis(facts.start), facts.number};
  granule.product = facts.product;
  granule.title = title;
  granule.start = facts.start;
  granule.end = facts.end;
  granule.updated = facts.updated;
  granule.rings = std::move(facts.rings);
  granule.item = text;
  by_title_[title] = granules_.size();
  granules_.push_back(std::move(granule));
  return {};
}

Result<std::unique_ptr<RecordedGranules>> RecordedGranules::Load(const CmrWorld& world) {
  std::unique_ptr<RecordedGranules> granules(new RecordedGranules());
  // nlohmann-json throws at what is no such document.
  const auto reading = [&](const std::filesystem::path& file, auto take) -> Status {
    if (file.empty()) return {};
    ASSIGN_OR_RETURN(const std::string text, ReadDataFile(file));
    const auto guarded = [&](std::string_view line) -> Status {
      try {
        return take(std::string(line));
      } catch (const std::exception& problem) {
        return Corrupt("{}", problem.what());
      }
    };
    if (file.extension() != ".json") return ForEachLine(file, text, guarded);
    RETURN_IF_ERROR(guarded(Trim(text)), "{}", file.string());
    return {};
  };
  RETURN_IF_ERROR(reading(world.responses, [&](const std::string& line) -> Status {
    const ordered_json exchange = ordered_json::parse(line);
    for (const auto& entry : exchange.at("body").at("feed").at("entry")) {
      RETURN_IF_ERROR(granules->AddEntry(Compact(entry)));
    }
    return {};
  }));
  for (const std::filesystem::path& file : world.items) {
    RETURN_IF_ERROR(
        reading(file, [&](const std::string& line) { return granules->AddItem(line); }));
  }
  std::sort(granules->granules_.begin(), granules->granules_.end(),
            [](const Granule& a, const Granule& b) { return a.key < b.key; });
  for (size_t i = 0; i < granules->granules_.size(); ++i) {
    granules->by_title_[granules->granules_[i].title] = i;
  }
  return granules;
}

int64_t RecordedGranules::Find(const GranuleQuery& query, const std::optional<GranuleKey>& after,
                               size_t most, std::vector<GranuleHandle>& found) const {
  int64_t hits = 0;
  for (size_t i = 0; i < granules_.size(); ++i) {
    const Granule& granule = granules_[i];
    const auto in_box = [&](const GeoRing& ring) { return RingMeetsBox(ring, *query.box); };
    if (!query.products[granule.product] || granule.updated > query.now ||
        (query.from && FloorMillis(granule.end) < FloorMillis(*query.from)) ||
        (query.to && FloorMillis(granule.start) > FloorMillis(*query.to)) ||
        (query.updated_since && granule.updated < *query.updated_since) ||
        (query.box && std::none_of(granule.rings.begin(), granule.rings.end(), in_box))) {
      continue;
    }
    ++hits;
    if (found.size() >= most || (after && granule.key <= *after)) continue;
    found.push_back(
        {granule.key, static_cast<uint32_t>(granule.product), 0, static_cast<int32_t>(i)});
  }
  return hits;
}

void RecordedGranules::AppendEntry(const GranuleHandle& granule, Time, const EntryFaults& faults,
                                   std::string& to) const {
  const std::string& entry = granules_[static_cast<size_t>(granule.index)].entry;
  to += faults.no_link || faults.other_link ? WithEntryFaults(entry, faults) : entry;
}

std::optional<GranuleItem> RecordedGranules::Item(std::string_view title, Time now,
                                                  const ItemFaults& faults) const {
  const auto found = by_title_.find(title);
  if (found == by_title_.end()) return std::nullopt;
  const Granule& granule = granules_[found->second];
  if (granule.item.empty() || granule.updated > now) return std::nullopt;
  const bool changed = faults.wrong_type || faults.null_geometry || faults.other_id ||
                       faults.new_property || faults.new_asset;
  return GranuleItem{changed ? WithItemFaults(granule.item, faults) : granule.item,
                     fmt::format("\"{}\"", Sha256Hex(granule.item).substr(0, 32))};
}

}  // namespace catchment::simulator
