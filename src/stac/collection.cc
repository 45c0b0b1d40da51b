#include "stac/collection.h"

#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/time.h"
#include "columnar/arrow_status.h"
#include "columnar/parquet_call.h"

namespace catchment::stac {
namespace {

using CollectionJson = nlohmann::ordered_json;

constexpr std::array<std::string_view, 3> kTimesOfItems = {"datetime", "start_datetime",
                                                           "end_datetime"};

void AddTimes(const parquet::FileMetaData& metadata, ItemExtent& extent) {
  for (int column = 0; column < metadata.num_columns(); ++column) {
    const std::string path = metadata.schema()->Column(column)->path()->ToDotString();
    if (std::find(kTimesOfItems.begin(), kTimesOfItems.end(), path) == kTimesOfItems.end())
      continue;
    if (metadata.schema()->Column(column)->physical_type() != parquet::Type::INT64) continue;
    for (int group = 0; group < metadata.num_row_groups(); ++group) {
      const auto statistics = metadata.RowGroup(group)->ColumnChunk(column)->statistics();
      if (statistics == nullptr || !statistics->HasMinMax()) continue;
      const auto& times = static_cast<const parquet::Int64Statistics&>(*statistics);
      extent.Add({.box = {}, .from_us = times.min(), .to_us = times.max()});
    }
  }
}

/// The file's own box; empty if it has none.
Box BoxOfFooter(const ItemFileReader& reader) {
  Box box;
  const std::string* const text = reader.Metadata("geo");
  if (text == nullptr) return box;
  const CollectionJson geo = CollectionJson::parse(*text, nullptr, /*allow_exceptions=*/false);
  const CollectionJson::json_pointer pointer("/columns/geometry/bbox");
  if (!geo.is_object() || !geo.contains(pointer)) return box;
  const CollectionJson& numbers = geo[pointer];
  const bool shaped =
      numbers.is_array() && (numbers.size() == 4 || numbers.size() == 6) &&
      std::all_of(numbers.begin(), numbers.end(), [](const auto& n) { return n.is_number(); });
  if (!shaped) return box;
  const size_t half = numbers.size() / 2;
  box.xmin = numbers[0].get<double>();
  box.ymin = numbers[1].get<double>();
  box.xmax = numbers[half].get<double>();
  box.ymax = numbers[half + 1].get<double>();
  return box;
}

CollectionJson TimeOrNull(const std::optional<int64_t>& microseconds) {
  if (!microseconds) return nullptr;
  return FormatTime(Time(std::chrono::microseconds(*microseconds)));
}

Status CheckCollection(const CollectionJson& document) {
  if (!document.is_object()) return Invalid("the Collection is not a JSON object");
  for (const char* const name : {"type", "stac_version", "id", "description", "license"}) {
    const auto found = document.find(name);
    if (found == document.end() || !found->is_string())
      return Invalid("the Collection has no text '{}'", name);
  }
  if (document["type"] != "Collection")
    return Invalid("the Collection's type is {}", document["type"].dump());
  if (document["stac_version"] != "1.0.0")
    return Invalid("the Collection's stac_version is {}, not 1.0.0",
                   document["stac_version"].dump());
  const auto links = document.find("links");
  if (links == document.end() || !links->is_array())
    return Invalid("the Collection has no list 'links'");
  const auto extent = document.find("extent");
  if (extent == document.end() || !extent->is_object())
    return Invalid("the Collection has no object 'extent'");
  const auto assets = document.find("assets");
  if (assets != document.end() && !assets->is_object())
    return Invalid("the Collection's 'assets' is not an object");
  return {};
}

}  // namespace

void ItemExtent::Add(const ItemExtent& other) {
  box.Add(other.box);
  if (other.from_us) from_us = std::min(from_us.value_or(*other.from_us), *other.from_us);
  if (other.to_us) to_us = std::max(to_us.value_or(*other.to_us), *other.to_us);
}

Result<CollectionText> ReadCollectionText(std::string_view text) {
  const auto document = CollectionJson::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto member = [&](const char* name) {
    const bool there = document.is_object() && document.contains(name);
    return there && document[name].is_string() ? document[name].get<std::string>() : std::string();
  };
  if (member("type") != "Collection" || member("id").empty())
    return Invalid("not a STAC Collection with an id");
  return CollectionText{member("id"), document.dump()};
}

Result<ItemExtent> ExtentOfFile(const ItemFileReader& reader) {
  ItemExtent extent;
  extent.box = BoxOfFooter(reader);
  const arrow::Status read = columnar::CallParquet([&] {
    AddTimes(*reader.parquet().metadata(), extent);
    return arrow::Status::OK();
  });
  if (!read.ok()) return Status(columnar::FromArrowReading(read)).WithContext(reader.name());
  return extent;
}

Result<std::string> DescribeCollection(const std::string& document, const ItemExtent& extent,
                                       const std::string& href) {
  CollectionJson collection = CollectionJson::parse(document, nullptr, /*allow_exceptions=*/false);
  RETURN_IF_ERROR(CheckCollection(collection));
  if (!extent.box.empty()) {
    const Box& box = extent.box;
    collection["extent"]["spatial"] = {
        {"bbox",
         CollectionJson::array({CollectionJson::array({box.xmin, box.ymin, box.xmax, box.ymax})})}};
  }
  if (extent.from_us || extent.to_us) {
    collection["extent"]["temporal"] = {
        {"interval", CollectionJson::array({CollectionJson::array(
                         {TimeOrNull(extent.from_us), TimeOrNull(extent.to_us)})})}};
  }
  if (!href.empty()) {
    collection["assets"]["items"] = {{"href", href},
                                     {"title", "Items as GeoParquet"},
                                     {"type", "application/vnd.apache.parquet"},
                                     {"roles", CollectionJson::array({"collection-mirror"})}};
  }
  return collection.dump(2) + "\n";
}

}  // namespace catchment::stac
