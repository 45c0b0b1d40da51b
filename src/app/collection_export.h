#pragma once

#include <filesystem>
#include <string>

#include "app/publish_contents.h"
#include "lake/manifest.h"

namespace catchment::app {

/// `as:` of an export that is a STAC Collection.
inline constexpr char kCollectionFormat[] = "stac_collection";

/// Write the Collection of a published table of items: the document in the footer of its newest
/// data object, with the extents of all of them (docs/adr/0155), and an asset that leads to the
/// folder where the publish's Parquet export of the table has its partitions. kInvalid: the table
/// has no rows, or its newest file no Collection or several.
Status WriteCollection(const lake::ReadStore& store, const PublishContents& contents,
                       const lake::ExportRecord& record, const std::filesystem::path& to);

/// The folder that holds the partitions of an export, seen from the folder of the file at `from`:
/// `./collection=a/` for `hls-data/collection=a/year=2024/month=01/data.parquet` from
/// `hls-data/a.json`, if the names are `year` and `month`. Paths are below one root.
std::string PartitionRoot(const std::string& path, const std::vector<std::string>& names,
                          const std::string& from);

}  // namespace catchment::app
