#include "stac/item_file_reader.h"

#include <arrow/io/file.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <fcntl.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <cerrno>
#include <map>

#include "base/file.h"
#include "columnar/arrow_status.h"
#include "columnar/initialize.h"
#include "columnar/parquet_call.h"
#include "columnar/parquet_file.h"

namespace catchment::stac {

struct ItemFileReader::State {
  /// Run a call of Parquet's reader; its exceptions are damage of the file.
  template <typename Call>
  Status Checked(const Call& call) const {
    const arrow::Status status = columnar::CallParquet(call);
    if (status.ok()) return {};
    return Status(columnar::FromArrowReading(status)).WithContext(name);
  }

  Status Load() {
    parquet::ArrowReaderProperties with_json;
    with_json.set_arrow_extensions_enabled(true);
    std::shared_ptr<arrow::Schema> arrow_schema;
    RETURN_IF_ERROR(Checked([&] {
      return parquet::arrow::FromParquetSchema(metadata->schema(), with_json, &arrow_schema);
    }));
    const auto pairs = metadata->key_value_metadata();
    for (int64_t i = 0; pairs != nullptr && i < pairs->size(); ++i) {
      keys.emplace(pairs->key(i), pairs->value(i));
    }
    std::vector<std::string> added;
    if (const auto found = keys.find("catchment"); found != keys.end()) {
      ASSIGN_OR_RETURN(facts, ParseItemFileFacts(found->second), "{}", name);
      added = facts->added;
    }
    ASSIGN_OR_RETURN(schema, ItemSchemaFromArrow(*arrow_schema, added), "{}", name);
    return {};
  }

  std::string name;
  std::unique_ptr<parquet::arrow::FileReader> reader;
  std::shared_ptr<parquet::FileMetaData> metadata;
  std::map<std::string, std::string> keys;
  std::optional<ItemFileFacts> facts;
  ItemSchema schema;

  // Of ReadNext.
  int next_group = 0;
  std::unique_ptr<arrow::RecordBatchReader> pieces;  // of the group before; null: none
};

ItemFileReader::ItemFileReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ItemFileReader::~ItemFileReader() = default;

Result<std::unique_ptr<ItemFileReader>> ItemFileReader::Open(const std::filesystem::path& path) {
  // Looks at both ends and the footer's length before Arrow does.
  RETURN_IF_ERROR(columnar::InspectParquet(path).status());
  auto state = std::make_unique<State>();
  state->name = path.string();
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return FileError(errno, "open", path);
  RETURN_IF_ERROR(state->Checked([&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::ReadableFile::Open(descriptor));
    parquet::ReaderProperties properties = parquet::default_reader_properties();
    properties.set_page_checksum_verification(true);
    parquet::arrow::FileReaderBuilder builder;
    ARROW_RETURN_NOT_OK(builder.Open(file, properties));
    builder.properties(parquet::ArrowReaderProperties(/*use_threads=*/true));
    ARROW_RETURN_NOT_OK(builder.Build(&state->reader));
    state->metadata = state->reader->parquet_reader()->metadata();
    return arrow::Status::OK();
  }));
  RETURN_IF_ERROR(state->Load());
  return std::unique_ptr<ItemFileReader>(new ItemFileReader(std::move(state)));
}

const ItemSchema& ItemFileReader::schema() const { return state_->schema; }
const std::string& ItemFileReader::name() const { return state_->name; }
int64_t ItemFileReader::rows() const { return state_->metadata->num_rows(); }
int ItemFileReader::groups() const { return state_->metadata->num_row_groups(); }
uint32_t ItemFileReader::footer_bytes() const { return state_->metadata->size(); }
const std::optional<ItemFileFacts>& ItemFileReader::facts() const { return state_->facts; }
parquet::ParquetFileReader& ItemFileReader::parquet() const {
  return *state_->reader->parquet_reader();
}

const std::string* ItemFileReader::Metadata(const std::string& key) const {
  const auto found = state_->keys.find(key);
  return found == state_->keys.end() ? nullptr : &found->second;
}

Result<std::shared_ptr<arrow::RecordBatch>> ItemFileReader::ReadGroup(
    int group, const std::vector<std::string>& columns) {
  std::vector<int> leaves;
  const auto* const schema = state_->metadata->schema();
  for (int i = 0; i < schema->num_columns(); ++i) {
    const std::string& root = schema->GetColumnRoot(i)->name();
    if (columns.empty() || std::find(columns.begin(), columns.end(), root) != columns.end())
      leaves.push_back(i);
  }
  std::shared_ptr<arrow::RecordBatch> batch;
  RETURN_IF_ERROR(state_->Checked([&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(const auto rows, state_->reader->ReadRowGroup(group, leaves));
    ARROW_ASSIGN_OR_RAISE(batch, rows->CombineChunksToBatch());
    return batch->ValidateFull();
  }));
  return batch;
}

Result<std::shared_ptr<arrow::RecordBatch>> ItemFileReader::ReadNext(int64_t rows) {
  std::shared_ptr<arrow::RecordBatch> batch;
  while (batch == nullptr && (state_->pieces != nullptr || state_->next_group < groups())) {
    RETURN_IF_ERROR(state_->Checked([&]() -> arrow::Status {
      if (state_->pieces == nullptr) {
        state_->reader->set_batch_size(rows);
        ARROW_ASSIGN_OR_RAISE(state_->pieces,
                              state_->reader->GetRecordBatchReader({state_->next_group++}));
      }
      ARROW_ASSIGN_OR_RAISE(batch, state_->pieces->Next());
      return batch == nullptr ? arrow::Status::OK() : batch->ValidateFull();
    }));
    if (batch == nullptr) state_->pieces.reset();
    if (batch != nullptr && batch->num_rows() == 0) batch.reset();
  }
  return batch;
}

}  // namespace catchment::stac
