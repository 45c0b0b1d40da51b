#include "lake/exports.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/file.h"
#include "columnar/csv_file.h"
#include "columnar/json_file.h"
#include "columnar/parquet_file.h"
#include "columnar/schema.h"
#include "lake/json_fields_internal.h"
#include "lake/object_internal.h"
#include "lake/settled_internal.h"
#include "lake/table_read.h"

namespace catchment::lake {
namespace {

namespace fs = std::filesystem;

constexpr std::pair<std::string_view, ExportFormat> kFormats[] = {
    {"json", ExportFormat::kJson},       {"ndjson", ExportFormat::kNdjson},
    {"csv", ExportFormat::kCsv},         {"csv.gz", ExportFormat::kCsvGz},
    {"parquet", ExportFormat::kParquet}, {"text", ExportFormat::kText},
};

Status WriteLines(const columnar::Table& rows, const fs::path& path) {
  ASSIGN_OR_RETURN(const auto table, rows.Load());
  if (table->num_columns() != 1 || table->field(0)->type()->id() != arrow::Type::STRING) {
    return Invalid("as: text takes a table of one text column; this one is {}",
                   columnar::SchemaToJson(*table->schema()).dump());
  }
  std::string text;
  for (const auto& chunk : table->column(0)->chunks()) {
    const auto& cells = static_cast<const arrow::StringArray&>(*chunk);
    for (int64_t row = 0; row < cells.length(); ++row) {
      if (cells.IsValid(row)) text += cells.GetView(row);
      text += '\n';
    }
  }
  return WriteFileAtomically(path, text);
}

/// Write rows in a format; the same rows always give the same bytes.
Status WriteRows(const columnar::Table& rows, ExportFormat format, const fs::path& path) {
  columnar::TextFileOptions text;
  text.durable = false;  // the root makes it so
  text.compression =
      format == ExportFormat::kCsvGz ? columnar::Compression::kGzip : columnar::Compression::kNone;
  columnar::JsonFormat json;
  switch (format) {
    case ExportFormat::kNdjson:
      json.shape = columnar::JsonShape::kLines;
      [[fallthrough]];
    case ExportFormat::kJson:
      return columnar::WriteJson(rows, path, json, text).status();
    case ExportFormat::kCsv:
    case ExportFormat::kCsvGz:
      return columnar::WriteCsv(rows, path, {}, text).status();
    case ExportFormat::kParquet: {
      columnar::ParquetOptions options;
      options.durable = false;
      return columnar::WriteParquet(rows, path, options).status();
    }
    case ExportFormat::kText:
      return WriteLines(rows, path);
  }
  return Internal("an export format without a writer");
}

/// The view of the table alone. A month's path holds that month, not all there are.
View ExportedTable(const View& view, const ExportItem& item) {
  const auto found = view.tables.find(item.record.table);
  const bool of_slot = found != view.tables.end() && found->second.mode == TableMode::kPartition &&
                       !item.record.slotless;
  return ViewOfTable(view, item.record.table, /*added=*/of_slot);
}

/// The one data object that a Parquet export of a table can copy byte for byte; null if there is
/// none.
const FileEntry* WholeFile(const View& view, const ExportItem& item, ExportFormat format) {
  if (format != ExportFormat::kParquet) return nullptr;
  const auto table = view.tables.find(item.record.table);
  if (table == view.tables.end() || table->second.files.size() != 1) return nullptr;
  const FileEntry& file = table->second.files.front().file;
  const bool whole = std::none_of(file.origins.begin(), file.origins.end(),
                                  [](const FileOrigin& origin) { return origin.dropped; });
  return whole ? &file : nullptr;
}

/// Whether `found` is a newer publish's export. kExists: another dataset's.
Result<bool> NewerStands(const ExportRoot& root, const std::optional<ExportFound>& found,
                         const ExportItem& item) {
  if (!found || !found->mark) return false;
  if (found->mark->dataset != item.dataset) {
    if (item.takeover) return false;
    return BelongsToAnother(root, item.record.path, found->mark->dataset);
  }
  return found->mark->publish > item.publish;
}

/// Whether `found` is the copy that an earlier publish made of the same data object.
bool SameObjectStands(const ReadStore& store, const View& view, const ExportItem& item,
                      const std::optional<ExportFound>& found, const FileEntry& whole) {
  if (!found || !found->mark || found->mark->dataset != item.dataset ||
      found->mark->publish >= item.publish || found->mark->publish == 0 ||
      found->bytes != static_cast<uint64_t>(whole.bytes))
    return false;
  const Result<Manifest> earlier = ReadManifest(store, view.dataset, found->mark->publish);
  if (!earlier.ok()) return false;  // pruned: written again
  const auto table = earlier->tables.find(item.record.table);
  return table != earlier->tables.end() && table->second.files.size() == 1 &&
         table->second.files.front().sha256 == whole.sha256;
}

}  // namespace

std::string JointName(const std::vector<std::string>& datasets) {
  return fmt::format("{}", fmt::join(datasets, "+"));
}

Error BelongsToAnother(const ExportRoot& root, std::string_view path, std::string_view owner) {
  return Exists("{}/{} belongs to {}; choose another path, or take it over with --takeover",
                root.Name(), path, owner);
}

Result<ExportFormat> ParseExportFormat(std::string_view as) {
  for (const auto& [name, format] : kFormats) {
    if (name == as) return format;
  }
  return Invalid("export as '{}': expected json, ndjson, csv, csv.gz, parquet or text", as);
}

Result<ExportOutcome> WriteExport(ExportRoot& root, const ReadStore& store, const View& view,
                                  const ExportItem& item) {
  RETURN_IF_ERROR(CheckKey(item.record.path), "export {}", item.record.id);
  ASSIGN_OR_RETURN(const std::optional<ExportFound> found, root.Find(item.record.path), "export {}",
                   item.record.id);
  ASSIGN_OR_RETURN(const bool newer, NewerStands(root, found, item), "export {}", item.record.id);
  if (newer) return ExportOutcome::kNewerLeftAlone;
  ExportMark mark{item.dataset, item.publish, item.file_rows};
  if (item.file) {
    RETURN_IF_ERROR(root.Put(item.record.path, *item.file, mark), "export {}", item.record.id);
    return ExportOutcome::kWritten;
  }
  ASSIGN_OR_RETURN(const ExportFormat format, ParseExportFormat(item.record.as), "export {}",
                   item.record.id);
  const View exported = ExportedTable(view, item);
  if (const FileEntry* whole = item.rows ? nullptr : WholeFile(exported, item, format)) {
    if (SameObjectStands(store, view, item, found, *whole)) return ExportOutcome::kUnchanged;
    ASSIGN_OR_RETURN(const fs::path source, FetchObject(store, view.dataset, *whole));
    mark.rows = whole->rows;
    RETURN_IF_ERROR(root.Put(item.record.path, source, mark), "export {}", item.record.id);
    return ExportOutcome::kWritten;
  }
  columnar::Table rows;
  if (item.rows) {
    rows = *item.rows;
  } else {
    ASSIGN_OR_RETURN(rows, ReadTable(store, exported, item.record.table), "export {}",
                     item.record.id);
  }
  mark.rows = rows.num_rows();
  ASSIGN_OR_RETURN(const StagingFile staging, root.NewStagingFile());
  RETURN_IF_ERROR(WriteRows(rows, format, staging.path()), "export {}", item.record.id);
  RETURN_IF_ERROR(root.Put(item.record.path, staging.path(), mark), "export {}", item.record.id);
  return ExportOutcome::kWritten;
}

Result<std::vector<OwedExport>> OwedExports(const ReadStore& store, std::string_view dataset) {
  ASSIGN_OR_RETURN(const std::vector<Manifest> manifests, UnsettledManifests(store, dataset));
  std::vector<OwedExport> owed;
  for (size_t i = 0; i < manifests.size(); ++i) {
    const Manifest& manifest = manifests[i];
    for (const ExportRecord& record : manifest.exports) {
      if (Superseded(manifests, i, record)) continue;
      ASSIGN_OR_RETURN(const bool done, IsExported(store, dataset, manifest.number, record.id));
      if (done) continue;
      owed.push_back({manifest.number, manifest.slot, manifest.slot_time, manifest.run, record});
    }
  }
  return owed;
}

Status MarkExported(WriteStore& store, std::string_view dataset, int64_t publish,
                    std::string_view export_id, ExportOutcome outcome, Time now) {
  const nlohmann::json mark = {
      {"time", FormatTime(now)},
      {"outcome", outcome == ExportOutcome::kWritten     ? "written"
                  : outcome == ExportOutcome::kUnchanged ? "unchanged"
                                                         : "newer left alone"}};
  const Status put =
      store.PutIfAbsent(fmt::format("{}exports/{}.json", OutboxFolder(dataset, publish), export_id),
                        mark.dump() + "\n");
  if (!put.ok() && put.error().code == Code::kExists) return {};
  return put;
}

}  // namespace catchment::lake
