#include "stac/conformance.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <fmt/ranges.h>
#include <parquet/column_page.h>
#include <parquet/column_reader.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/page_index.h>
#include <parquet/schema.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "stac/geometry.h"
#include "stac/hilbert.h"
#include "stac/item_json.h"
#include "stac/item_key.h"
#include "stac/item_sort.h"
#include "stac/leaf_storage_internal.h"

namespace catchment::stac {
namespace {

using CheckJson = nlohmann::json;

/// Faults of one check; the first few are told.
class Faults {
 public:
  explicit Faults(std::string check) : check_(std::move(check)) {}
  template <typename... Args>
  void Add(fmt::format_string<Args...> text, Args&&... args) {
    if (count_++ < 3) {
      if (!first_.empty()) first_ += "; ";
      first_ += fmt::format(text, std::forward<Args>(args)...);
    }
  }
  bool any() const { return count_ > 0; }
  /// `counted` is told if there is no fault.
  Finding Done(std::string counted = {}) const {
    if (count_ == 0) return {.check = check_, .ok = true, .detail = std::move(counted)};
    std::string detail = first_;
    if (count_ > 3) detail += fmt::format("; and {} more", count_ - 3);
    return {.check = check_, .ok = false, .detail = std::move(detail)};
  }

 private:
  std::string check_;
  std::string first_;
  int64_t count_ = 0;
};

constexpr const char* kSides2d[] = {"xmin", "ymin", "xmax", "ymax"};
constexpr const char* kSides3d[] = {"xmin", "ymin", "zmin", "xmax", "ymax", "zmax"};

CheckJson ParseKey(const ItemFileReader& reader, const char* key) {
  const std::string* const text = reader.Metadata(key);
  return text == nullptr ? CheckJson(nullptr)
                         : CheckJson::parse(*text, nullptr, /*allow_exceptions=*/false);
}

/// What is remembered of each row: 64 bytes and the id.
struct CheckedRow {
  double xmin = 0, ymin = 0, xmax = 0, ymax = 0;
  int64_t datetime = kNoDatetime;
  uint32_t place = kNowhere;
  bool has_box = false;
};

/// Statistics of a group that boxes and times are pruned by.
struct GroupRange {
  int64_t begin = 0, end = 0;  ///< rows
  std::optional<std::pair<double, double>> sides[4];
  std::optional<std::pair<int64_t, int64_t>> datetime;
};

/// Values of a page or a chunk in Parquet's plain encoding: least, greatest, and nulls.
struct Extremes {
  std::optional<std::string> min, max;
  int64_t nulls = 0;
};

template <typename Value>
std::string PlainBytes(const Value& value) {
  if constexpr (std::is_same_v<Value, std::string_view>) {
    return std::string(value);
  } else {
    return {reinterpret_cast<const char*>(&value), sizeof value};
  }
}

template <typename Value, typename Get>
Extremes ExtremesOf(int64_t begin, int64_t end, const std::function<bool(int64_t)>& is_null,
                    const Get& get) {
  Extremes found;
  std::optional<Value> least, greatest;
  for (int64_t row = begin; row < end; ++row) {
    if (is_null(row)) {
      ++found.nulls;
      continue;
    }
    const Value value = get(row);
    if constexpr (std::is_same_v<Value, double>) {
      if (value != value) continue;
    }
    if (!least || value < *least) least = value;
    if (!greatest || *greatest < value) greatest = value;
  }
  if (least) found.min = PlainBytes(*least);
  if (greatest) found.max = PlainBytes(*greatest);
  return found;
}

bool SameValue(const std::string& stored, const std::string& computed, ColumnKind kind) {
  if (kind != ColumnKind::kDouble) return stored == computed;
  if (stored.size() != sizeof(double) || computed.size() != sizeof(double)) return false;
  double a = 0;
  double b = 0;
  std::memcpy(&a, stored.data(), sizeof a);
  std::memcpy(&b, computed.data(), sizeof b);
  return a == b;  // zero has two forms
}

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
  const std::vector<ItemLeaf>& leaves() const { return leaves_; }

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
    for (const char* const side : kSides2d) {
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
              : std::vector<std::string>(std::begin(kSides2d), std::end(kSides2d));
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

/// All rows, group by group.
class RowCheck {
 public:
  RowCheck(ItemFileReader& reader, const std::vector<ItemLeaf>& leaves,
           const ConformanceOptions& options)
      : reader_(reader), leaves_(leaves), options_(options) {}

  Status Run(std::vector<Finding>& findings) {
    const auto rows = static_cast<size_t>(reader_.rows());
    rows_.reserve(rows);
    for (int group = 0; group < reader_.groups(); ++group) {
      if (options_.stop.stop_requested()) return Cancelled("stopped while checking");
      ASSIGN_OR_RETURN(const auto batch, reader_.ReadGroup(group));
      RETURN_IF_ERROR(Group(group, *batch));
    }
    findings.push_back(presence_.Done());
    findings.push_back(contains_.Done());
    findings.push_back(GeoTypes());
    findings.push_back(GeoBox());
    findings.push_back(Collections());
    findings.push_back(ids_.Done(fmt::format("{} ids", seen_ids_.size())));
    findings.push_back(Order());
    findings.push_back(extremes_.Done(fmt::format("{} compared", compared_)));
    findings.push_back(Pruning());
    return {};
  }

 private:
  Status Group(int group, const arrow::RecordBatch& batch) {
    GroupRange range{.begin = static_cast<int64_t>(rows_.size()),
                     .end = static_cast<int64_t>(rows_.size()) + batch.num_rows()};
    RETURN_IF_ERROR(Rows(batch));
    RETURN_IF_ERROR(GroupExtremes(group, batch, range));
    ranges_.push_back(range);
    return {};
  }

  Status Rows(const arrow::RecordBatch& batch) {
    const auto geometry =
        std::dynamic_pointer_cast<arrow::BinaryArray>(batch.GetColumnByName("geometry"));
    const auto box = std::dynamic_pointer_cast<arrow::StructArray>(batch.GetColumnByName("bbox"));
    const auto id = std::dynamic_pointer_cast<arrow::StringArray>(batch.GetColumnByName("id"));
    const auto datetime =
        std::dynamic_pointer_cast<arrow::TimestampArray>(batch.GetColumnByName("datetime"));
    const auto collection =
        std::dynamic_pointer_cast<arrow::StringArray>(batch.GetColumnByName("collection"));
    if (geometry == nullptr || box == nullptr || id == nullptr)
      return Corrupt("{}: id, geometry or bbox is missing or of another type", reader_.name());
    std::shared_ptr<arrow::DoubleArray> sides[4];
    for (size_t i = 0; i < 4; ++i) {
      sides[i] = std::dynamic_pointer_cast<arrow::DoubleArray>(box->GetFieldByName(kSides2d[i]));
      if (sides[i] == nullptr)
        return Corrupt("{}: bbox.{} is missing or no double", reader_.name(), kSides2d[i]);
    }
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      CheckedRow checked;
      const std::string_view name = id->GetView(row);
      if (!seen_ids_.emplace(name).second) ids_.Add("{} stands twice", name);
      if (collection != nullptr && collection->IsValid(row))
        seen_collections_.emplace(collection->GetView(row));
      if (datetime != nullptr && datetime->IsValid(row)) checked.datetime = datetime->Value(row);
      checked.has_box = box->IsValid(row);
      if (checked.has_box != geometry->IsValid(row))
        presence_.Add("{} has one without the other", name);
      if (checked.has_box) {
        checked.xmin = sides[0]->Value(row);
        checked.ymin = sides[1]->Value(row);
        checked.xmax = sides[2]->Value(row);
        checked.ymax = sides[3]->Value(row);
        checked.place =
            HilbertIndexOfItem(name, checked.xmin, checked.ymin, checked.xmax, checked.ymax);
      }
      if (geometry->IsValid(row)) Geometry(name, geometry->GetView(row), checked);
      order_.Add(*this, checked, name);
      rows_.push_back(checked);
    }
    return {};
  }

  void Geometry(std::string_view id, std::string_view wkb, const CheckedRow& row) {
    const auto facts = ReadWkb(wkb);
    if (!facts.ok()) return contains_.Add("{}: {}", id, facts.error().message);
    types_.insert(GeometryTypeName(facts->type));
    if (!row.has_box) return;
    Box box;
    box.xmin = row.xmin;
    box.ymin = row.ymin;
    box.xmax = row.xmax;
    box.ymax = row.ymax;
    Box all = box;
    if (box.xmin > box.xmax) {  // across the antimeridian: the geometry lies on both sides
      all.xmin = -180;
      all.xmax = 180;
    }
    if (!facts->box.empty() && !all.Contains(facts->box))
      contains_.Add("{}: the geometry reaches beyond its bbox", id);
    box_.Add(all);
  }

  /// Min and max of each leaf that has statistics, of the chunk and of its pages.
  Status GroupExtremes(int group, const arrow::RecordBatch& batch, GroupRange& range) {
    const auto metadata = reader_.parquet().metadata()->RowGroup(group);
    const auto index = reader_.parquet().GetPageIndexReader();
    const auto group_index = index == nullptr ? nullptr : index->RowGroup(group);
    for (size_t leaf = 0; leaf < leaves_.size(); ++leaf) {
      const auto chunk = metadata->ColumnChunk(static_cast<int>(leaf));
      if (!chunk->is_stats_set()) continue;
      const auto statistics = chunk->statistics();
      const ItemLeaf& checked = leaves_[leaf];
      const auto column = batch.GetColumnByName(checked.root->name);
      const auto computed = ExtremesOfLeaf(checked, column, 0, batch.num_rows());
      if (!computed) continue;
      const std::string path = chunk->path_in_schema()->ToDotString();
      const std::string where = fmt::format("{} in group {}", path, group);
      Compare(where, checked.node->kind, *computed,
              statistics->HasMinMax() ? std::optional(statistics->EncodeMin()) : std::nullopt,
              statistics->HasMinMax() ? std::optional(statistics->EncodeMax()) : std::nullopt,
              statistics->null_count());
      KeepRange(path, *statistics, range);
      if (group_index == nullptr) continue;
      const auto column_index = group_index->GetColumnIndex(static_cast<int>(leaf));
      const auto offset_index = group_index->GetOffsetIndex(static_cast<int>(leaf));
      if (column_index == nullptr || offset_index == nullptr) continue;
      const auto& pages = offset_index->page_locations();
      for (size_t page = 0; page < pages.size(); ++page) {
        const int64_t end =
            page + 1 < pages.size() ? pages[page + 1].first_row_index : batch.num_rows();
        const auto of_page = ExtremesOfLeaf(checked, column, pages[page].first_row_index, end);
        const bool null_page = column_index->null_pages()[page];
        Compare(
            fmt::format("{} page {}", where, page), checked.node->kind, *of_page,
            null_page ? std::nullopt : std::optional(column_index->encoded_min_values()[page]),
            null_page ? std::nullopt : std::optional(column_index->encoded_max_values()[page]),
            column_index->has_null_counts() ? column_index->null_counts()[page] : of_page->nulls);
      }
    }
    return {};
  }

  static std::optional<Extremes> ExtremesOfLeaf(const ItemLeaf& leaf,
                                                std::shared_ptr<arrow::Array> array, int64_t begin,
                                                int64_t end) {
    std::vector<std::shared_ptr<arrow::Array>> way = {array};
    for (const int member : leaf.path) {
      if (array->type_id() != arrow::Type::STRUCT) return std::nullopt;
      array = static_cast<const arrow::StructArray&>(*array).field(member);
      way.push_back(array);
    }
    const std::function<bool(int64_t)> is_null = [&way](int64_t row) {
      return std::ranges::any_of(way, [&](const auto& one) { return one->IsNull(row); });
    };
    switch (array->type_id()) {
      case arrow::Type::DOUBLE:
        return ExtremesOf<double>(begin, end, is_null, [&](int64_t row) {
          return static_cast<const arrow::DoubleArray&>(*array).Value(row);
        });
      case arrow::Type::INT64:
        return ExtremesOf<int64_t>(begin, end, is_null, [&](int64_t row) {
          return static_cast<const arrow::Int64Array&>(*array).Value(row);
        });
      case arrow::Type::TIMESTAMP:
        return ExtremesOf<int64_t>(begin, end, is_null, [&](int64_t row) {
          return static_cast<const arrow::TimestampArray&>(*array).Value(row);
        });
      case arrow::Type::STRING:
        return ExtremesOf<std::string_view>(begin, end, is_null, [&](int64_t row) {
          return static_cast<const arrow::StringArray&>(*array).GetView(row);
        });
      default:
        return std::nullopt;
    }
  }

  void Compare(const std::string& where, ColumnKind kind, const Extremes& computed,
               const std::optional<std::string>& min, const std::optional<std::string>& max,
               int64_t nulls) {
    ++compared_;
    if (min.has_value() != computed.min.has_value()) {
      return extremes_.Add("{}: {}", where,
                           min.has_value() ? "a minimum of nulls alone" : "no minimum is stored");
    }
    if (min && !SameValue(*min, *computed.min, kind))
      extremes_.Add("{}: another minimum is stored", where);
    if (max && computed.max && !SameValue(*max, *computed.max, kind))
      extremes_.Add("{}: another maximum is stored", where);
    if (nulls != computed.nulls)
      extremes_.Add("{}: {} nulls are stored, there are {}", where, nulls, computed.nulls);
  }

  static void KeepRange(const std::string& path, const parquet::Statistics& statistics,
                        GroupRange& range) {
    if (!statistics.HasMinMax()) return;
    for (size_t i = 0; i < 4; ++i) {
      if (path != std::string("bbox.") + kSides2d[i]) continue;
      const auto& sides = static_cast<const parquet::DoubleStatistics&>(statistics);
      range.sides[i] = {sides.min(), sides.max()};
    }
    if (path == "datetime") {
      const auto& times = static_cast<const parquet::Int64Statistics&>(statistics);
      range.datetime = {times.min(), times.max()};
    }
  }

  CheckJson GeometryMetadata() const {
    const CheckJson geo = ParseKey(reader_, "geo");
    const CheckJson::json_pointer pointer("/columns/geometry");
    return geo.is_object() && geo.contains(pointer) ? geo[pointer] : CheckJson::object();
  }

  Finding GeoTypes() const {
    Faults faults("geo: geometry_types are exactly those present");
    std::set<std::string> stored;
    const CheckJson types = GeometryMetadata().value("geometry_types", CheckJson::array());
    for (const CheckJson& type : types) {
      if (type.is_string() && !stored.insert(type.get<std::string>()).second)
        faults.Add("{} stands twice", type.get<std::string>());
    }
    if (stored != types_) {
      faults.Add("[{}] is stored, there are [{}]", fmt::join(stored, ", "),
                 fmt::join(types_, ", "));
    }
    return faults.Done(fmt::format("{}", fmt::join(types_, ", ")));
  }

  Finding GeoBox() const {
    Faults faults("geo: bbox is that of all rows");
    const CheckJson box = GeometryMetadata().value("bbox", CheckJson());
    if (box_.empty()) {
      if (!box.is_null()) faults.Add("there is one, but no row has a geometry");
      return faults.Done();
    }
    const size_t half = box.is_array() ? box.size() / 2 : 0;
    const bool shaped = box.is_array() && (box.size() == 4 || box.size() == 6) &&
                        std::ranges::all_of(box, [](const CheckJson& n) { return n.is_number(); });
    if (!shaped) {
      faults.Add("it has not four or six numbers");
    } else if (box[0].get<double>() != box_.xmin || box[1].get<double>() != box_.ymin ||
               box[half].get<double>() != box_.xmax || box[half + 1].get<double>() != box_.ymax) {
      faults.Add("stored is {}, the rows have [{},{},{},{}]", box.dump(), box_.xmin, box_.ymin,
                 box_.xmax, box_.ymax);
    }
    return faults.Done();
  }

  Finding Collections() const {
    Faults faults("stac-geoparquet: collections are those of column collection");
    const CheckJson key = ParseKey(reader_, "stac-geoparquet");
    const CheckJson collections =
        key.is_object() ? key.value("collections", CheckJson()) : CheckJson();
    if (collections.is_object() && reader_.rows() > 0) {
      for (const auto& [id, document] : collections.items()) {
        if (!seen_collections_.contains(id)) faults.Add("no row is of collection {}", id);
      }
    }
    return faults.Done(fmt::format("{} in the rows", seen_collections_.size()));
  }

  /// Compares each row with the one before it.
  class OrderCheck {
   public:
    void Add(const RowCheck& check, const CheckedRow& row, std::string_view id) {
      const auto& facts = check.reader_.facts();
      const std::string order = facts ? facts->order : "";
      if (any_) {
        const auto before = std::tie(place_, datetime_, id_);
        const std::string now_id(id);
        const auto now = std::tie(row.place, row.datetime, now_id);
        if (order == "hilbert14,datetime,id" && now < before) faults_.Add("{} after {}", id, id_);
        if (order == "datetime,id" && std::tie(row.datetime, now_id) < std::tie(datetime_, id_))
          faults_.Add("{} after {}", id, id_);
      }
      any_ = true;
      place_ = row.place;
      datetime_ = row.datetime;
      id_ = id;
    }
    Finding Done(const std::string& order) const { return faults_.Done(order); }

   private:
    Faults faults_{"order: as the footer says"};
    bool any_ = false;
    uint32_t place_ = 0;
    int64_t datetime_ = 0;
    std::string id_;
  };

  Finding Order() const {
    return order_.Done(reader_.facts() ? reader_.facts()->order : "none is named");
  }

  /// Boxes and time ranges over groups that statistics leave, and over all rows.
  Finding Pruning() const {
    Faults faults("queries: with statistics as without");
    std::mt19937_64 random(options_.seed);
    std::uniform_real_distribution<double> unit(0, 1);
    int64_t read = 0;
    int64_t all = 0;
    for (int i = 0; i < options_.queries && !rows_.empty(); ++i) {
      // Around a row, so that most queries find something.
      const CheckedRow& near = rows_[random() % rows_.size()];
      const double size = i % 2 == 0 ? 1 : 5;
      const double west = near.xmin - size * unit(random);
      const double south = near.ymin - size * unit(random);
      const bool timed = i % 3 == 0 && near.datetime != kNoDatetime;
      const int64_t from = timed ? near.datetime - int64_t{43'200'000'000} : INT64_MIN;
      const int64_t to = timed ? near.datetime + int64_t{43'200'000'000} : INT64_MAX;
      int64_t pruned = 0;
      int64_t unpruned = 0;
      for (const GroupRange& group : ranges_) {
        const bool kept = Keeps(group, west, south, west + size, south + size, timed, from, to);
        int64_t found = 0;
        for (int64_t row = group.begin; row < group.end; ++row) {
          const CheckedRow& r = rows_[static_cast<size_t>(row)];
          if (r.has_box && r.xmin <= west + size && r.xmax >= west && r.ymin <= south + size &&
              r.ymax >= south && (!timed || (r.datetime >= from && r.datetime <= to)))
            ++found;
        }
        unpruned += found;
        pruned += kept ? found : 0;
        read += kept ? group.end - group.begin : 0;
        all += group.end - group.begin;
      }
      if (pruned != unpruned)
        faults.Add("a box at {},{} finds {} rows, of {}", west, south, pruned, unpruned);
    }
    return faults.Done(
        all == 0 ? std::string("no rows")
                 : fmt::format("{} queries read {:.1f} % of the rows", options_.queries,
                               100.0 * static_cast<double>(read) / static_cast<double>(all)));
  }

  static bool Keeps(const GroupRange& group, double west, double south, double east, double north,
                    bool timed, int64_t from, int64_t to) {
    const auto& sides = group.sides;
    if (!sides[0] || !sides[1] || !sides[2] || !sides[3]) return false;  // no row has a box
    const bool in_box = sides[0]->first <= east && sides[2]->second >= west &&
                        sides[1]->first <= north && sides[3]->second >= south;
    const bool in_time =
        !timed || (group.datetime && group.datetime->first <= to && group.datetime->second >= from);
    return in_box && in_time;
  }

  ItemFileReader& reader_;
  const std::vector<ItemLeaf>& leaves_;
  const ConformanceOptions& options_;
  std::vector<CheckedRow> rows_;
  std::vector<GroupRange> ranges_;
  std::unordered_set<std::string> seen_ids_;
  std::set<std::string, std::less<>> seen_collections_;
  std::set<std::string> types_;
  Box box_;
  int64_t compared_ = 0;
  OrderCheck order_;
  Faults presence_{"bbox: there if and only if the geometry is"};
  Faults contains_{"bbox: contains the geometry, which is WKB"};
  Faults ids_{"id: one row an item"};
  Faults extremes_{"statistics: every minimum, maximum and null count computed anew"};
};

}  // namespace

Result<std::vector<Finding>> CheckItemFile(ItemFileReader& reader,
                                           const ConformanceOptions& options) {
  std::vector<Finding> findings;
  try {
    FooterCheck footer(reader);
    footer.Run(findings);
    RowCheck rows(reader, footer.leaves(), options);
    RETURN_IF_ERROR(rows.Run(findings));
  } catch (const std::exception& exception) {  // parquet::ParquetException, nlohmann's
    return Corrupt("{}: {}", reader.name(), exception.what());
  }
  return findings;
}

Result<RoundTrip> CompareWithInputs(ItemFileReader& reader, ItemBodies& bodies,
                                    const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const ItemIndex index, IndexItems(bodies));
  std::unordered_multimap<std::string_view, uint32_t> by_id;
  by_id.reserve(index.entries.size());
  for (uint32_t i = 0; i < index.entries.size(); ++i) by_id.emplace(index.entries[i].id, i);
  RoundTrip result{.items = static_cast<int64_t>(index.entries.size())};
  const auto example = [&](std::string text) {
    if (result.examples.size() < 10) result.examples.push_back(std::move(text));
  };
  ItemJson writer(reader.schema());
  std::string item;
  std::string body;
  std::unordered_set<std::string_view> found_ids;
  for (int group = 0; group < reader.groups(); ++group) {
    if (stop.stop_requested()) return Cancelled("stopped while comparing items");
    ASSIGN_OR_RETURN(const auto batch, reader.ReadGroup(group));
    RETURN_IF_ERROR(writer.Open(batch));
    const auto ids = std::dynamic_pointer_cast<arrow::StringArray>(batch->GetColumnByName("id"));
    if (ids == nullptr) return Corrupt("{}: no column id of text", reader.name());
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      const std::string_view id = ids->GetView(row);
      const auto [first, last] = by_id.equal_range(id);
      if (first == last) {
        ++result.surplus;
        example(fmt::format("{} is in no input", id));
        continue;
      }
      found_ids.insert(first->first);
      item.clear();
      RETURN_IF_ERROR(writer.Append(row, item), "{}", id);
      bool equal = false;
      std::string difference;
      for (auto candidate = first; candidate != last && !equal; ++candidate) {
        const ItemEntry& entry = index.entries[candidate->second];
        RETURN_IF_ERROR(bodies.Read(entry.body, body));
        ASSIGN_OR_RETURN(equal, EqualByValue(item, body, &difference));
      }
      ++(equal ? result.equal : result.differ);
      if (!equal) example(fmt::format("{} differs at {}", id, difference));
    }
  }
  for (const ItemEntry& entry : index.entries) {
    if (!entry.id.empty() && found_ids.contains(entry.id)) continue;
    ++result.missing;
    example(fmt::format("{}{} line {} is not in the file", entry.id, entry.id.empty() ? "" : ",",
                        entry.body.line));
  }
  return result;
}

}  // namespace catchment::stac
