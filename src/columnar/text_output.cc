#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <zstd.h>

#include <algorithm>
#include <deque>
#include <future>
#include <set>

#include "columnar/plain_internal.h"
#include "columnar/text_output_internal.h"

namespace catchment::columnar {
namespace {

// Cells of a few hundred rows stay in the cache between being made and being joined to rows.
constexpr int64_t kBlockRows = 512;
// What one thread makes at a time.
constexpr int64_t kPieceRows = 8'192;

Result<std::string> FormatPiece(const arrow::RecordBatch& batch, const RowFormat& format,
                                int64_t first) {
  const int columns = batch.num_columns();
  std::vector<CellStyle> styles;
  for (int i = 0; i < columns; ++i) styles.push_back(format.style(i));
  std::vector<ColumnText> cells(static_cast<size_t>(columns));
  std::string text;
  for (int64_t begin = 0; begin < batch.num_rows(); begin += kBlockRows) {
    const int64_t end = std::min(begin + kBlockRows, batch.num_rows());
    for (int i = 0; i < columns; ++i) {
      const auto at = static_cast<size_t>(i);
      RETURN_IF_ERROR(FormatColumn(*batch.column(i), begin, end, styles[at], cells[at]),
                      "column \"{}\"", batch.column_name(i));
    }
    format.AppendRows(cells, static_cast<size_t>(end - begin), first + begin, text);
    if (begin == 0)
      text.reserve(text.size() * static_cast<size_t>(batch.num_rows() / (end - begin) + 1) * 9 / 8);
  }
  return text;
}

}  // namespace

struct TextOutput::Zstd {
  Zstd() : context(ZSTD_createCCtx()) {}
  ~Zstd() { ZSTD_freeCCtx(context); }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;
  ZSTD_CCtx* context;
  std::string out;
};

TextOutput::TextOutput() = default;
TextOutput::~TextOutput() = default;

Result<std::unique_ptr<TextOutput>> TextOutput::Open(const std::filesystem::path& path,
                                                     const TextFileOptions& options) {
  auto output = std::unique_ptr<TextOutput>(new TextOutput());
  output->compression_ = options.compression.value_or(CompressionOfName(path));
  const bool gzip = output->compression_ == Compression::kGzip;
  output->level_ = options.level.value_or(gzip ? 4 : 3);
  ASSIGN_OR_RETURN(output->sink_,
                   FileSink::Open(path, {.durable = options.durable, .replace = options.replace}));
  if (output->compression_ == Compression::kZstd) {
    output->zstd_ = std::make_unique<Zstd>();
    output->zstd_->out.resize(ZSTD_CStreamOutSize());
    ZSTD_CCtx_setParameter(output->zstd_->context, ZSTD_c_compressionLevel, output->level_);
    ZSTD_CCtx_setParameter(output->zstd_->context, ZSTD_c_checksumFlag, 1);
  }
  return output;
}

Status TextOutput::WriteZstd(std::string_view text, bool end) {
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  while (true) {
    ZSTD_outBuffer out{zstd_->out.data(), zstd_->out.size(), 0};
    const size_t left =
        ZSTD_compressStream2(zstd_->context, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left)) return Internal("zstd: {}", ZSTD_getErrorName(left));
    RETURN_IF_ERROR(sink_->Write(std::string_view(zstd_->out).substr(0, out.pos)));
    if (end ? left == 0 : in.pos == in.size) return {};
  }
}

Status TextOutput::Write(std::string_view text) {
  switch (compression_) {
    case Compression::kGzip:
      whole_ += text;
      return {};
    case Compression::kZstd:
      return WriteZstd(text, false);
    case Compression::kNone:
      break;
  }
  return sink_->Write(text);
}

Result<WrittenText> TextOutput::Finish(int64_t rows) {
  if (compression_ == Compression::kGzip)
    RETURN_IF_ERROR(sink_->Write(GzipDeterministic(whole_, level_)));
  if (compression_ == Compression::kZstd) RETURN_IF_ERROR(WriteZstd({}, true));
  RETURN_IF_ERROR(sink_->Commit());
  return WrittenText{.rows = rows, .bytes = sink_->bytes(), .sha256 = sink_->Sha256Hex()};
}

Result<int64_t> FormatAll(const Table& table, const RowFormat& format, const PutText& put) {
  // One piece is made on another thread while this one makes the next, so two are under way and
  // order is kept.
  ASSIGN_OR_RETURN(const auto reader, table.Read());
  const auto plain_schema = PlainSchema(*table.schema());
  int64_t rows = 0;
  while (true) {
    ASSIGN_OR_RETURN(const auto read, reader->Next());
    if (read == nullptr) return rows;
    ASSIGN_OR_RETURN(const auto batch, Plain(read, plain_schema));
    for (int64_t begin = 0; begin < batch->num_rows(); begin += 2 * kPieceRows) {
      const auto piece = batch->Slice(begin, kPieceRows);
      std::future<Result<std::string>> ahead;
      if (begin + kPieceRows < batch->num_rows()) {
        const auto next = batch->Slice(begin + kPieceRows, kPieceRows);
        ahead = std::async(std::launch::async, [&format, next, first = rows + begin + kPieceRows] {
          return FormatPiece(*next, format, first);
        });
      }
      ASSIGN_OR_RETURN(const std::string text, FormatPiece(*piece, format, rows + begin));
      RETURN_IF_ERROR(put(text));
      if (!ahead.valid()) continue;
      ASSIGN_OR_RETURN(const std::string more, ahead.get());
      RETURN_IF_ERROR(put(more));
    }
    rows += batch->num_rows();
  }
}

Result<std::string> CollectText(const MakeText& make) {
  std::string text;
  RETURN_IF_ERROR(make([&](std::string_view part) {
                    text += part;
                    return Status();
                  }).status());
  return text;
}

Result<WrittenText> WriteText(const std::filesystem::path& path, const TextFileOptions& options,
                              const MakeText& make) {
  ASSIGN_OR_RETURN(const auto output, TextOutput::Open(path, options));
  ASSIGN_OR_RETURN(const int64_t rows,
                   make([&](std::string_view part) { return output->Write(part); }), "{}",
                   path.string());
  return output->Finish(rows);
}

Status CheckNames(const arrow::Schema& schema) {
  std::set<std::string> seen;
  for (const std::string& name : schema.field_names()) {
    if (!seen.insert(name).second)
      return Invalid("column \"{}\" is there twice; give each its own name", name);
  }
  return {};
}

}  // namespace catchment::columnar
