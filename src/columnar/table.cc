#include "columnar/table.h"

#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>

#include <utility>

#include "columnar/arrow_status.h"
#include "columnar/parquet_file.h"
#include "columnar/schema.h"

namespace catchment::columnar {
namespace {

constexpr int64_t kBatchRows = 65'536;

/// The rows of a table in memory, without copies.
class MemoryReader final : public BatchReader {
 public:
  explicit MemoryReader(std::shared_ptr<arrow::Table> rows)
      : rows_(std::move(rows)), reader_(*rows_) {
    reader_.set_chunksize(kBatchRows);
  }
  std::shared_ptr<arrow::Schema> schema() const override { return rows_->schema(); }
  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_OR_RETURN(reader_.ReadNext(&batch), "read rows in memory");
    return batch;
  }

 private:
  const std::shared_ptr<arrow::Table> rows_;
  arrow::TableBatchReader reader_;
};

/// Parquet files one after the other; one is open at a time.
class FilesReader final : public BatchReader {
 public:
  FilesReader(std::shared_ptr<arrow::Schema> schema, std::vector<std::filesystem::path> files)
      : schema_(std::move(schema)), files_(std::move(files)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    while (true) {
      if (open_ == nullptr) {
        if (next_ == files_.size()) return std::shared_ptr<arrow::RecordBatch>();
        ASSIGN_OR_RETURN(open_, OpenParquet(files_[next_++]));
      }
      ASSIGN_OR_RETURN(std::shared_ptr<arrow::RecordBatch> batch, open_->Next());
      if (batch == nullptr) {
        open_.reset();
        continue;
      }
      return batch->ReplaceSchemaMetadata(schema_->metadata());
    }
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  const std::vector<std::filesystem::path> files_;
  size_t next_ = 0;
  std::unique_ptr<BatchReader> open_;
};

/// Names the first difference; empty if there is none.
std::string Difference(const arrow::Schema& one, const arrow::Schema& other) {
  for (int i = 0; i < one.num_fields(); ++i) {
    const std::string& name = one.field(i)->name();
    if (i >= other.num_fields()) return fmt::format("column \"{}\" is missing", name);
    if (other.field(i)->name() != name) {
      return fmt::format("column {} is \"{}\", not \"{}\"", i + 1, other.field(i)->name(), name);
    }
    if (!one.field(i)->type()->Equals(*other.field(i)->type())) {
      return fmt::format("column \"{}\" is {}, not {}", name, TypeName(*other.field(i)->type()),
                         TypeName(*one.field(i)->type()));
    }
  }
  if (other.num_fields() > one.num_fields()) {
    return fmt::format("column \"{}\" is new", other.field(one.num_fields())->name());
  }
  return {};
}

}  // namespace

Table::Table() : Table(Empty(arrow::schema({}))) {}

Table Table::Empty(std::shared_ptr<arrow::Schema> schema) {
  // MakeEmpty fails only for types that cannot be built at all; such a schema has no arrays anyway.
  auto rows = arrow::Table::MakeEmpty(std::move(schema));
  return FromArrow(
      rows.ok() ? *rows : arrow::Table::Make(arrow::schema({}), arrow::ChunkedArrayVector{}, 0));
}

Table Table::FromArrow(std::shared_ptr<arrow::Table> rows) { return Table(std::move(rows)); }

Table::Table(std::shared_ptr<arrow::Table> rows)
    : schema_(rows->schema()), rows_(std::move(rows)), num_rows_(rows_->num_rows()) {}

Result<Table> Table::FromParquetFiles(std::vector<std::filesystem::path> files) {
  if (files.empty())
    return Invalid("a table of Parquet files needs at least one file; for no rows give a schema");
  std::shared_ptr<arrow::Schema> schema;
  int64_t rows = 0;
  for (const std::filesystem::path& file : files) {
    ASSIGN_OR_RETURN(const ParquetInfo info, InspectParquet(file));
    if (schema == nullptr) {
      schema = info.schema;
    } else if (const std::string difference = Difference(*schema, *info.schema);
               !difference.empty()) {
      return Invalid("{}: {}, as {} has it; files of one table have one schema", file.string(),
                     difference, files.front().string());
    }
    rows += info.rows;
  }
  Table table = Empty(schema);
  table.rows_.reset();
  table.files_ = std::move(files);
  table.num_rows_ = rows;
  return table;
}

Result<std::shared_ptr<arrow::Table>> Table::Load() const {
  return Load(std::vector<std::string>{});
}

Result<std::shared_ptr<arrow::Table>> Table::Load(const std::vector<std::string>& columns) const {
  if (files_.empty()) {
    if (columns.empty()) return rows_;
    std::vector<int> indices;
    for (const std::string& column : columns) {
      const int index = schema_->GetFieldIndex(column);
      if (index < 0) return NotFound("there is no column \"{}\"", column);
      indices.push_back(index);
    }
    ASSIGN_ARROW_OR_RETURN(auto selected, rows_->SelectColumns(indices));
    return selected;
  }
  std::vector<std::shared_ptr<arrow::Table>> parts;
  for (const std::filesystem::path& file : files_) {
    ASSIGN_OR_RETURN(auto part, ReadParquet(file, {.columns = columns}));
    parts.push_back(part->ReplaceSchemaMetadata(schema_->metadata()));
  }
  if (parts.size() == 1) return parts.front();
  ASSIGN_ARROW_OR_RETURN(auto all, arrow::ConcatenateTables(parts), "join {} files", parts.size());
  return all;
}

Result<std::unique_ptr<BatchReader>> Table::Read() const {
  if (files_.empty()) return std::unique_ptr<BatchReader>(std::make_unique<MemoryReader>(rows_));
  return std::unique_ptr<BatchReader>(std::make_unique<FilesReader>(schema_, files_));
}

Result<Table> ReadAll(BatchReader& reader) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  while (true) {
    ASSIGN_OR_RETURN(std::shared_ptr<arrow::RecordBatch> batch, reader.Next());
    if (batch == nullptr) break;
    batches.push_back(std::move(batch));
  }
  ASSIGN_ARROW_OR_RETURN(auto rows, arrow::Table::FromRecordBatches(reader.schema(), batches));
  return Table::FromArrow(std::move(rows));
}

}  // namespace catchment::columnar
