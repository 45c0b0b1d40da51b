#include "lake/table_read.h"

#include <arrow/api.h>

#include <algorithm>

#include "columnar/arrow_status.h"
#include "columnar/schema.h"
#include "lake/object_internal.h"

namespace catchment::lake {
namespace {

/// Larger tables stay in their files and are read as asked.
constexpr int64_t kStreamFromBytes = int64_t{64} << 20;

Result<std::vector<const LiveFile*>> Choose(const TableView& table, std::string_view name,
                                            const PartitionFilter& where) {
  std::vector<std::pair<size_t, std::optional<std::string>>> wanted;
  for (const auto& [partition, value] : where) {
    const auto at = std::find(table.partition.begin(), table.partition.end(), partition);
    if (at == table.partition.end()) {
      return Invalid("table {} is not partitioned by '{}'", name, partition);
    }
    wanted.emplace_back(static_cast<size_t>(at - table.partition.begin()), value);
  }
  std::vector<const LiveFile*> chosen;
  for (const LiveFile& live : table.files) {
    const bool match = std::all_of(wanted.begin(), wanted.end(), [&](const auto& want) {
      return live.file.partition[want.first] == want.second;
    });
    if (match) chosen.push_back(&live);
  }
  return chosen;
}

}  // namespace

bool HasPartition(const TableView& table, const PartitionFilter& where) {
  const auto chosen = Choose(table, "", where);
  return chosen.ok() && !chosen->empty();
}

View ViewOfTable(const View& view, const std::string& name, bool added) {
  View one;
  one.dataset = view.dataset;
  one.number = view.number;
  const auto found = view.tables.find(name);
  if (found == view.tables.end()) return one;
  std::vector<LiveFile>& files = one.tables.emplace(*found).first->second.files;
  if (added)
    std::erase_if(files, [&](const LiveFile& file) { return file.publish != view.number; });
  return one;
}

Result<std::vector<FetchedFile>> ListTableFiles(const ReadStore& store, const View& view,
                                                std::string_view name,
                                                const PartitionFilter& where) {
  const auto found = view.tables.find(std::string(name));
  if (found == view.tables.end())
    return NotFound("{} has no table '{}' at publish {}", view.dataset, name, view.number);
  ASSIGN_OR_RETURN(const std::vector<const LiveFile*> chosen, Choose(found->second, name, where));
  std::vector<FetchedFile> files;
  for (const LiveFile* live : chosen) {
    ASSIGN_OR_RETURN(std::filesystem::path path, FetchObject(store, view.dataset, live->file));
    files.push_back({std::move(path), *live});
  }
  return files;
}

Result<columnar::Table> ReadTable(const ReadStore& store, const View& view, std::string_view name,
                                  const ReadTableOptions& options) {
  const auto found = view.tables.find(std::string(name));
  if (found == view.tables.end()) {
    return NotFound("{} has no table '{}' at publish {}", view.dataset, name, view.number);
  }
  const TableView& table = found->second;
  ASSIGN_OR_RETURN(const auto schema, columnar::SchemaFromJson(table.schema), "table {}", name);
  ASSIGN_OR_RETURN(const std::vector<const LiveFile*> files, Choose(table, name, options.where));
  std::vector<std::filesystem::path> paths;
  int64_t bytes = 0;
  bool whole = true;
  for (const LiveFile* live : files) {
    ASSIGN_OR_RETURN(paths.emplace_back(), FetchObject(store, view.dataset, live->file));
    if (options.verify_sha256) {
      ASSIGN_OR_RETURN(const std::string digest, DigestOfFile(paths.back()));
      if (digest != live->file.sha256) {
        return Corrupt("{}/{}: its SHA-256 is not the manifest's; restore it from a backup",
                       view.dataset, live->file.path);
      }
    }
    bytes += live->file.bytes;
    whole = whole && std::none_of(live->file.origins.begin(), live->file.origins.end(),
                                  [](const FileOrigin& origin) { return origin.dropped; });
  }
  if (whole && bytes > kStreamFromBytes) {
    Result<columnar::Table> streamed = columnar::Table::FromParquetFiles(paths);
    // Files from before a column was added differ, and are cast below.
    if (streamed.ok() && columnar::SchemaFingerprint(*streamed->schema()) == table.fingerprint) {
      return streamed;
    }
  }
  std::vector<std::shared_ptr<arrow::Table>> parts;
  for (size_t i = 0; i < files.size(); ++i) {
    auto rows = ReadLiveRows(paths[i], files[i]->file, schema);
    if (!rows.ok() && rows.error().code == Code::kCorrupt) {
      return Corrupt("{}; restore the file from a backup", rows.error().message);
    }
    ASSIGN_OR_RETURN(parts.emplace_back(), std::move(rows), "table {}", name);
  }
  if (parts.empty()) return columnar::Table::Empty(schema);
  if (parts.size() == 1) return columnar::Table::FromArrow(parts.front());
  ASSIGN_ARROW_OR_RETURN(auto rows, arrow::ConcatenateTables(parts), "table {}", name);
  return columnar::Table::FromArrow(std::move(rows));
}

}  // namespace catchment::lake
