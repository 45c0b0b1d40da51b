#include "stac/geo_metadata.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

namespace catchment::stac {
namespace {

using FooterJson = nlohmann::ordered_json;

/// The code of little-endian WKB, from its first five bytes; 0 if there is none.
uint32_t WkbCode(std::string_view wkb) {
  if (wkb.size() < 5 || wkb[0] != 1) return 0;
  uint32_t code = 0;
  std::memcpy(&code, wkb.data() + 1, sizeof code);
  return code;
}

std::shared_ptr<arrow::DoubleArray> BoxMember(const arrow::StructArray& box, const char* name) {
  return std::static_pointer_cast<arrow::DoubleArray>(box.GetFieldByName(name));
}

FooterJson TypeNames(const std::set<uint32_t>& codes) {
  FooterJson names = FooterJson::array();
  for (const uint32_t code : codes) names.push_back(GeometryTypeName(code));
  return names;
}

}  // namespace

GeoSummary::GeoSummary(const ItemSchema& schema) : box_3d_(schema.box_3d()) {
  for (const ItemNode& node : schema.columns) {
    if (node.kind == ColumnKind::kGeometry) columns_[node.name];
  }
}

Status GeoSummary::Add(const arrow::RecordBatch& batch) {
  for (auto& [name, column] : columns_) {
    const auto values = std::static_pointer_cast<arrow::BinaryArray>(batch.GetColumnByName(name));
    if (values == nullptr) continue;
    for (int64_t row = 0; row < values->length(); ++row) {
      if (values->IsNull(row)) continue;
      const uint32_t code = WkbCode(values->GetView(row));
      if (GeometryTypeName(code).empty()) return Corrupt("column {}: no WKB in a row", name);
      column.types.insert(code);
    }
  }
  const auto boxes = std::static_pointer_cast<arrow::StructArray>(batch.GetColumnByName("bbox"));
  if (boxes == nullptr) return {};
  const auto xmin = BoxMember(*boxes, "xmin");
  const auto ymin = BoxMember(*boxes, "ymin");
  const auto xmax = BoxMember(*boxes, "xmax");
  const auto ymax = BoxMember(*boxes, "ymax");
  const auto zmin = box_3d_ ? BoxMember(*boxes, "zmin") : nullptr;
  const auto zmax = box_3d_ ? BoxMember(*boxes, "zmax") : nullptr;
  for (int64_t row = 0; row < boxes->length(); ++row) {
    if (boxes->IsNull(row)) continue;
    const bool crosses = xmin->Value(row) > xmax->Value(row);
    Box box;
    box.xmin = crosses ? -180 : xmin->Value(row);
    box.xmax = crosses ? 180 : xmax->Value(row);
    box.ymin = ymin->Value(row);
    box.ymax = ymax->Value(row);
    if (box_3d_) {
      box.zmin = zmin->Value(row);
      box.zmax = zmax->Value(row);
    }
    box_.Add(box);
  }
  return {};
}

void GeoSummary::Add(const GeoSummary& other) {
  for (const auto& [name, column] : other.columns_) {
    columns_[name].types.insert(column.types.begin(), column.types.end());
  }
  box_.Add(other.box_);
}

std::string GeoSummary::ToJson() const {
  FooterJson columns = FooterJson::object();
  for (const auto& [name, column] : columns_) {
    const bool primary = name == "geometry";
    if (!primary && column.types.empty()) continue;
    FooterJson entry = {{"encoding", "WKB"}, {"geometry_types", TypeNames(column.types)}};
    if (!primary) {
      entry["crs"] = nullptr;
    } else if (!box_.empty()) {
      entry["bbox"] = box_3d_ ? FooterJson::array({box_.xmin, box_.ymin, box_.zmin, box_.xmax,
                                                   box_.ymax, box_.zmax})
                              : FooterJson::array({box_.xmin, box_.ymin, box_.xmax, box_.ymax});
    }
    if (primary) {
      FooterJson covering = FooterJson::object();
      for (const char* const side : {"xmin", "ymin", "xmax", "ymax"}) {
        covering[side] = FooterJson::array({"bbox", side});
      }
      entry["covering"] = {{"bbox", std::move(covering)}};
    }
    columns[name] = std::move(entry);
  }
  return FooterJson{
      {"version", "1.1.0"}, {"primary_column", "geometry"}, {"columns", std::move(columns)}}
      .dump();
}

std::string StacGeoParquetJson(const std::map<std::string, std::string>& collections) {
  FooterJson documents = FooterJson::object();
  for (const auto& [id, text] : collections) {
    FooterJson document = FooterJson::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!document.is_discarded()) documents[id] = std::move(document);
  }
  return FooterJson{{"version", "1.0.0"}, {"collections", std::move(documents)}}.dump();
}

Result<std::map<std::string, std::string>> CollectionsOfJson(std::string_view json) {
  const FooterJson parsed = FooterJson::parse(json, nullptr, /*allow_exceptions=*/false);
  std::map<std::string, std::string> collections;
  const auto documents = parsed.is_object() ? parsed.find("collections") : parsed.end();
  if (!parsed.is_object())
    return Corrupt("the footer's key \"stac-geoparquet\" is not a JSON object");
  if (documents == parsed.end() || !documents->is_object()) return collections;
  for (const auto& [id, document] : documents->items()) collections[id] = document.dump();
  return collections;
}

std::string ItemFileFactsJson(const ItemFileFacts& facts) {
  FooterJson json = {{"writer", facts.writer}};
  if (!facts.dataset.empty()) json["dataset"] = facts.dataset;
  if (!facts.slot.empty()) json["slot"] = facts.slot;
  json["order"] = facts.order;
  json["rows"] = facts.rows;
  if (!facts.items_sha256.empty()) json["items_sha256"] = facts.items_sha256;
  json["added"] = facts.added;
  return json.dump();
}

Result<ItemFileFacts> ParseItemFileFacts(std::string_view json) {
  const FooterJson parsed = FooterJson::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return Corrupt("the footer's key \"catchment\" is not a JSON object");
  ItemFileFacts facts;
  const auto text = [&](const char* name, std::string& value) {
    const auto found = parsed.find(name);
    if (found != parsed.end() && found->is_string()) value = found->get<std::string>();
  };
  text("writer", facts.writer);
  text("dataset", facts.dataset);
  text("slot", facts.slot);
  text("order", facts.order);
  text("items_sha256", facts.items_sha256);
  const auto rows = parsed.find("rows");
  if (rows == parsed.end() || !rows->is_number_integer())
    return Corrupt("the footer's key \"catchment\" names no number of rows");
  facts.rows = rows->get<int64_t>();
  const auto added = parsed.find("added");
  if (added != parsed.end() && added->is_array()) {
    for (const FooterJson& name : *added) {
      if (name.is_string()) facts.added.push_back(name.get<std::string>());
    }
  }
  return facts;
}

}  // namespace catchment::stac
