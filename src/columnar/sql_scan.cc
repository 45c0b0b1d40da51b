#include <arrow/c/bridge.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <algorithm>

#include "columnar/arrow_status.h"
#include "columnar/sql_scan_internal.h"

namespace catchment::columnar {
namespace {

Result<OwnedConverted> Convert(duckdb_connection connection, const arrow::Schema& schema) {
  ArrowSchema exported;
  ARROW_OR_RETURN(arrow::ExportSchema(schema, &exported));
  OwnedConverted converted;
  Status status = FromErrorData(duckdb_schema_from_arrow(connection, &exported, converted.out()));
  if (exported.release != nullptr) exported.release(&exported);
  RETURN_IF_ERROR(status);
  return converted;
}

Result<OwnedChunk> Convert(duckdb_connection connection, const OwnedConverted& schema,
                           const arrow::RecordBatch& batch) {
  ArrowArray exported;
  ARROW_OR_RETURN(arrow::ExportRecordBatch(batch, &exported));
  OwnedChunk chunk;
  Status status =
      FromErrorData(duckdb_data_chunk_from_arrow(connection, &exported, schema.get(), chunk.out()));
  if (!status.ok() && exported.release != nullptr) exported.release(&exported);
  RETURN_IF_ERROR(status);
  return chunk;
}

}  // namespace

/// A scan on its way through the batches.
struct TableScan::Progress {
  std::vector<int> columns;      // of the table, that the query reads
  std::vector<idx_t> positions;  // of these in what DuckDB wants
  OwnedConverted converted;      // the schema of these
  size_t batch = 0;
  int64_t row = 0;
};

TableScan::TableScan(duckdb_connection converter, std::shared_ptr<arrow::Schema> schema,
                     arrow::RecordBatchVector batches)
    : converter_(converter), schema_(std::move(schema)), batches_(std::move(batches)) {
  for (const auto& batch : batches_) rows_ += batch->num_rows();
}

Result<std::unique_ptr<TableScan>> TableScan::Make(duckdb_connection converter,
                                                   std::shared_ptr<arrow::Schema> schema,
                                                   arrow::RecordBatchVector batches) {
  std::unique_ptr<TableScan> scan(new TableScan(converter, std::move(schema), std::move(batches)));
  RETURN_IF_ERROR(scan->FindTypes());
  return scan;
}

Status TableScan::FindTypes() {
  ASSIGN_OR_RETURN(const OwnedConverted converted, Convert(converter_, *schema_));
  ASSIGN_ARROW_OR_RETURN(const auto empty, arrow::RecordBatch::MakeEmpty(schema_));
  ASSIGN_OR_RETURN(const OwnedChunk chunk, Convert(converter_, converted, *empty));
  types_.resize(static_cast<size_t>(schema_->num_fields()));
  for (size_t at = 0; at < types_.size(); ++at) {
    *types_[at].out() =
        duckdb_vector_get_column_type(duckdb_data_chunk_get_vector(chunk.get(), at));
  }
  return {};
}

Status TableScan::Register(duckdb_connection connection, const std::string& name) {
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, name.c_str());
  duckdb_table_function_set_extra_info(function, this, nullptr);
  duckdb_table_function_set_bind(function, &TableScan::OnBind);
  duckdb_table_function_set_init(function, &TableScan::OnBegin);
  duckdb_table_function_set_function(function, &TableScan::OnNext);
  duckdb_table_function_supports_projection_pushdown(function, true);
  const duckdb_state state = duckdb_register_table_function(connection, function);
  duckdb_destroy_table_function(&function);
  return state == DuckDBSuccess ? Status() : Internal("DuckDB does not take {}", name);
}

Status TableScan::Begin(duckdb_init_info info, Progress& progress) const {
  arrow::FieldVector fields;
  for (idx_t at = 0; at < duckdb_init_get_column_count(info); ++at) {
    const idx_t column = duckdb_init_get_column_index(info, at);
    if (column >= types_.size()) continue;  // only the number of rows is asked for
    progress.columns.push_back(static_cast<int>(column));
    progress.positions.push_back(at);
    fields.push_back(schema_->field(static_cast<int>(column)));
  }
  if (fields.empty()) return {};
  ASSIGN_OR_RETURN(progress.converted, Convert(converter_, *arrow::schema(std::move(fields))));
  return {};
}

Status TableScan::Next(Progress& progress, duckdb_data_chunk output) const {
  while (progress.batch < batches_.size() && progress.row >= batches_[progress.batch]->num_rows()) {
    ++progress.batch;
    progress.row = 0;
  }
  if (progress.batch >= batches_.size()) {
    duckdb_data_chunk_set_size(output, 0);
    return {};
  }
  const auto step = static_cast<int64_t>(duckdb_vector_size());
  const auto rows = batches_[progress.batch]->Slice(progress.row, step);
  progress.row += step;
  if (!progress.columns.empty()) {
    ASSIGN_ARROW_OR_RETURN(const auto chosen, rows->SelectColumns(progress.columns));
    ASSIGN_OR_RETURN(const OwnedChunk chunk, Convert(converter_, progress.converted, *chosen));
    for (size_t at = 0; at < progress.positions.size(); ++at) {
      duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(output, progress.positions[at]),
                                     duckdb_data_chunk_get_vector(chunk.get(), at));
    }
  }
  duckdb_data_chunk_set_size(output, static_cast<idx_t>(rows->num_rows()));
  return {};
}

void TableScan::OnBind(duckdb_bind_info info) {
  const auto& self = *static_cast<const TableScan*>(duckdb_bind_get_extra_info(info));
  for (size_t at = 0; at < self.types_.size(); ++at) {
    duckdb_bind_add_result_column(info, self.schema_->field(static_cast<int>(at))->name().c_str(),
                                  self.types_[at].get());
  }
  duckdb_bind_set_cardinality(info, static_cast<idx_t>(self.rows_), true);
}

void TableScan::OnBegin(duckdb_init_info info) {
  const auto& self = *static_cast<const TableScan*>(duckdb_init_get_extra_info(info));
  auto progress = std::make_unique<Progress>();
  if (const Status begun = self.Begin(info, *progress); !begun.ok())
    return duckdb_init_set_error(info, begun.error().message.c_str());
  duckdb_init_set_max_threads(info, 1);  // rows come in their order
  duckdb_init_set_init_data(info, progress.release(),
                            [](void* data) { delete static_cast<Progress*>(data); });
}

void TableScan::OnNext(duckdb_function_info info, duckdb_data_chunk output) {
  const auto& self = *static_cast<const TableScan*>(duckdb_function_get_extra_info(info));
  auto& progress = *static_cast<Progress*>(duckdb_function_get_init_data(info));
  if (const Status next = self.Next(progress, output); !next.ok())
    duckdb_function_set_error(info, next.error().message.c_str());
}

}  // namespace catchment::columnar
