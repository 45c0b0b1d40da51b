#include "stac/item_file_writer.h"

#include <arrow/array.h>
#include <arrow/extension/json.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <arrow/util/parallel.h>
#include <parquet/arrow/schema.h>
#include <parquet/column_writer.h>
#include <parquet/file_writer.h>
#include <parquet/properties.h>

#include <algorithm>
#include <charconv>

#include "columnar/arrow_status.h"
#include "columnar/initialize.h"
#include "columnar/output_file.h"
#include "columnar/parquet_call.h"
#include "columnar/sink_stream.h"
#include "stac/leaf_levels_internal.h"
#include "stac/leaf_storage_internal.h"

namespace catchment::stac {
namespace {

constexpr int64_t kPageBytes = 1 << 20;
constexpr double kBloomFalsePositives = 0.01;
/// This form lets old readers trust statistics.
constexpr const char* kCreatedBy = "catchment version 1.0.0 (build 1)";

/// The Arrow schema with JSON text as such, from which Parquet's follows.
std::shared_ptr<arrow::Field> MarkJson(const std::shared_ptr<arrow::Field>& field,
                                       const ItemNode& node) {
  if (node.kind == ColumnKind::kJson) return field->WithType(arrow::extension::json());
  if (node.children.empty()) return field;
  arrow::FieldVector children;
  for (size_t i = 0; i < node.children.size(); ++i) {
    children.push_back(MarkJson(field->type()->field(static_cast<int>(i)), node.children[i]));
  }
  return field->WithType(node.kind == ColumnKind::kList ? arrow::list(children.front())
                                                        : arrow::struct_(children));
}

std::shared_ptr<arrow::Schema> MarkJson(const arrow::Schema& plain, const ItemSchema& schema) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < schema.columns.size(); ++i) {
    fields.push_back(MarkJson(plain.field(static_cast<int>(i)), schema.columns[i]));
  }
  return arrow::schema(std::move(fields));
}

std::shared_ptr<parquet::WriterProperties> PropertiesOf(const std::vector<LeafPath>& paths,
                                                        const std::vector<ItemLeaf>& leaves,
                                                        const ItemFileOptions& options) {
  parquet::WriterProperties::Builder builder;
  builder.version(parquet::ParquetVersion::PARQUET_2_6)
      ->data_page_version(parquet::ParquetDataPageVersion::V1)
      ->data_pagesize(kPageBytes)
      // A page ends with its row group at the latest, and so is compressed by the task of its leaf.
      ->max_rows_per_page(options.row_group_rows)
      ->max_row_group_length(options.row_group_rows)
      ->compression(arrow::Compression::ZSTD)
      ->compression_level(options.level)
      ->created_by(kCreatedBy)
      ->enable_page_checksum()
      ->set_size_statistics_level(parquet::SizeStatisticsLevel::None)
      ->disable_statistics()
      ->disable_write_page_index();
  for (size_t i = 0; i < paths.size(); ++i) {
    const std::string& path = paths[i].dotted;
    const LeafStorage storage = StorageOfLeaf(leaves[i]);
    if (storage.encoding != parquet::Encoding::RLE_DICTIONARY) {
      builder.disable_dictionary(path)->encoding(path, storage.encoding);
    }
    if (storage.statistics) builder.enable_statistics(path)->enable_write_page_index(path);
    if (storage.bloom_filter) {
      builder.enable_bloom_filter(path,
                                  {.ndv = options.row_group_rows, .fpp = kBloomFalsePositives});
    }
  }
  return builder.build();
}

}  // namespace

Result<int> ParseZstdLevel(std::string_view text) {
  if (text == "zstd") return ItemFileOptions().level;
  int level = 0;
  const char* end = text.data() + text.size();
  const bool zstd = text.starts_with("zstd:");
  const auto [rest, error] = std::from_chars(text.data() + (zstd ? 5 : 0), end, level);
  if (!zstd || error != std::errc() || rest != end || level < 1 || level > 22)
    return Invalid("expected zstd:LEVEL, LEVEL 1 to 22");
  return level;
}

struct ItemFileWriter::State {
  explicit State(const ItemSchema& items) : schema(items), summary(items) {}

  /// Run a call of Parquet's writer; the sink's own failure goes before the library's word for it.
  template <typename Call>
  Status Checked(const Call& call) {
    const arrow::Status status = columnar::CallParquet(call);
    if (status.ok()) return {};
    if (!stream->failure().ok()) return stream->failure();
    return columnar::FromArrow(status);
  }

  Status WriteLeaf(const LeafPath& path, parquet::ColumnWriter& column) {
    for (const auto& batch : batches) {
      ASSIGN_OR_RETURN(const LeafLevels levels, ShredLeaf(batch->column(path.root), path));
      RETURN_IF_ERROR(Checked([&] {
        parquet::ArrowWriteContext context(arrow::default_memory_pool(), arrow_properties.get());
        return column.WriteArrow(levels.definition.empty() ? nullptr : levels.definition.data(),
                                 levels.repetition.empty() ? nullptr : levels.repetition.data(),
                                 levels.entries, *levels.values, &context, levels.nullable);
      }));
    }
    return {};
  }

  Status CloseGroup() {
    if (row_group == nullptr) return {};
    group_rows = 0;
    return Checked([&] {
      std::exchange(row_group, nullptr)->Close();
      return arrow::Status::OK();
    });
  }

  const ItemSchema schema;
  ItemFileOptions options;
  std::shared_ptr<arrow::Schema> arrow_schema;
  std::vector<LeafPath> paths;
  std::unique_ptr<columnar::FileSink> sink;
  std::shared_ptr<columnar::SinkStream> stream;
  std::shared_ptr<parquet::ArrowWriterProperties> arrow_properties;
  std::unique_ptr<parquet::ParquetFileWriter> writer;
  GeoSummary summary;
  int64_t rows = 0;

  // Of the group that is being written.
  arrow::RecordBatchVector batches;
  int64_t group_rows = 0;
  std::vector<parquet::ColumnWriter*> columns;  // of the row group, which owns them
  parquet::RowGroupWriter* row_group = nullptr;
};

ItemFileWriter::ItemFileWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ItemFileWriter::~ItemFileWriter() = default;

Result<std::unique_ptr<ItemFileWriter>> ItemFileWriter::Open(const std::filesystem::path& path,
                                                             const ItemSchema& schema,
                                                             const ItemFileOptions& options) {
  if (options.level < 1 || options.level > 22)
    return Invalid("compression level {}; zstd has 1 to 22", options.level);
  if (options.row_group_rows < 1)
    return Invalid("row groups of {} rows; at least 1", options.row_group_rows);
  RETURN_IF_ERROR(columnar::Initialize());
  auto state = std::make_unique<State>(schema);
  state->options = options;
  state->arrow_schema = ArrowSchema(schema);
  state->paths = LeafPathsOf(*state->arrow_schema);
  ASSIGN_OR_RETURN(state->sink, columnar::FileSink::Open(path, {.durable = options.durable,
                                                                .replace = options.replace}));
  state->stream = std::make_shared<columnar::SinkStream>(*state->sink);
  state->arrow_properties = parquet::ArrowWriterProperties::Builder().build();
  RETURN_IF_ERROR(state->Checked([&]() -> arrow::Status {
    const auto properties = PropertiesOf(state->paths, LeavesOf(schema), options);
    std::shared_ptr<parquet::SchemaDescriptor> descriptor;
    ARROW_RETURN_NOT_OK(
        parquet::arrow::ToParquetSchema(MarkJson(*state->arrow_schema, schema).get(), *properties,
                                        *state->arrow_properties, &descriptor));
    state->writer = parquet::ParquetFileWriter::Open(
        state->stream,
        std::static_pointer_cast<parquet::schema::GroupNode>(descriptor->schema_root()),
        properties);
    return arrow::Status::OK();
  }));
  if (state->writer->num_columns() != static_cast<int>(state->paths.size())) {
    return Internal("the Parquet schema has {} leaves, the items' {}", state->writer->num_columns(),
                    state->paths.size());
  }
  return std::unique_ptr<ItemFileWriter>(new ItemFileWriter(std::move(state)));
}

int64_t ItemFileWriter::room() const { return state_->options.row_group_rows - state_->group_rows; }

Status ItemFileWriter::Begin(arrow::RecordBatchVector batches) {
  int64_t rows = 0;
  for (const auto& batch : batches) {
    if (!batch->schema()->Equals(*state_->arrow_schema, /*check_metadata=*/false))
      return Internal("a batch has another schema than its file");
    RETURN_IF_ERROR(state_->summary.Add(*batch));
    rows += batch->num_rows();
  }
  if (rows > room()) return Internal("{} rows for a row group with room for {}", rows, room());
  state_->rows += rows;
  state_->group_rows += rows;
  state_->batches = std::move(batches);
  if (state_->row_group != nullptr) return {};
  return state_->Checked([&] {
    state_->row_group = state_->writer->AppendBufferedRowGroup();
    state_->columns.clear();
    for (int i = 0; i < state_->writer->num_columns(); ++i) {
      state_->columns.push_back(state_->row_group->column(i));
    }
    return arrow::Status::OK();
  });
}

int ItemFileWriter::tasks() const { return static_cast<int>(state_->paths.size()); }

Status ItemFileWriter::RunTask(int task) {
  const auto leaf = static_cast<size_t>(task);
  return state_->WriteLeaf(state_->paths[leaf], *state_->columns[leaf])
      .WithContext(state_->paths[leaf].dotted);
}

Status ItemFileWriter::End() {
  state_->batches.clear();
  return room() > 0 ? Status() : state_->CloseGroup();
}

Status ItemFileWriter::Write(const std::shared_ptr<arrow::RecordBatch>& batch) {
  for (int64_t done = 0; done < batch->num_rows();) {
    const int64_t take = std::min(batch->num_rows() - done, room());
    RETURN_IF_ERROR(Begin({batch->Slice(done, take)}));
    std::vector<Status> results(static_cast<size_t>(tasks()));
    ARROW_OR_RETURN(arrow::internal::ParallelFor(tasks(), [&](int task) {
      results[static_cast<size_t>(task)] = RunTask(task);
      return arrow::Status::OK();
    }));
    for (Status& result : results) RETURN_IF_ERROR(std::move(result));
    RETURN_IF_ERROR(End());
    done += take;
  }
  return {};
}

int64_t ItemFileWriter::rows() const { return state_->rows; }

Result<columnar::WrittenFile> ItemFileWriter::Finish(ItemFileFacts facts) {
  facts.rows = state_->rows;
  RETURN_IF_ERROR(state_->CloseGroup());
  RETURN_IF_ERROR(state_->Checked([&] {
    state_->writer->AddKeyValueMetadata(arrow::key_value_metadata(
        {"geo", "stac-geoparquet", "catchment"},
        {state_->summary.ToJson(), StacGeoParquetJson(state_->schema.collections),
         ItemFileFactsJson(facts)}));
    state_->writer->Close();
    return arrow::Status::OK();
  }));
  RETURN_IF_ERROR(state_->sink->Commit());
  return columnar::WrittenFile{.rows = state_->rows,
                               .bytes = state_->sink->bytes(),
                               .sha256 = state_->sink->Sha256Hex(),
                               .ranges = {}};
}

}  // namespace catchment::stac
