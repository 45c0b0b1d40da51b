#include "stac/merge_files.h"

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/compute/api.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <algorithm>
#include <memory>
#include <tuple>
#include <vector>

#include "base/digest.h"
#include "columnar/arrow_status.h"
#include "columnar/initialize.h"
#include "stac/geo_metadata.h"
#include "stac/hilbert.h"
#include "stac/item_file_reader.h"
#include "stac/item_key.h"
#include "stac/item_schema.h"

namespace catchment::stac {
namespace {

/// Rows that are handed to the writer at once. Decides where pages end, and so the file's bytes.
constexpr int64_t kMergedRows = 1024;

/// A column, or a part of one, with the type that it has in the united schema: members by name,
/// those that it lacks null.
Result<std::shared_ptr<arrow::ArrayData>> Fit(const std::shared_ptr<arrow::ArrayData>& from,
                                              const std::shared_ptr<arrow::DataType>& to) {
  if (from->type->Equals(*to, /*check_metadata=*/false)) {
    std::shared_ptr<arrow::ArrayData> same = from->Copy();
    same->type = to;
    return same;
  }
  if (from->type->id() != to->id()) {  // int64 in one file, double in another
    ASSIGN_ARROW_OR_RETURN(const auto cast, arrow::compute::Cast(*arrow::MakeArray(from), to));
    return cast->data();
  }
  // Children are not cut where their parent is: they keep its offset.
  std::vector<std::shared_ptr<arrow::ArrayData>> children;
  if (to->id() == arrow::Type::STRUCT) {
    const auto& members = static_cast<const arrow::StructType&>(*from->type);
    for (const auto& field : to->fields()) {
      const int at = members.GetFieldIndex(field->name());
      if (at >= 0) {
        ASSIGN_OR_RETURN(auto child, Fit(from->child_data[static_cast<size_t>(at)], field->type()));
        children.push_back(std::move(child));
        continue;
      }
      ASSIGN_ARROW_OR_RETURN(const auto nulls,
                             arrow::MakeArrayOfNull(field->type(), from->length + from->offset));
      children.push_back(nulls->data());
    }
  } else if (to->id() == arrow::Type::LIST) {
    ASSIGN_OR_RETURN(auto child, Fit(from->child_data.front(), to->field(0)->type()));
    children.push_back(std::move(child));
  } else {
    return Internal("{} does not fit {}", from->type->ToString(), to->ToString());
  }
  return arrow::ArrayData::Make(to, from->length, from->buffers, std::move(children),
                                from->null_count, from->offset);
}

Result<std::shared_ptr<arrow::RecordBatch>> FitBatch(const arrow::RecordBatch& rows,
                                                     const std::shared_ptr<arrow::Schema>& schema) {
  arrow::ArrayVector columns;
  for (const auto& field : schema->fields()) {
    const auto column = rows.GetColumnByName(field->name());
    if (column == nullptr) {
      ASSIGN_ARROW_OR_RETURN(columns.emplace_back(),
                             arrow::MakeArrayOfNull(field->type(), rows.num_rows()));
      continue;
    }
    ASSIGN_OR_RETURN(const auto fitted, Fit(column->data(), field->type()), "column {}",
                     field->name());
    columns.push_back(arrow::MakeArray(fitted));
  }
  return arrow::RecordBatch::Make(schema, rows.num_rows(), std::move(columns));
}

/// What rows are ordered by. `id` lives in its batch.
struct RowKey {
  uint32_t place = kNowhere;
  int64_t datetime = kNoDatetime;
  std::string_view id;
  auto Tie() const { return std::tie(place, datetime, id); }
};

/// One file's rows, in order, with the united schema.
class MergeSource {
 public:
  MergeSource(std::unique_ptr<ItemFileReader> reader, std::shared_ptr<arrow::Schema> schema)
      : reader_(std::move(reader)), schema_(std::move(schema)) {}

  /// Go to the first row. As Advance.
  Status Begin() { return NextRows(); }
  bool done() const { return rows_ == nullptr; }
  const RowKey& key() const { return key_; }

  /// Take the row at hand into the present piece and go to the next.
  Status Advance() {
    const std::string last_id(key_.id);
    const RowKey last = {key_.place, key_.datetime, last_id};
    if (++row_ < rows_->num_rows()) {
      key_ = KeyOf(row_);
    } else {
      CutPiece();
      RETURN_IF_ERROR(NextRows());
    }
    if (!done() && key_.Tie() < last.Tie()) {
      return Corrupt("{}: {} stands after {}, against the order that its footer names",
                     reader_->name(), key_.id, last.id);
    }
    return {};
  }

  /// The rows taken since the last call.
  std::vector<std::shared_ptr<arrow::RecordBatch>> TakePiece() {
    CutPiece();
    return std::move(piece_);
  }

 private:
  void CutPiece() {
    if (rows_ != nullptr && row_ > taken_) piece_.push_back(rows_->Slice(taken_, row_ - taken_));
    taken_ = row_;
  }

  Status NextRows() {
    ASSIGN_OR_RETURN(const auto read, reader_->ReadNext(kMergedRows));
    rows_.reset();
    if (read != nullptr) {
      ASSIGN_OR_RETURN(rows_, FitBatch(*read, schema_), "{}", reader_->name());
    }
    row_ = taken_ = 0;
    if (rows_ == nullptr) return {};
    ids_ = std::static_pointer_cast<arrow::StringArray>(rows_->GetColumnByName("id"));
    times_ = std::static_pointer_cast<arrow::TimestampArray>(rows_->GetColumnByName("datetime"));
    const auto boxes = std::static_pointer_cast<arrow::StructArray>(rows_->GetColumnByName("bbox"));
    geometry_ = rows_->GetColumnByName("geometry");
    if (ids_ == nullptr || boxes == nullptr || geometry_ == nullptr)
      return Invalid("{}: it has no columns id, geometry and bbox", reader_->name());
    for (size_t i = 0; i < 4; ++i) {
      static constexpr const char* kSides[] = {"xmin", "ymin", "xmax", "ymax"};
      sides_[i] = std::static_pointer_cast<arrow::DoubleArray>(boxes->GetFieldByName(kSides[i]));
    }
    key_ = KeyOf(0);
    return {};
  }

  RowKey KeyOf(int64_t row) const {
    RowKey key{.id = ids_->GetView(row)};
    if (times_ != nullptr && times_->IsValid(row)) key.datetime = times_->Value(row);
    if (geometry_->IsNull(row)) return key;
    key.place = HilbertIndexOfItem(key.id, sides_[0]->Value(row), sides_[1]->Value(row),
                                   sides_[2]->Value(row), sides_[3]->Value(row));
    return key;
  }

  std::unique_ptr<ItemFileReader> reader_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::RecordBatch> rows_;  // at hand; null: no more
  std::shared_ptr<arrow::StringArray> ids_;
  std::shared_ptr<arrow::TimestampArray> times_;
  std::shared_ptr<arrow::DoubleArray> sides_[4];
  std::shared_ptr<arrow::Array> geometry_;
  int64_t row_ = 0, taken_ = 0;
  RowKey key_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> piece_;
};

class Merger {
 public:
  Merger(std::vector<MergeSource> sources, ItemFileWriter& writer, const MergeOptions& options)
      : sources_(std::move(sources)),
        writer_(writer),
        options_(options),
        digests_known_(options.body_sha256 != nullptr) {}

  Status Run() {
    for (MergeSource& source : sources_) RETURN_IF_ERROR(source.Begin());
    while (true) {
      if (options_.stop.stop_requested()) return Cancelled("stopped while merging items");
      ASSIGN_OR_RETURN(const std::vector<size_t> origins, ChooseRows());
      if (origins.empty()) return {};
      ASSIGN_OR_RETURN(const auto rows, Gather(origins));
      RETURN_IF_ERROR(writer_.Write(rows));
    }
  }

  /// Empty: an item's body is not known.
  std::string DigestHex() { return digests_known_ ? digest_.Hex() : std::string(); }

 private:
  /// From which source the next rows come, in their order.
  Result<std::vector<size_t>> ChooseRows() {
    std::vector<size_t> origins;
    while (static_cast<int64_t>(origins.size()) < kMergedRows) {
      size_t first = sources_.size();
      for (size_t i = 0; i < sources_.size(); ++i) {
        if (sources_[i].done()) continue;
        if (first == sources_.size() || sources_[i].key().Tie() < sources_[first].key().Tie())
          first = i;
      }
      if (first == sources_.size()) break;
      AddDigest(sources_[first].key().id);
      origins.push_back(first);
      RETURN_IF_ERROR(sources_[first].Advance());
    }
    return origins;
  }

  void AddDigest(std::string_view id) {
    if (!digests_known_) return;
    const auto body = options_.body_sha256(id);
    digests_known_ = body.has_value();
    if (digests_known_) digest_.Update(fmt::format("{}\t{}\n", id, *body));
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Gather(const std::vector<size_t>& origins) {
    arrow::RecordBatchVector pieces;
    std::vector<int64_t> next;  // of each source: its next row among all pieces
    int64_t rows = 0;
    for (MergeSource& source : sources_) {
      next.push_back(rows);
      for (auto& piece : source.TakePiece()) {
        rows += piece->num_rows();
        pieces.push_back(std::move(piece));
      }
    }
    ASSIGN_ARROW_OR_RETURN(const auto joined, arrow::ConcatenateRecordBatches(pieces));
    std::vector<int64_t> order;
    order.reserve(origins.size());
    for (const size_t origin : origins) order.push_back(next[origin]++);
    if (std::is_sorted(order.begin(), order.end())) return joined;
    const auto indices = std::make_shared<arrow::Int64Array>(static_cast<int64_t>(order.size()),
                                                             arrow::Buffer::Wrap(order));
    ASSIGN_ARROW_OR_RETURN(
        const arrow::Datum taken,
        arrow::compute::Take(joined, indices, arrow::compute::TakeOptions::NoBoundsCheck()));
    return taken.record_batch();
  }

  std::vector<MergeSource> sources_;
  ItemFileWriter& writer_;
  const MergeOptions& options_;
  Sha256 digest_;
  bool digests_known_;
};

}  // namespace

bool CanBeMerged(const columnar::ParquetInfo& info) {
  const auto key = info.metadata.find("catchment");
  if (key == info.metadata.end() || !info.metadata.contains("stac-geoparquet")) return false;
  const Result<ItemFileFacts> facts = ParseItemFileFacts(key->second);
  return facts.ok() && facts->order == ItemOrderName(ItemOrder::kHilbert);
}

Result<columnar::WrittenFile> MergeItemFiles(std::span<const std::filesystem::path> files,
                                             const std::filesystem::path& to,
                                             const MergeOptions& options) {
  RETURN_IF_ERROR(columnar::Initialize());
  std::vector<std::unique_ptr<ItemFileReader>> readers;
  std::vector<ItemSchema> schemas;
  for (const std::filesystem::path& file : files) {
    ASSIGN_OR_RETURN(auto reader, ItemFileReader::Open(file));
    if (!reader->facts() || reader->facts()->order != ItemOrderName(ItemOrder::kHilbert))
      return Invalid("{}: its items are not in the order of {}", file.string(),
                     ItemOrderName(ItemOrder::kHilbert));
    schemas.push_back(reader->schema());
    if (const std::string* const documents = reader->Metadata("stac-geoparquet")) {
      ASSIGN_OR_RETURN(schemas.back().collections, CollectionsOfJson(*documents), "{}",
                       file.string());
    }
    readers.push_back(std::move(reader));
  }
  ASSIGN_OR_RETURN(const ItemSchema united, UniteSchemas(schemas));
  std::vector<MergeSource> sources;
  for (auto& reader : readers) sources.emplace_back(std::move(reader), ArrowSchema(united));
  ASSIGN_OR_RETURN(const auto writer, ItemFileWriter::Open(to, united, options.file));
  Merger merger(std::move(sources), *writer, options);
  RETURN_IF_ERROR(merger.Run());
  ItemFileFacts facts{.writer = options.writer,
                      .dataset = options.dataset,
                      .slot = options.slot,
                      .order = std::string(ItemOrderName(ItemOrder::kHilbert)),
                      .items_sha256 = merger.DigestHex()};
  for (const auto& [column, from] : united.added) facts.added.push_back(column);
  return writer->Finish(std::move(facts));
}

}  // namespace catchment::stac
