#include "stac/conformance.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "stac/conformance_internal.h"
#include "stac/geometry.h"
#include "stac/item_json.h"
#include "stac/item_sort.h"

namespace catchment::stac {
namespace {

/// All rows, group by group.
class RowCheck {
 public:
  RowCheck(ItemFileReader& reader, const ConformanceOptions& options)
      : reader_(reader), options_(options), statistics_(reader) {}

  Status Run(std::vector<Finding>& findings) {
    const auto rows = static_cast<size_t>(reader_.rows());
    rows_.reserve(rows);
    for (int group = 0; group < reader_.groups(); ++group) {
      if (options_.stop.stop_requested()) return Cancelled("stopped while checking");
      ASSIGN_OR_RETURN(const auto batch, reader_.ReadGroup(group));
      RETURN_IF_ERROR(Rows(*batch));
      statistics_.Compare(group, *batch);
    }
    findings.push_back(presence_.Done());
    findings.push_back(contains_.Done());
    findings.push_back(GeoTypes());
    findings.push_back(GeoBox());
    findings.push_back(Collections());
    findings.push_back(ids_.Done(fmt::format("{} ids", seen_ids_.size())));
    findings.push_back(Order());
    findings.push_back(statistics_.Compared());
    findings.push_back(statistics_.Pruning(rows_, options_));
    return {};
  }

 private:
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
      sides[i] = std::dynamic_pointer_cast<arrow::DoubleArray>(box->GetFieldByName(kBoxSides[i]));
      if (sides[i] == nullptr)
        return Corrupt("{}: bbox.{} is missing or no double", reader_.name(), kBoxSides[i]);
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

  ItemFileReader& reader_;
  const ConformanceOptions& options_;
  StatisticsCheck statistics_;
  std::vector<CheckedRow> rows_;
  std::unordered_set<std::string> seen_ids_;
  std::set<std::string, std::less<>> seen_collections_;
  std::set<std::string> types_;
  Box box_;
  OrderCheck order_;
  Faults presence_{"bbox: there if and only if the geometry is"};
  Faults contains_{"bbox: contains the geometry, which is WKB"};
  Faults ids_{"id: one row an item"};
};

}  // namespace

Result<std::vector<Finding>> CheckItemFile(ItemFileReader& reader,
                                           const ConformanceOptions& options) {
  std::vector<Finding> findings;
  try {
    CheckFooter(reader, findings);
    RETURN_IF_ERROR(RowCheck(reader, options).Run(findings));
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
