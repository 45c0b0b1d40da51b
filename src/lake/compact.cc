#include "lake/compact.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <map>

#include "columnar/arrow_status.h"
#include "columnar/parquet_file.h"
#include "columnar/schema.h"
#include "lake/history.h"
#include "lake/journal_internal.h"
#include "lake/object_internal.h"
#include "lake/publish.h"

namespace catchment::lake {
namespace {

using Neighbours = std::vector<const LiveFile*>;

/// A rewritten file before it is stored.
struct Merged {
  FileEntry entry;
  StagingFile staging;
};

struct Work {
  Journal journal;
  std::vector<std::pair<std::string, std::filesystem::path>> puts;
  std::vector<StagingFile> staging;
};

/// Where the rows of a file came from, without those that a revision dropped.
void AddOrigins(const LiveFile& live, std::vector<FileOrigin>& origins) {
  if (live.file.origins.empty()) {
    origins.push_back({live.slot, live.publish, live.file.rows, false});
  }
  for (const FileOrigin& origin : live.file.origins) {
    if (!origin.dropped) origins.push_back(origin);
  }
}

Result<Merged> Merge(WriteStore& store, const View& view, const std::string& name,
                     const TableView& table, const Neighbours& files, const RunId& run) {
  ASSIGN_OR_RETURN(const auto schema, columnar::SchemaFromJson(table.schema), "table {}", name);
  std::vector<std::shared_ptr<arrow::Table>> parts;
  FileEntry entry;
  for (const LiveFile* live : files) {
    ASSIGN_OR_RETURN(const std::filesystem::path path,
                     FetchObject(store, view.dataset, live->file));
    ASSIGN_OR_RETURN(parts.emplace_back(), ReadLiveRows(path, live->file, schema));
    AddOrigins(*live, entry.origins);
  }
  ASSIGN_ARROW_OR_RETURN(auto rows, arrow::ConcatenateTables(parts), "table {}", name);
  ASSIGN_OR_RETURN(StagingFile staging, store.NewStagingFile());
  columnar::ParquetOptions options;
  options.key_columns = table.key;
  options.durable = false;
  ASSIGN_OR_RETURN(
      const columnar::WrittenFile written,
      columnar::WriteParquet(columnar::Table::FromArrow(std::move(rows)), staging.path(), options));
  entry.rows = written.rows;
  entry.bytes = written.bytes;
  entry.sha256 = written.sha256;
  entry.partition = files.front()->file.partition;
  for (const auto& [column, range] : written.ranges) {
    if (!range.min.is_null()) entry.bounds[column] = {{"min", range.min}, {"max", range.max}};
  }
  const std::string folder = PartitionPath(table.partition, entry.partition);
  entry.path = fmt::format("data/{}/{}{}{}-{}.parquet", name, folder, folder.empty() ? "" : "/",
                           run.text, entry.sha256.substr(0, 16));
  return Merged{std::move(entry), std::move(staging)};
}

/// Restate one partition: neighbouring small files become one, the others stay, the order of the
/// rows too.
Status CompactPartition(WriteStore& store, const View& view, const std::string& name,
                        const TableView& table, const Neighbours& files, const RunId& run,
                        const CompactOptions& options, ManifestTable& restated, Work& work) {
  Neighbours small;
  const auto flush = [&]() -> Status {
    if (small.size() == 1) restated.files.push_back(small.front()->file);
    if (small.size() > 1) {
      ASSIGN_OR_RETURN(Merged merged, Merge(store, view, name, table, small, run));
      const std::string key = fmt::format("{}/{}", view.dataset, merged.entry.path);
      work.journal.objects[merged.entry.path] = merged.entry.bytes;
      work.puts.emplace_back(key, merged.staging.path());
      work.staging.push_back(std::move(merged.staging));
      restated.files.push_back(std::move(merged.entry));
    }
    small.clear();
    return {};
  };
  for (const LiveFile* live : files) {
    if (live->file.bytes < options.large_bytes) {
      small.push_back(live);
      continue;
    }
    RETURN_IF_ERROR(flush());
    restated.files.push_back(live->file);
  }
  RETURN_IF_ERROR(flush());
  restated.touched.push_back(files.front()->file.partition);
  return {};
}

bool Worthwhile(const Neighbours& files, const CompactOptions& options) {
  int64_t small = 0;
  bool neighbours = false, before = false;
  for (const LiveFile* live : files) {
    const bool is_small = live->file.bytes < options.large_bytes;
    small += is_small ? 1 : 0;
    neighbours = neighbours || (is_small && before);
    before = is_small;
  }
  return neighbours && small >= options.min_files;
}

Status CompactTable(WriteStore& store, const View& view, const std::string& name,
                    const TableView& table, const RunId& run, const CompactOptions& options,
                    Manifest& manifest, Work& work) {
  std::map<PartitionValues, Neighbours> partitions;
  for (const LiveFile& live : table.files) partitions[live.file.partition].push_back(&live);
  ManifestTable restated;
  for (const auto& [values, files] : partitions) {
    if (options.open && options.open(name, values)) continue;
    if (!Worthwhile(files, options)) continue;
    RETURN_IF_ERROR(
        CompactPartition(store, view, name, table, files, run, options, restated, work));
  }
  if (restated.touched.empty()) return {};
  restated.schema = table.schema;
  restated.fingerprint = table.fingerprint;
  restated.mode = table.mode;
  restated.key = table.key;
  restated.partition = table.partition;
  manifest.tables[name] = std::move(restated);
  return {};
}

}  // namespace

Result<std::optional<Manifest>> Compact(WriteStore& store, std::string_view dataset,
                                        const RunId& run, const CompactOptions& options,
                                        const OpContext& context) {
  ASSIGN_OR_RETURN(const View view, LoadView(store, dataset));
  Manifest manifest;
  manifest.kind = PublishKind::kCompact;
  manifest.slot = view.newest_slot;
  manifest.slot_time = view.newest_slot_time;
  manifest.run = run;
  manifest.published = context.clock->Now();
  manifest.simulated = context.clock->simulated();
  manifest.state = view.state;
  Work work;
  for (const auto& [name, table] : view.tables) {
    RETURN_IF_ERROR(context.Check());
    if (table.mode != TableMode::kAppend) continue;
    RETURN_IF_ERROR(CompactTable(store, view, name, table, run, options, manifest, work),
                    "compact {}", dataset);
  }
  if (manifest.tables.empty()) return std::optional<Manifest>();
  const std::string journal = JournalKey(dataset, manifest.slot, run);
  RETURN_IF_ERROR(WriteJournal(store, journal, work.journal));
  RETURN_IF_ERROR(store.PutFiles(work.puts));
  ASSIGN_OR_RETURN(Manifest made, CommitManifest(store, view, std::move(manifest)));
  // A journal that stays is removed by Recover.
  static_cast<void>(store.Delete(journal).ok());
  return std::optional<Manifest>(std::move(made));
}

}  // namespace catchment::lake
