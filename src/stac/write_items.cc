#include "stac/write_items.h"

#include <arrow/record_batch.h>
#include <arrow/util/parallel.h>
#include <arrow/util/thread_pool.h>

#include <algorithm>
#include <deque>

#include "base/digest.h"
#include "base/mutex.h"
#include "columnar/arrow_status.h"

namespace catchment::stac {
namespace {

// How items are cut into pieces of work decides where pages end, and so the file's bytes: by rows
// and text alone, never by threads or memory.
constexpr size_t kPieceRows = 1024;
constexpr uint64_t kPieceTextBytes = 16u << 20;

/// Some consecutive rows of the sorted items, and what became of them.
struct Piece {
  size_t begin = 0, end = 0;  ///< in the sorted rows
  std::shared_ptr<arrow::RecordBatch> rows;
  std::string digest_lines;  ///< `id TAB body_sha256 LF` of each row
  std::vector<LeftOut> left_out;
  Status status;
};

class PieceConverter {
 public:
  PieceConverter(const ItemBodies& bodies, const ItemIndex& index, const ItemSchema& schema,
                 const WriteItemsOptions& options)
      : bodies_(bodies), index_(index), schema_(schema), options_(options) {}

  /// Thread-safe.
  void Convert(const std::vector<uint32_t>& rows, Piece& piece) {
    auto columns = Take();
    piece.status = Fill(rows, piece, *columns);
    piece.rows = columns->Finish();
    const MutexLock lock(mutex_);
    free_.push_back(std::move(columns));
  }

  std::map<std::string, UnknownMember> UnknownMembers() {
    std::map<std::string, UnknownMember> all;
    const MutexLock lock(mutex_);
    for (const auto& columns : free_) {
      for (const auto& [pointer, seen] : columns->unknown_members()) {
        UnknownMember& member = all[pointer];
        member.count += seen.count;
        if (member.first_id.empty() || seen.first_id < member.first_id)
          member.first_id = seen.first_id;
      }
    }
    return all;
  }

 private:
  std::unique_ptr<ItemColumns> Take() {
    const MutexLock lock(mutex_);
    if (free_.empty()) {
      return std::make_unique<ItemColumns>(schema_, ItemColumnsOptions{.digest = true});
    }
    auto columns = std::move(free_.back());
    free_.pop_back();
    return columns;
  }

  Status Fill(const std::vector<uint32_t>& rows, Piece& piece, ItemColumns& columns) const {
    std::string body;
    ItemFacts facts;
    for (size_t i = piece.begin; i < piece.end; ++i) {
      const ItemEntry& entry = index_.entries[rows[i]];
      RETURN_IF_ERROR(bodies_.Read(entry.body, body));
      const ItemSource source{.expected_id = entry.id, .collection = options_.collection};
      if (auto why = columns.Append(body, source, facts)) {
        piece.left_out.push_back({rows[i], std::move(*why)});
        continue;
      }
      piece.digest_lines += facts.id;
      piece.digest_lines += '\t';
      piece.digest_lines += facts.body_sha256;
      piece.digest_lines += '\n';
    }
    return {};
  }

  // Constant after construction.
  const ItemBodies& bodies_;
  const ItemIndex& index_;
  const ItemSchema& schema_;
  const WriteItemsOptions& options_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::vector<std::unique_ptr<ItemColumns>> free_ GUARDED_BY(mutex_);
};

/// Converts the next pieces while the last ones are encoded, in steps that every thread shares.
class ItemPipeline {
 public:
  ItemPipeline(const ItemIndex& index, const SortedItems& sorted, PieceConverter& converter,
               ItemFileWriter& writer, const WriteItemsOptions& options)
      : index_(index),
        rows_(sorted.rows),
        converter_(converter),
        writer_(writer),
        options_(options),
        ahead_(PiecesAhead()) {}

  Status Run() {
    while (true) {
      if (options_.stop.stop_requested()) return Cancelled("stopped while writing items");
      std::vector<Piece> pieces = NextPieces();
      arrow::RecordBatchVector batches = NextBatches();
      if (pieces.empty() && batches.empty()) return {};
      RETURN_IF_ERROR(Step(pieces, std::move(batches)));
      if (options_.progress) options_.progress(writer_.rows());
    }
  }

  std::string DigestHex() { return digest_.Hex(); }
  std::vector<LeftOut>& left_out() { return left_out_; }

 private:
  /// As many as there are threads, or as fit: text and columns of an item, once being converted and
  /// once being encoded.
  size_t PiecesAhead() const {
    const int threads = arrow::GetCpuThreadPoolCapacity();
    uint64_t text = 0;
    for (const uint32_t row : rows_) text += index_.entries[row].body.length;
    const uint64_t average = rows_.empty() ? 1 : text / rows_.size() + 1;
    const uint64_t piece = std::min<uint64_t>(average * kPieceRows, kPieceTextBytes) * 4;
    return std::clamp<size_t>(options_.memory_bytes / 2 / piece, 1,
                              static_cast<size_t>(std::max(threads, 1)));
  }

  std::vector<Piece> NextPieces() {
    std::vector<Piece> pieces;
    while (next_ < rows_.size() && pieces.size() + ready_.size() < 2 * ahead_ &&
           pieces.size() < ahead_) {
      Piece piece{.begin = next_, .end = next_};
      uint64_t bytes = 0;
      while (piece.end < rows_.size() && piece.end - piece.begin < kPieceRows &&
             bytes < kPieceTextBytes) {
        bytes += index_.entries[rows_[piece.end]].body.length;
        ++piece.end;
      }
      next_ = piece.end;
      pieces.push_back(std::move(piece));
    }
    return pieces;
  }

  /// What the row group still takes of the rows that are ready.
  arrow::RecordBatchVector NextBatches() {
    arrow::RecordBatchVector batches;
    int64_t room = writer_.room();
    while (!ready_.empty() && room > 0) {
      const std::shared_ptr<arrow::RecordBatch> first = ready_.front();
      if (first->num_rows() <= room) {
        batches.push_back(first);
        ready_.pop_front();
      } else {
        batches.push_back(first->Slice(0, room));
        ready_.front() = first->Slice(room);
      }
      room -= batches.back()->num_rows();
    }
    return batches;
  }

  Status Step(std::vector<Piece>& pieces, arrow::RecordBatchVector batches) {
    const bool encode = !batches.empty();
    if (encode) RETURN_IF_ERROR(writer_.Begin(std::move(batches)));
    const int convert = static_cast<int>(pieces.size());
    const int leaves = encode ? writer_.tasks() : 0;
    std::vector<Status> results(static_cast<size_t>(leaves));
    // Conversions first: they take longest.
    ARROW_OR_RETURN(arrow::internal::ParallelFor(convert + leaves, [&](int task) {
      if (task < convert) {
        converter_.Convert(rows_, pieces[static_cast<size_t>(task)]);
      } else {
        results[static_cast<size_t>(task - convert)] = writer_.RunTask(task - convert);
      }
      return arrow::Status::OK();
    }));
    for (Status& result : results) RETURN_IF_ERROR(std::move(result));
    if (encode) RETURN_IF_ERROR(writer_.End());
    for (Piece& piece : pieces) {
      RETURN_IF_ERROR(std::move(piece.status));
      digest_.Update(piece.digest_lines);
      if (piece.rows->num_rows() > 0) ready_.push_back(std::move(piece.rows));
      std::ranges::move(piece.left_out, std::back_inserter(left_out_));
    }
    return {};
  }

  const ItemIndex& index_;
  const std::vector<uint32_t>& rows_;
  PieceConverter& converter_;
  ItemFileWriter& writer_;
  const WriteItemsOptions& options_;
  const size_t ahead_;
  size_t next_ = 0;
  std::deque<std::shared_ptr<arrow::RecordBatch>> ready_;
  Sha256 digest_;
  std::vector<LeftOut> left_out_;
};

}  // namespace

Result<WriteItemsReport> WriteItems(const ItemBodies& bodies, const ItemIndex& index,
                                    std::vector<uint32_t> which, const ItemSchema& schema,
                                    const std::filesystem::path& path,
                                    const WriteItemsOptions& options) {
  WriteItemsReport report;
  report.items = static_cast<int64_t>(which.size());
  ASSIGN_OR_RETURN(SortedItems sorted, SortItems(index, std::move(which), bodies, schema,
                                                 options.order, options.on_duplicate));
  report.equal = sorted.equal;
  ASSIGN_OR_RETURN(const auto writer, ItemFileWriter::Open(path, schema, options.file));
  PieceConverter converter(bodies, index, schema, options);
  ItemPipeline pipeline(index, sorted, converter, *writer, options);
  RETURN_IF_ERROR(pipeline.Run());
  RETURN_IF_ERROR(bodies.Unchanged());
  report.quarantined = std::move(pipeline.left_out());
  std::ranges::move(sorted.duplicates, std::back_inserter(report.quarantined));
  std::ranges::sort(report.quarantined, {}, &LeftOut::entry);
  report.unknown_members = converter.UnknownMembers();
  const double limit = options.max_quarantine * static_cast<double>(report.items);
  if (static_cast<double>(report.quarantined.size()) > limit) return report;

  ItemFileFacts facts{.writer = options.writer,
                      .dataset = options.dataset,
                      .slot = options.slot,
                      .order = std::string(ItemOrderName(options.order)),
                      .items_sha256 = pipeline.DigestHex()};
  for (const auto& [column, from] : schema.added) facts.added.push_back(column);
  ASSIGN_OR_RETURN(report.file, writer->Finish(std::move(facts)));
  report.written = true;
  return report;
}

}  // namespace catchment::stac
