#pragma once

#include <arrow/type_fwd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lake/history.h"
#include "lake/manifest.h"
#include "lake/store.h"

namespace catchment::lake {

/// Read a file from begin to end in pieces of a MiB. What `visit` says ends it.
Status ReadInPieces(const std::filesystem::path& path,
                    const std::function<Status(std::string_view)>& visit);

/// SHA-256 of a file, read in pieces.
Result<std::string> DigestOfFile(const std::filesystem::path& path);

/// A file of this machine with a data object's bytes, after a look at its length. kCorrupt: it is
/// missing or of another length; says how to get it back.
Result<std::filesystem::path> FetchObject(const ReadStore& store, std::string_view dataset,
                                          const FileEntry& file);

/// The live rows of one data object, cast to `schema`.
Result<std::shared_ptr<arrow::Table>> ReadLiveRows(const std::filesystem::path& path,
                                                   const FileEntry& file,
                                                   const std::shared_ptr<arrow::Schema>& schema);

}  // namespace catchment::lake
