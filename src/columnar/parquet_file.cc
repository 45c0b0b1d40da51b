#include "columnar/parquet_file.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api_aggregate.h>
#include <arrow/io/file.h>
#include <arrow/io/memory.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/compression.h>
#include <arrow/util/key_value_metadata.h>
#include <fcntl.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/arrow/writer.h>
#include <parquet/file_reader.h>
#include <parquet/properties.h>
#include <simdjson.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include "base/text.h"
#include "columnar/arrow_status.h"
#include "columnar/initialize.h"
#include "columnar/output_file.h"
#include "columnar/parquet_call.h"
#include "columnar/plain_internal.h"
#include "columnar/sink_stream.h"
#include "columnar/value_text_internal.h"

namespace catchment::columnar {
namespace {

Result<arrow::Compression::type> CompressionOf(const std::string& name) {
  if (name == "zstd") return arrow::Compression::ZSTD;
  if (name == "snappy") return arrow::Compression::SNAPPY;
  if (name == "gzip") return arrow::Compression::GZIP;
  if (name == "none") return arrow::Compression::UNCOMPRESSED;
  return Invalid("Parquet compression \"{}\"; it is zstd, snappy, gzip or none", name);
}

Result<std::shared_ptr<parquet::WriterProperties>> Properties(const ParquetOptions& options) {
  ASSIGN_OR_RETURN(const auto compression, CompressionOf(options.compression));
  if (options.row_group_rows < 1)
    return Invalid("row_group_rows is {}; at least 1", options.row_group_rows);
  parquet::WriterProperties::Builder builder;
  builder.compression(compression)
      ->created_by(options.created_by)
      ->max_row_group_length(options.row_group_rows)
      ->enable_page_checksum();
  if (compression == arrow::Compression::ZSTD || compression == arrow::Compression::GZIP) {
    builder.compression_level(options.level);
  }
  return builder.build();
}

/// A scalar as it stands in a manifest.
nlohmann::json ScalarToJson(const std::shared_ptr<arrow::Scalar>& scalar) {
  if (!scalar->is_valid) return nullptr;
  const auto array = arrow::MakeArrayFromScalar(*scalar, 1);
  std::string text;
  if (!array.ok() || !AppendJsonValue(**array, 0, text).ok()) return nullptr;
  if (scalar->type->id() == arrow::Type::DECIMAL128) return text;
  return nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
}

/// Smallest and largest values of one column, group by group.
class RangeKeeper {
 public:
  RangeKeeper(int column, std::shared_ptr<arrow::DataType> type)
      : column_(column), type_(std::move(type)) {}

  Status Add(const arrow::RecordBatch& batch) {
    const auto& values = batch.column(column_);
    nulls_ += values->null_count();
    ASSIGN_ARROW_OR_RETURN(const arrow::Datum found, arrow::compute::MinMax(values),
                           "key column \"{}\"", batch.schema()->field(column_)->name());
    for (const auto& value : found.scalar_as<arrow::StructScalar>().value) {
      if (value->is_valid) values_.push_back(value);
    }
    return {};
  }

  Result<ColumnRange> Finish() const {
    ColumnRange range{.min = nullptr, .max = nullptr, .nulls = nulls_};
    if (values_.empty()) return range;
    ASSIGN_ARROW_OR_RETURN(const auto builder, arrow::MakeBuilder(type_));
    ARROW_OR_RETURN(builder->AppendScalars(values_));
    ASSIGN_ARROW_OR_RETURN(const auto array, builder->Finish());
    ASSIGN_ARROW_OR_RETURN(const arrow::Datum found, arrow::compute::MinMax(array));
    const auto& both = found.scalar_as<arrow::StructScalar>().value;
    range.min = ScalarToJson(both[0]);
    range.max = ScalarToJson(both[1]);
    return range;
  }

 private:
  const int column_;
  const std::shared_ptr<arrow::DataType> type_;
  int64_t nulls_ = 0;
  arrow::ScalarVector values_;
};

/// Writes row groups of exactly `row_group_rows` rows, each from one piece, so that bytes do not
/// depend on how rows arrive. Columns are encoded on Arrow's pool.
class GroupWriter {
 public:
  static Result<std::unique_ptr<GroupWriter>> Open(ByteSink& sink, const arrow::Schema& schema,
                                                   const ParquetOptions& options) {
    RETURN_IF_ERROR(Initialize());
    auto writer = std::unique_ptr<GroupWriter>(new GroupWriter(sink, schema, options));
    RETURN_IF_ERROR(writer->Start(options));
    return writer;
  }

  Status Write(const std::shared_ptr<arrow::RecordBatch>& batch) {
    ASSIGN_OR_RETURN(const auto plain, Plain(batch, schema_));
    for (int64_t done = 0; done < plain->num_rows();) {
      const int64_t take = std::min(plain->num_rows() - done, group_rows_ - waiting_rows_);
      waiting_.push_back(plain->Slice(done, take));
      waiting_rows_ += take;
      done += take;
      if (waiting_rows_ == group_rows_) RETURN_IF_ERROR(WriteGroup());
    }
    return {};
  }

  Result<WrittenFile> Finish() {
    if (waiting_rows_ > 0) RETURN_IF_ERROR(WriteGroup());
    RETURN_IF_ERROR(Checked([&] { return writer_->Close(); }));
    WrittenFile written{
        .rows = rows_, .bytes = sink_.bytes(), .sha256 = sink_.Sha256Hex(), .ranges = {}};
    for (const auto& [name, keeper] : keepers_) {
      ASSIGN_OR_RETURN(written.ranges[name], keeper.Finish());
    }
    return written;
  }

 private:
  GroupWriter(ByteSink& sink, const arrow::Schema& schema, const ParquetOptions& options)
      : sink_(sink),
        stream_(std::make_shared<SinkStream>(sink)),
        schema_(PlainSchema(schema)),
        group_rows_(options.row_group_rows) {}

  Status Start(const ParquetOptions& options) {
    ASSIGN_OR_RETURN(const auto properties, Properties(options));
    for (const std::string& name : options.key_columns) {
      const int column = schema_->GetFieldIndex(name);
      if (column < 0) return Invalid("key column \"{}\" does not exist", name);
      keepers_.emplace(name, RangeKeeper(column, schema_->field(column)->type()));
    }
    parquet::ArrowWriterProperties::Builder arrow_properties;
    arrow_properties.set_use_threads(true);
    if (options.store_arrow_schema) arrow_properties.store_schema();
    return Checked([&]() -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(
          writer_, parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), stream_,
                                                    properties, arrow_properties.build()));
      if (options.metadata.empty()) return arrow::Status::OK();
      auto metadata = std::make_shared<arrow::KeyValueMetadata>();
      for (const auto& [key, value] : options.metadata) metadata->Append(key, value);
      return writer_->AddKeyValueMetadata(metadata);
    });
  }

  /// Run a call of Arrow's writer; the sink's own failure goes before Arrow's word for it.
  Status Checked(const std::function<arrow::Status()>& call) {
    const arrow::Status status = CallParquet(call);
    if (status.ok()) return {};
    if (!stream_->failure().ok()) return stream_->failure();
    return FromArrow(status);
  }

  Status WriteGroup() {
    std::shared_ptr<arrow::RecordBatch> group = waiting_.front();
    if (waiting_.size() > 1) {
      ASSIGN_ARROW_OR_RETURN(group, arrow::ConcatenateRecordBatches(waiting_),
                             "join rows for a row group");
    }
    waiting_.clear();
    waiting_rows_ = 0;
    for (auto& [name, keeper] : keepers_) RETURN_IF_ERROR(keeper.Add(*group));
    rows_ += group->num_rows();
    return Checked([&]() -> arrow::Status {
      ARROW_RETURN_NOT_OK(writer_->NewBufferedRowGroup());
      return writer_->WriteRecordBatch(*group);
    });
  }

  ByteSink& sink_;
  const std::shared_ptr<SinkStream> stream_;
  const std::shared_ptr<arrow::Schema> schema_;
  const int64_t group_rows_;
  std::map<std::string, RangeKeeper> keepers_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  arrow::RecordBatchVector waiting_;
  int64_t waiting_rows_ = 0;
  int64_t rows_ = 0;
};

Result<WrittenFile> WriteAll(const Table& table, ByteSink& sink, const ParquetOptions& options) {
  ASSIGN_OR_RETURN(const auto writer, GroupWriter::Open(sink, *table.schema(), options));
  if (table.in_memory()) {
    // Whole row groups at once: joined once each, not piece by piece.
    ASSIGN_OR_RETURN(const auto rows, table.Load());
    arrow::TableBatchReader reader(*rows);
    std::shared_ptr<arrow::RecordBatch> batch;
    while (true) {
      ARROW_OR_RETURN(reader.ReadNext(&batch));
      if (batch == nullptr) break;
      RETURN_IF_ERROR(writer->Write(batch));
    }
    return writer->Finish();
  }
  ASSIGN_OR_RETURN(const auto reader, table.Read());
  while (true) {
    ASSIGN_OR_RETURN(const auto batch, reader->Next());
    if (batch == nullptr) return writer->Finish();
    RETURN_IF_ERROR(writer->Write(batch));
  }
}

// Reading.

/// A file opened for reading, its ends checked before Arrow sees it.
struct OpenFile {
  std::string name;
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  int64_t bytes = 0;
};

Status CheckEnds(const OpenFile& open, const ParquetReadOptions& options) {
  constexpr int64_t kLeast = 12;  // two marks and a footer's length
  if (open.bytes < kLeast)
    return Corrupt("{}: {} bytes are no Parquet file", open.name, open.bytes);
  uint8_t tail[8];
  ASSIGN_ARROW_OR_RETURN(const int64_t got, open.file->ReadAt(open.bytes - 8, 8, tail), "{}",
                         open.name);
  if (got != 8 || std::memcmp(tail + 4, "PAR1", 4) != 0) {
    return Corrupt("{}: does not end as a Parquet file does; it is cut short or something else",
                   open.name);
  }
  uint32_t footer = 0;
  std::memcpy(&footer, tail, 4);
  if (footer > static_cast<uint64_t>(open.bytes - 8)) {
    return Corrupt("{}: a footer of {} bytes in a file of {}", open.name, footer, open.bytes);
  }
  if (footer > options.max_footer_bytes) {
    return Invalid("{}: a footer of {} bytes, over the limit of {}", open.name, footer,
                   options.max_footer_bytes);
  }
  return {};
}

Result<OpenFile> OpenForReading(const std::filesystem::path& path) {
  OpenFile open{.name = path.string(), .file = nullptr, .bytes = 0};
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return FileError(errno, "open", path);
  ASSIGN_ARROW_OR_RETURN(open.file, arrow::io::ReadableFile::Open(descriptor), "{}", open.name);
  ASSIGN_ARROW_OR_RETURN(open.bytes, open.file->GetSize(), "{}", open.name);
  return open;
}

/// Whether text arrays are UTF-8; files come from anywhere, and what follows relies on it.
bool TextIsValid(const arrow::Array& array) {
  if (array.type_id() == arrow::Type::STRING) {
    const auto& texts = static_cast<const arrow::StringArray&>(array);
    if (texts.length() == 0 || texts.null_count() == texts.length()) return true;
    const uint8_t* const bytes = texts.value_data()->data();
    const int64_t begin = texts.value_offset(0);
    const int64_t end = texts.value_offset(texts.length());
    if (!simdjson::validate_utf8(reinterpret_cast<const char*>(bytes + begin),
                                 static_cast<size_t>(end - begin)))
      return false;
    for (int64_t row = 0; row < texts.length(); ++row) {
      const int64_t offset = texts.value_offset(row);
      if (offset < end && (bytes[offset] & 0xC0) == 0x80) return false;
    }
    return true;
  }
  for (const auto& child : array.data()->child_data) {
    if (!TextIsValid(*arrow::MakeArray(child))) return false;
  }
  return true;
}

Status CheckBatch(const arrow::RecordBatch& batch, const std::string& name) {
  if (const arrow::Status valid = batch.Validate(); !valid.ok()) {
    return Corrupt("{}: {}", name, FromArrowReading(valid).message);
  }
  for (int i = 0; i < batch.num_columns(); ++i) {
    if (!TextIsValid(*batch.column(i))) {
      return Corrupt("{}: column \"{}\" holds text that is not UTF-8", name, batch.column_name(i));
    }
  }
  return {};
}

/// Arrow's reader with the columns that were asked for.
class FileReader {
 public:
  static Result<FileReader> Open(OpenFile open, const ParquetReadOptions& options) {
    RETURN_IF_ERROR(Initialize());
    RETURN_IF_ERROR(CheckEnds(open, options));
    FileReader reader;
    reader.open_ = std::move(open);
    RETURN_IF_ERROR(reader.Checked([&] { return reader.Start(options); }));
    const auto metadata = reader.reader_->parquet_reader()->metadata();
    if (metadata->num_rows() < 0)
      return Corrupt("{}: {} rows", reader.open_.name, metadata->num_rows());
    if (metadata->num_rows() > options.max_rows) {
      return Invalid("{}: {} rows, over the limit of {}", reader.open_.name, metadata->num_rows(),
                     options.max_rows);
    }
    RETURN_IF_ERROR(reader.Choose(options.columns));
    return reader;
  }

  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  parquet::arrow::FileReader& arrow_reader() { return *reader_; }
  const OpenFile& open() const { return open_; }

  Result<std::shared_ptr<arrow::Table>> ReadAll() {
    std::shared_ptr<arrow::Table> rows;
    RETURN_IF_ERROR(Checked([&]() -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(rows, reader_->ReadTable(leaves_));
      return arrow::Status::OK();
    }));
    arrow::TableBatchReader pieces(*rows);
    std::shared_ptr<arrow::RecordBatch> piece;
    while (pieces.ReadNext(&piece).ok() && piece != nullptr)
      RETURN_IF_ERROR(CheckBatch(*piece, open_.name));
    if (order_.empty()) return rows;
    ASSIGN_ARROW_OR_RETURN(rows, rows->SelectColumns(order_), "{}", open_.name);
    return rows;
  }

  Status Stream() {
    const int groups = reader_->num_row_groups();
    std::vector<int> all(static_cast<size_t>(groups));
    for (int i = 0; i < groups; ++i) all[static_cast<size_t>(i)] = i;
    return Checked([&]() -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(batches_, reader_->GetRecordBatchReader(all, leaves_));
      return arrow::Status::OK();
    });
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Next() {
    std::shared_ptr<arrow::RecordBatch> batch;
    RETURN_IF_ERROR(Checked([&] { return batches_->ReadNext(&batch); }));
    if (batch == nullptr) return batch;
    RETURN_IF_ERROR(CheckBatch(*batch, open_.name));
    if (order_.empty()) return batch;
    ASSIGN_ARROW_OR_RETURN(batch, batch->SelectColumns(order_), "{}", open_.name);
    return batch;
  }

 private:
  FileReader() = default;

  Status Checked(const std::function<arrow::Status()>& call) {
    const arrow::Status status = CallParquet(call);
    if (status.ok()) return {};
    Error error = FromArrowReading(status);
    if (error.message.find("thrift") != std::string::npos) {
      error.message = "its footer or the header of a page is damaged";
    }
    return Status(std::move(error)).WithContext(open_.name);
  }

  arrow::Status Start(const ParquetReadOptions& options) {
    parquet::ReaderProperties properties = parquet::default_reader_properties();
    properties.set_page_checksum_verification(options.verify_checksums);
    properties.set_thrift_string_size_limit(
        static_cast<int32_t>(std::min<uint64_t>(options.max_footer_bytes, 1u << 30)));
    properties.set_thrift_container_size_limit(1'000'000);
    parquet::arrow::FileReaderBuilder builder;
    ARROW_RETURN_NOT_OK(builder.Open(open_.file, properties));
    parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/true);
    arrow_properties.set_batch_size(options.batch_rows);
    builder.properties(arrow_properties);
    ARROW_ASSIGN_OR_RAISE(reader_, builder.Build());
    return reader_->GetSchema(&schema_);
  }

  /// Turn names into leaf columns of the file, and into an order of what comes back.
  Status Choose(const std::vector<std::string>& columns) {
    const auto& manifest = reader_->manifest();
    std::vector<bool> wanted(static_cast<size_t>(schema_->num_fields()), columns.empty());
    for (const std::string& name : columns) {
      const int index = schema_->GetFieldIndex(name);
      if (index < 0) {
        const std::string nearest = Nearest(name, schema_->field_names());
        return NotFound("{}: there is no column \"{}\"{}", open_.name, name,
                        nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest));
      }
      wanted[static_cast<size_t>(index)] = true;
    }
    std::map<std::string, int> positions;
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (!wanted[i]) continue;
      const int position = static_cast<int>(positions.size());
      positions[schema_->field(static_cast<int>(i))->name()] = position;
      AddLeaves(manifest.schema_fields[i]);
    }
    if (columns.empty()) return {};
    arrow::FieldVector fields;
    for (const std::string& name : columns) {
      order_.push_back(positions[name]);
      fields.push_back(schema_->GetFieldByName(name));
    }
    schema_ = arrow::schema(std::move(fields), schema_->metadata());
    return {};
  }

  void AddLeaves(const parquet::arrow::SchemaField& field) {
    if (field.is_leaf()) leaves_.push_back(field.column_index);
    for (const auto& child : field.children) AddLeaves(child);
  }

  OpenFile open_;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<int> leaves_;
  std::vector<int> order_;  // empty: as in the file
  std::unique_ptr<arrow::RecordBatchReader> batches_;
};

class StreamReader final : public BatchReader {
 public:
  explicit StreamReader(FileReader reader) : reader_(std::move(reader)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return reader_.schema(); }
  Result<std::shared_ptr<arrow::RecordBatch>> Next() override { return reader_.Next(); }

 private:
  FileReader reader_;
};

}  // namespace

struct ParquetWriter::State {
  std::filesystem::path path;
  std::unique_ptr<FileSink> sink;
  std::unique_ptr<GroupWriter> writer;
};

ParquetWriter::ParquetWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ParquetWriter::~ParquetWriter() = default;

Result<std::unique_ptr<ParquetWriter>> ParquetWriter::Open(
    const std::filesystem::path& path, const std::shared_ptr<arrow::Schema>& schema,
    const ParquetOptions& options) {
  auto state = std::make_unique<State>();
  state->path = path;
  ASSIGN_OR_RETURN(state->sink,
                   FileSink::Open(path, {.durable = options.durable, .replace = options.replace}));
  ASSIGN_OR_RETURN(state->writer, GroupWriter::Open(*state->sink, *schema, options), "{}",
                   path.string());
  return std::unique_ptr<ParquetWriter>(new ParquetWriter(std::move(state)));
}

Status ParquetWriter::Write(const std::shared_ptr<arrow::RecordBatch>& batch) {
  RETURN_IF_ERROR(state_->writer->Write(batch), "{}", state_->path.string());
  return {};
}

Result<WrittenFile> ParquetWriter::Finish() {
  ASSIGN_OR_RETURN(WrittenFile written, state_->writer->Finish(), "{}", state_->path.string());
  RETURN_IF_ERROR(state_->sink->Commit());
  return written;
}

Result<WrittenFile> WriteParquet(const Table& table, const std::filesystem::path& path,
                                 const ParquetOptions& options) {
  ASSIGN_OR_RETURN(const auto sink,
                   FileSink::Open(path, {.durable = options.durable, .replace = options.replace}));
  ASSIGN_OR_RETURN(WrittenFile written, WriteAll(table, *sink, options), "{}", path.string());
  RETURN_IF_ERROR(sink->Commit());
  return written;
}

Result<std::pair<std::string, WrittenFile>> WriteParquetToBuffer(const Table& table,
                                                                 const ParquetOptions& options) {
  MemorySink sink;
  ASSIGN_OR_RETURN(WrittenFile written, WriteAll(table, sink, options));
  return std::pair(sink.Take(), std::move(written));
}

Result<ParquetInfo> InspectParquet(const std::filesystem::path& path,
                                   const ParquetReadOptions& options) {
  ASSIGN_OR_RETURN(OpenFile open, OpenForReading(path));
  ASSIGN_OR_RETURN(FileReader reader, FileReader::Open(std::move(open), options));
  const auto metadata = reader.arrow_reader().parquet_reader()->metadata();
  ParquetInfo info{.schema = reader.schema(),
                   .rows = metadata->num_rows(),
                   .row_groups = metadata->num_row_groups(),
                   .bytes = reader.open().bytes,
                   .created_by = metadata->created_by(),
                   .metadata = {}};
  if (const auto& pairs = metadata->key_value_metadata(); pairs != nullptr) {
    for (const auto& [key, value] : pairs->sorted_pairs()) info.metadata[key] = value;
  }
  return info;
}

Result<std::shared_ptr<arrow::Table>> ReadParquet(const std::filesystem::path& path,
                                                  const ParquetReadOptions& options) {
  ASSIGN_OR_RETURN(OpenFile open, OpenForReading(path));
  ASSIGN_OR_RETURN(FileReader reader, FileReader::Open(std::move(open), options));
  return reader.ReadAll();
}

Result<std::shared_ptr<arrow::Table>> ReadParquetBytes(std::string_view bytes,
                                                       std::string_view name,
                                                       const ParquetReadOptions& options) {
  OpenFile open{
      .name = std::string(name),
      .file = std::make_shared<arrow::io::BufferReader>(std::make_shared<arrow::Buffer>(bytes)),
      .bytes = static_cast<int64_t>(bytes.size())};
  ASSIGN_OR_RETURN(FileReader reader, FileReader::Open(std::move(open), options));
  return reader.ReadAll();
}

Result<std::unique_ptr<BatchReader>> OpenParquet(const std::filesystem::path& path,
                                                 const ParquetReadOptions& options) {
  ASSIGN_OR_RETURN(OpenFile open, OpenForReading(path));
  ASSIGN_OR_RETURN(FileReader reader, FileReader::Open(std::move(open), options));
  RETURN_IF_ERROR(reader.Stream());
  return std::unique_ptr<BatchReader>(std::make_unique<StreamReader>(std::move(reader)));
}

}  // namespace catchment::columnar
