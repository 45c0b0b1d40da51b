#include <parquet/column_page.h>
#include <parquet/column_reader.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/schema.h>

#include <algorithm>
#include <set>

#include "stac/conformance_internal.h"

namespace catchment::stac {
namespace {

constexpr const char* kSides3d[] = {"xmin", "ymin", "zmin", "xmax", "ymax", "zmax"};

/// The footer's metadata, without a row being read.
class FooterCheck {
 public:
  explicit FooterCheck(const ItemFileReader& reader)
      : reader_(reader),
        metadata_(*reader.parquet().metadata()),
        leaves_(LeavesOf(reader.schema())) {}

  void Run(std::vector<Finding>& findings) {
    findings.push_back(Geo());
    findings.push_back(GeometryColumn());
    findings.push_back(BoxColumn());
    findings.push_back(StacKey());
    findings.push_back(Columns());
    findings.push_back(Times());
    findings.push_back(Geometries());
    findings.push_back(ListsAndIds());
    findings.push_back(Format());
    findings.push_back(Groups());
    findings.push_back(Encodings());
    findings.push_back(Statistics());
    findings.push_back(Facts());
  }

 private:
  const parquet::schema::Node* Root(const std::string& name) const {
    const auto* const root = metadata_.schema()->group_node();
    const int index = root->FieldIndex(name);
    return index < 0 ? nullptr : root->field(index).get();
  }

  Finding Geo() const {
    Faults faults("geo: GeoParquet 1.1.0 metadata");
    const CheckJson geo = ParseKey(reader_, "geo");
    if (!geo.is_object()) {
      faults.Add("the footer has no key \"geo\" with a JSON object");
      return faults.Done();
    }
    if (geo.value("version", "") != "1.1.0") faults.Add("version is not 1.1.0");
    if (geo.value("primary_column", "") != "geometry") faults.Add("primary_column is not geometry");
    const CheckJson column =
        geo.value("columns", CheckJson::object()).value("geometry", CheckJson());
    if (!column.is_object()) {
      faults.Add("columns.geometry is missing");
      return faults.Done();
    }
    if (column.value("encoding", "") != "WKB") faults.Add("encoding is not WKB");
    for (const char* const absent : {"crs", "orientation", "edges"}) {
      if (column.contains(absent)) faults.Add("{} is there", absent);
    }
    for (const char* const side : kBoxSides) {
      const CheckJson::json_pointer pointer("/covering/bbox/" + std::string(side));
      if (!column.contains(pointer) || column[pointer] != CheckJson({"bbox", side}))
        faults.Add("covering.bbox.{} is not [\"bbox\",\"{}\"]", side, side);
    }
    const CheckJson types = column.value("geometry_types", CheckJson());
    if (!types.is_array()) faults.Add("geometry_types is missing");
    return faults.Done();
  }

  Finding GeometryColumn() const {
    Faults faults("geometry: optional WKB at the root, without annotation");
    const auto* const node = Root("geometry");
    if (node == nullptr || !node->is_primitive()) {
      faults.Add("there is no such column");
      return faults.Done();
    }
    const auto& leaf = static_cast<const parquet::schema::PrimitiveNode&>(*node);
    if (!node->is_optional()) faults.Add("it is not optional");
    if (leaf.physical_type() != parquet::Type::BYTE_ARRAY) faults.Add("it is not BYTE_ARRAY");
    if (node->logical_type() != nullptr && !node->logical_type()->is_none())
      faults.Add("it is annotated {}", node->logical_type()->ToString());
    return faults.Done();
  }

  Finding BoxColumn() const {
    Faults faults("bbox: a group of required doubles in order");
    const auto* const node = Root("bbox");
    if (node == nullptr || !node->is_group()) {
      faults.Add("there is no such group");
      return faults.Done();
    }
    const auto* const geometry = Root("geometry");
    if (geometry != nullptr && geometry->repetition() != node->repetition())
      faults.Add("its repetition is not the geometry's");
    const auto& box = static_cast<const parquet::schema::GroupNode&>(*node);
    const bool is_3d = box.field_count() == 6;
    const std::vector<std::string> sides =
        is_3d ? std::vector<std::string>(std::begin(kSides3d), std::end(kSides3d))
              : std::vector<std::string>(std::begin(kBoxSides), std::end(kBoxSides));
    if (box.field_count() != static_cast<int>(sides.size())) {
      faults.Add("it has {} children", box.field_count());
      return faults.Done();
    }
    for (int i = 0; i < box.field_count(); ++i) {
      const auto child = box.field(i);
      const bool is_double =
          child->is_primitive() &&
          static_cast<const parquet::schema::PrimitiveNode&>(*child).physical_type() ==
              parquet::Type::DOUBLE;
      if (child->name() != sides[static_cast<size_t>(i)] || !is_double || !child->is_required())
        faults.Add("child {} is not a required double {}", child->name(),
                   sides[static_cast<size_t>(i)]);
    }
    return faults.Done();
  }

  Finding StacKey() const {
    Faults faults("stac-geoparquet: version 1.0.0 and collections");
    const CheckJson key = ParseKey(reader_, "stac-geoparquet");
    if (!key.is_object()) {
      faults.Add("the footer has no such key with a JSON object");
      return faults.Done();
    }
    if (key.value("version", "") != "1.0.0") faults.Add("version is not 1.0.0");
    if (key.contains("collection")) faults.Add("the deprecated key collection is there");
    const CheckJson collections = key.value("collections", CheckJson());
    if (!collections.is_object()) {
      faults.Add("collections is no object");
      return faults.Done();
    }
    for (const auto& [id, document] : collections.items()) {
      if (!document.is_object() || document.value("id", "") != id)
        faults.Add("collections.{} is no Collection of that id", id);
    }
    return faults.Done();
  }

  Finding Columns() const {
    Faults faults("columns: id, stac_extensions, geometry, bbox, links, assets");
    for (const char* const name :
         {"id", "stac_extensions", "geometry", "bbox", "links", "assets"}) {
      if (Root(name) == nullptr) faults.Add("{} is missing", name);
    }
    if (Root("properties") != nullptr) faults.Add("properties is a column");
    const ItemNode* const links = reader_.schema().Find("links");
    if (links != nullptr &&
        (links->kind != ColumnKind::kList || links->children[0].kind != ColumnKind::kStruct))
      faults.Add("links is no list of structs");
    return faults.Done();
  }

  Finding Times() const {
    Faults faults("times: TIMESTAMP(MICROS, UTC)");
    for (const ItemNode& column : reader_.schema().columns) {
      if (!IsTimeName(column.name)) continue;
      const auto* const node = Root(column.name);
      const auto type = node->logical_type();
      if (type == nullptr || !type->is_timestamp()) {
        faults.Add("{} is no timestamp", column.name);
        continue;
      }
      const auto& timestamp = static_cast<const parquet::TimestampLogicalType&>(*type);
      if (!timestamp.is_adjusted_to_utc() ||
          timestamp.time_unit() != parquet::LogicalType::TimeUnit::MICROS)
        faults.Add("{} is {}", column.name, type->ToString());
    }
    return faults.Done();
  }

  Finding Geometries() const {
    Faults faults("geo: every other geometry column, with \"crs\":null");
    const CheckJson geo = ParseKey(reader_, "geo");
    const CheckJson columns =
        geo.is_object() ? geo.value("columns", CheckJson::object()) : CheckJson::object();
    for (const auto& [name, column] : columns.items()) {
      if (name == "geometry") continue;
      if (Root(name) == nullptr) faults.Add("{} is no column", name);
      if (!column.is_object() || !column.contains("crs") || !column["crs"].is_null())
        faults.Add("{} has no \"crs\":null", name);
    }
    return faults.Done();
  }

  void NodeIds(const parquet::schema::Node& node, const std::string& path, bool is_middle,
               std::set<int32_t>& ids, Faults& faults) const {
    if (!is_middle && node.field_id() < 1) faults.Add("{} has no field id", path);
    if (!is_middle && node.field_id() >= 1 && !ids.insert(node.field_id()).second)
      faults.Add("field id {} stands twice", node.field_id());
    if (!node.is_group()) return;
    const auto& group = static_cast<const parquet::schema::GroupNode&>(node);
    const bool is_list = node.logical_type() != nullptr && node.logical_type()->is_list();
    for (int i = 0; i < group.field_count(); ++i) {
      const auto child = group.field(i);
      if (is_middle && child->name() != "element")
        faults.Add("the child of {} is named {}", path, child->name());
      NodeIds(*child, path + "." + child->name(), is_list, ids, faults);
    }
  }

  Finding ListsAndIds() const {
    Faults faults("schema: a field id on every node, list children named element");
    std::set<int32_t> ids;
    const auto* const root = metadata_.schema()->group_node();
    for (int i = 0; i < root->field_count(); ++i) {
      NodeIds(*root->field(i), root->field(i)->name(), /*is_middle=*/false, ids, faults);
    }
    return faults.Done(fmt::format("{} ids, {} leaves", ids.size(), metadata_.num_columns()));
  }

  Finding Format() const {
    Faults faults("parquet: format 2.6, data pages v1, zstd");
    if (metadata_.version() != parquet::ParquetVersion::PARQUET_2_6)
      faults.Add("the format is not 2.6");
    for (int group = 0; group < metadata_.num_row_groups(); ++group) {
      const auto row_group = metadata_.RowGroup(group);
      for (int leaf = 0; leaf < row_group->num_columns(); ++leaf) {
        const auto chunk = row_group->ColumnChunk(leaf);
        if (chunk->compression() != parquet::Compression::ZSTD)
          faults.Add("{} is not zstd", chunk->path_in_schema()->ToDotString());
      }
    }
    for (int leaf = 0; metadata_.num_row_groups() > 0 && leaf < metadata_.num_columns(); ++leaf) {
      const auto pages = reader_.parquet().RowGroup(0)->GetColumnPageReader(leaf);
      while (const auto page = pages->NextPage()) {
        if (page->type() == parquet::PageType::DATA_PAGE_V2)
          faults.Add("leaf {} has a data page v2", leaf);
      }
    }
    return faults.Done();
  }

  Finding Groups() const {
    Faults faults("row groups: of one size, but for the last");
    const int groups = metadata_.num_row_groups();
    const int64_t size = groups == 0 ? 0 : metadata_.RowGroup(0)->num_rows();
    for (int group = 1; group < groups; ++group) {
      const int64_t rows = metadata_.RowGroup(group)->num_rows();
      if (group + 1 < groups ? rows != size : rows > size)
        faults.Add("group {} has {} rows, the first {}", group, rows, size);
    }
    return faults.Done(
        fmt::format("{} of {} rows, footer {} bytes", groups, size, reader_.footer_bytes()));
  }

  Finding Encodings() const {
    Faults faults("encodings: as each leaf's kind asks");
    for (int group = 0; group < metadata_.num_row_groups(); ++group) {
      const auto row_group = metadata_.RowGroup(group);
      for (int leaf = 0; leaf < row_group->num_columns(); ++leaf) {
        const auto chunk = row_group->ColumnChunk(leaf);
        const auto& used = chunk->encodings();
        const auto wanted = StorageOfLeaf(leaves_[static_cast<size_t>(leaf)]).encoding;
        if (chunk->num_values() > 0 && std::ranges::find(used, wanted) == used.end())
          faults.Add("{} in group {} is not {}", chunk->path_in_schema()->ToDotString(), group,
                     parquet::EncodingToString(wanted));
      }
    }
    return faults.Done();
  }

  Finding Statistics() const {
    Faults faults("statistics, page index and bloom filter: where they help, nowhere else");
    for (int group = 0; group < metadata_.num_row_groups(); ++group) {
      const auto row_group = metadata_.RowGroup(group);
      for (int leaf = 0; leaf < row_group->num_columns(); ++leaf) {
        const LeafStorage storage = StorageOfLeaf(leaves_[static_cast<size_t>(leaf)]);
        const auto chunk = row_group->ColumnChunk(leaf);
        const std::string path = chunk->path_in_schema()->ToDotString();
        if (chunk->is_stats_set() != storage.statistics)
          faults.Add("{}: statistics {}", path, storage.statistics ? "are missing" : "are there");
        if (chunk->GetColumnIndexLocation().has_value() != storage.statistics)
          faults.Add("{}: page index {}", path, storage.statistics ? "is missing" : "is there");
        if (chunk->bloom_filter_offset().has_value() != storage.bloom_filter)
          faults.Add("{}: bloom filter {}", path, storage.bloom_filter ? "is missing" : "is there");
      }
    }
    return faults.Done();
  }

  Finding Facts() const {
    Faults faults("catchment: the footer's key names writer, order and rows");
    const auto& facts = reader_.facts();
    if (!facts) {
      faults.Add("the footer has no key \"catchment\"");
      return faults.Done();
    }
    if (facts->rows != metadata_.num_rows())
      faults.Add("it says {} rows, there are {}", facts->rows, metadata_.num_rows());
    if (facts->writer.empty()) faults.Add("writer is missing");
    return faults.Done("order " + facts->order);
  }

  const ItemFileReader& reader_;
  const parquet::FileMetaData& metadata_;
  const std::vector<ItemLeaf> leaves_;
};

}  // namespace

CheckJson ParseKey(const ItemFileReader& reader, const char* key) {
  const std::string* const text = reader.Metadata(key);
  return text == nullptr ? CheckJson(nullptr)
                         : CheckJson::parse(*text, nullptr, /*allow_exceptions=*/false);
}

void CheckFooter(const ItemFileReader& reader, std::vector<Finding>& findings) {
  FooterCheck(reader).Run(findings);
}

}  // namespace catchment::stac
