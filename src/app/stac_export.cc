#include "app/stac_export.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <numeric>
#include <optional>
#include <vector>

#include "base/file.h"
#include "base/op_context.h"
#include "columnar/arrow_status.h"
#include "columnar/sql.h"
#include "lake/history.h"
#include "lake/local_store.h"
#include "stac/item_file_reader.h"
#include "stac/item_json.h"

namespace catchment::app {
namespace {

constexpr size_t kWriteBytes = 1u << 20;

/// Standard output, or a file that appears whole or not at all.
class ItemOutput {
 public:
  static Result<ItemOutput> Open(const std::string& path) {
    ItemOutput output;
    if (path.empty() || path == "-") return output;
    ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Open(path));
    output.file_.emplace(std::move(file));
    return output;
  }
  Status Write(std::string& text, bool all) {
    if (text.size() < kWriteBytes && !all) return {};
    if (file_) {
      RETURN_IF_ERROR(file_->Write(text));
    } else if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
               (all && std::fflush(stdout) != 0)) {
      return FileError(errno, "write", "standard output");
    }
    text.clear();
    return {};
  }
  Status Finish() { return file_ ? file_->Commit(true) : Status(); }

 private:
  ItemOutput() = default;
  std::optional<AtomicFile> file_;
};

/// Which rows of a batch an SQL expression is true for, in their order.
Result<std::vector<int64_t>> RowsWhere(const std::shared_ptr<arrow::RecordBatch>& batch,
                                       const std::string& where, const std::stop_token& stop) {
  std::vector<int64_t> rows(static_cast<size_t>(batch->num_rows()));
  std::iota(rows.begin(), rows.end(), 0);
  if (where.empty() || rows.empty()) return rows;
  const auto numbers = std::make_shared<arrow::Int64Array>(static_cast<int64_t>(rows.size()),
                                                           arrow::Buffer::Wrap(rows));
  ASSIGN_ARROW_OR_RETURN(const auto numbered,
                         batch->AddColumn(0, arrow::field("row number", arrow::int64()), numbers));
  ASSIGN_ARROW_OR_RETURN(const auto table, arrow::Table::FromRecordBatches({numbered}));
  ASSIGN_OR_RETURN(const auto engine, columnar::SqlEngine::Open());
  RETURN_IF_ERROR(engine->AddTable("", "items", columnar::Table::FromArrow(table)));
  const OpContext context{.stop = stop, .prefix = "[stac export]"};
  ASSIGN_OR_RETURN(const columnar::Table chosen,
                   engine->Query({.text = "SELECT \"row number\" FROM items WHERE (" + where +
                                          "\n) ORDER BY \"row number\"",
                                  .file = "--where"},
                                 {}, {.context = &context}));
  ASSIGN_OR_RETURN(const auto found, chosen.Load());
  std::vector<int64_t> kept;
  for (const auto& chunk : found->column(0)->chunks()) {
    const auto& values = static_cast<const arrow::Int64Array&>(*chunk);
    kept.insert(kept.end(), values.raw_values(), values.raw_values() + values.length());
  }
  return kept;
}

/// Writes the items of one file after those of another.
class ItemExporter {
 public:
  ItemExporter(const StacExportRequest& request, ItemOutput output)
      : request_(request), output_(std::move(output)) {
    if (request.collection) text_ = "{\"type\":\"FeatureCollection\",\"features\":[";
  }

  Status Add(const std::filesystem::path& file) {
    ASSIGN_OR_RETURN(const auto reader, stac::ItemFileReader::Open(file));
    stac::ItemJson items(reader->schema(), {.with_added = request_.with_added});
    for (int group = 0; group < reader->groups(); ++group) {
      if (request_.stop.stop_requested()) return Cancelled("stopped while exporting items");
      ASSIGN_OR_RETURN(const auto batch, reader->ReadGroup(group));
      ASSIGN_OR_RETURN(const auto rows, RowsWhere(batch, request_.where, request_.stop));
      RETURN_IF_ERROR(items.Open(batch));
      for (const int64_t row : rows) {
        if (request_.collection) text_ += count_ == 0 ? "\n" : ",\n";
        RETURN_IF_ERROR(items.Append(row, text_), "{}", file.string());
        if (!request_.collection) text_ += '\n';
        ++count_;
        RETURN_IF_ERROR(output_.Write(text_, /*all=*/false));
      }
    }
    return {};
  }

  Result<int64_t> Finish() {
    if (request_.collection) text_ += "\n]}\n";
    RETURN_IF_ERROR(output_.Write(text_, /*all=*/true));
    RETURN_IF_ERROR(output_.Finish());
    return count_;
  }

 private:
  const StacExportRequest& request_;
  ItemOutput output_;
  std::string text_;
  int64_t count_ = 0;
};

/// The values that a month's partitions have, by partition name.
Result<std::map<std::string, std::string>> PartsOfMonth(std::string text) {
  if (text.size() == 6) text.insert(4, "-");
  const auto month = ParseTime(text + "-01");
  if (text.size() != 7 || !month.ok()) return Invalid("expected a month, e.g. 2024-01");
  std::map<std::string, std::string> parts;
  ASSIGN_OR_RETURN(parts["year"], FormatTime(*month, "%Y"));
  ASSIGN_OR_RETURN(parts["month"], FormatTime(*month, "%m"));
  return parts;
}

/// Whether a file's partition has these values; names that the table is not partitioned by do not
/// matter.
bool IsOf(const lake::LiveFile& live, const std::vector<std::string>& names,
          const std::map<std::string, std::string>& parts) {
  for (size_t i = 0; i < names.size() && i < live.file.partition.size(); ++i) {
    const auto wanted = parts.find(names[i]);
    if (wanted != parts.end() && live.file.partition[i] != wanted->second) return false;
  }
  return true;
}

/// The files of a dataset's table `items`, of one month if a slot is named.
Result<std::vector<std::filesystem::path>> DatasetFiles(const SettingsRequest& where,
                                                        const StacExportRequest& request) {
  ASSIGN_OR_RETURN(const Settings settings, LoadSettings(where));
  ASSIGN_OR_RETURN(const std::string dataset, DatasetOf(settings, request.from));
  ASSIGN_OR_RETURN(const auto store, lake::LocalStore::OpenRead(settings.lake_root));
  ASSIGN_OR_RETURN(const int64_t head, lake::FindHead(*store, dataset));
  if (head == 0) return NotFound("dataset '{}' has no publish yet", dataset);
  ASSIGN_OR_RETURN(const lake::View view, lake::LoadView(*store, dataset, head));
  const auto table = view.tables.find("items");
  if (table == view.tables.end())
    return NotFound("{} has no table 'items' at publish {}", dataset, head);
  std::map<std::string, std::string> parts;
  if (!request.slot.empty()) {
    ASSIGN_OR_RETURN(parts, PartsOfMonth(request.slot), "--slot {}", request.slot);
  }
  std::vector<std::filesystem::path> files;
  for (const lake::LiveFile& live : table->second.files) {
    if (IsOf(live, table->second.partition, parts))
      files.push_back(settings.lake_root / dataset / live.file.path);
  }
  if (files.empty() && !request.slot.empty())
    return NotFound("{} has nothing published for {}", dataset, request.slot);
  return files;
}

}  // namespace

Result<int64_t> StacExport(const SettingsRequest& settings, const StacExportRequest& request) {
  std::vector<std::filesystem::path> files = {request.from};
  if (!request.from.ends_with(".parquet") && !std::filesystem::is_regular_file(request.from)) {
    ASSIGN_OR_RETURN(files, DatasetFiles(settings, request));
  } else if (!request.slot.empty()) {
    return Invalid("--slot is of a dataset; {} is a file", request.from);
  }
  ASSIGN_OR_RETURN(ItemOutput output, ItemOutput::Open(request.output));
  ItemExporter exporter(request, std::move(output));
  for (const auto& file : files) RETURN_IF_ERROR(exporter.Add(file));
  return exporter.Finish();
}

}  // namespace catchment::app
