#include "app/collection_export.h"

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "lake/table_read.h"
#include "stac/collection.h"
#include "stac/item_file_reader.h"

namespace catchment::app {
namespace {

/// The one Collection document in a file's footer.
Result<std::string> DocumentOf(const stac::ItemFileReader& reader) {
  const std::string* const footer = reader.Metadata("stac-geoparquet");
  if (footer == nullptr) return Invalid("{}: its footer has no STAC metadata", reader.name());
  ASSIGN_OR_RETURN(auto documents, stac::CollectionsOfJson(*footer), "{}", reader.name());
  if (documents.size() != 1) {
    return Invalid("{}: its footer has {} Collection documents; one is needed", reader.name(),
                   documents.size());
  }
  return std::move(documents.begin()->second);
}

}  // namespace

std::string PartitionRoot(const std::string& path, const std::vector<std::string>& names,
                          const std::string& from) {
  const std::vector<std::string> parts = Split(path, '/');
  const auto first = std::find_if(parts.begin(), parts.end(), [&](const std::string& part) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return part.starts_with(name + "="); });
  });
  std::filesystem::path root;
  for (auto part = parts.begin(); part != first && std::next(part) != parts.end(); ++part)
    root /= *part;
  const std::filesystem::path folder = std::filesystem::path(from).parent_path();
  const std::string relative = root.lexically_relative(folder).generic_string();
  if (root == folder || relative.empty() || relative == ".") return "./";
  return (relative.starts_with("..") ? relative : "./" + relative) + "/";
}

Status WriteCollection(const lake::ReadStore& store, const PublishContents& contents,
                       const lake::ExportRecord& record, const std::filesystem::path& to) {
  ASSIGN_OR_RETURN(const std::vector<lake::FetchedFile> files,
                   lake::ListTableFiles(store, contents.view(), record.table));
  stac::ItemExtent extent;
  std::string document;
  const lake::LiveFile* newest = nullptr;
  for (const lake::FetchedFile& file : files) {
    if (file.live.file.rows == 0) continue;
    ASSIGN_OR_RETURN(const auto reader, stac::ItemFileReader::Open(file.path));
    ASSIGN_OR_RETURN(const stac::ItemExtent of_file, stac::ExtentOfFile(*reader));
    extent.Add(of_file);
    if (newest != nullptr && newest->publish > file.live.publish) continue;
    newest = &file.live;
    ASSIGN_OR_RETURN(document, DocumentOf(*reader));
  }
  if (newest == nullptr) return Invalid("table '{}' has no rows", record.table);
  std::string href;
  for (const lake::ExportRecord& other : contents.manifest().exports) {
    if (other.table != record.table || other.as != "parquet" || other.root != record.root) continue;
    const auto table = contents.view().tables.find(record.table);
    href = PartitionRoot(other.path, table->second.partition, record.path);
    break;
  }
  ASSIGN_OR_RETURN(const std::string text, stac::DescribeCollection(document, extent, href));
  return WriteFileAtomically(to, text);
}

}  // namespace catchment::app
