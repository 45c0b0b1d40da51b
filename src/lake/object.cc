#include <arrow/api.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <vector>

#include "base/digest.h"
#include "base/file.h"
#include "columnar/arrow_status.h"
#include "columnar/parquet_file.h"
#include "columnar/schema.h"
#include "lake/object_internal.h"

namespace catchment::lake {

Status ReadInPieces(const std::filesystem::path& path,
                    const std::function<Status(std::string_view)>& visit) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             std::fclose);
  if (!file) return FileError(errno, "open", path);
  std::vector<char> buffer(1 << 20);
  while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    RETURN_IF_ERROR(visit({buffer.data(), got}));
  }
  if (std::ferror(file.get()) != 0) return FileError(errno, "read", path);
  return {};
}

Result<std::string> DigestOfFile(const std::filesystem::path& path) {
  Sha256 digest;
  RETURN_IF_ERROR(ReadInPieces(path, [&](std::string_view piece) -> Status {
    digest.Update(piece);
    return {};
  }));
  return digest.Hex();
}

Result<std::filesystem::path> FetchObject(const ReadStore& store, std::string_view dataset,
                                          const FileEntry& file) {
  const std::string key = fmt::format("{}/{}", dataset, file.path);
  const Result<uint64_t> size = store.Size(key);
  if (!size.ok() && size.error().code == Code::kNotFound) {
    return Corrupt(
        "{}: the object is missing; restore it from a backup, `catchment verify {}` lists all", key,
        dataset);
  }
  if (!size.ok()) return size.status();
  if (*size != static_cast<uint64_t>(file.bytes)) {
    return Corrupt("{}: {} bytes, but its manifest says {}; restore it from a backup", key, *size,
                   file.bytes);
  }
  return store.Fetch(key);
}

Result<std::shared_ptr<arrow::Table>> ReadLiveRows(const std::filesystem::path& path,
                                                   const FileEntry& file,
                                                   const std::shared_ptr<arrow::Schema>& schema) {
  ASSIGN_OR_RETURN(std::shared_ptr<arrow::Table> rows, columnar::ReadParquet(path));
  if (rows->num_rows() != file.rows) {
    return Corrupt("{}: {} rows, but its manifest says {}; restore it from a backup", path.string(),
                   rows->num_rows(), file.rows);
  }
  // Columns are only ever added to a table, so that it knows all of an old file's.
  for (const std::string& column : rows->ColumnNames()) {
    if (schema->GetFieldIndex(column) >= 0) continue;
    return Corrupt("{}: column \"{}\" is none of its table's; restore it from a backup",
                   path.string(), column);
  }
  std::vector<std::shared_ptr<arrow::Table>> live;
  int64_t at = 0;
  bool dropped = false;
  for (const FileOrigin& origin : file.origins) {
    if (!origin.dropped) live.push_back(rows->Slice(at, origin.rows));
    dropped = dropped || origin.dropped;
    at += origin.rows;
  }
  if (dropped && live.empty()) live.push_back(rows->Slice(0, 0));
  if (dropped) {
    ASSIGN_ARROW_OR_RETURN(rows, arrow::ConcatenateTables(live), "{}", path.string());
  }
  return columnar::CastToSchema(rows, schema).WithContext(path.string());
}

}  // namespace catchment::lake
