#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "columnar/parquet_file.h"
#include "stac/item_file_writer.h"

namespace catchment::stac {

struct MergeOptions {
  ItemFileOptions file;
  /// Of the footer's key `catchment`.
  std::string writer, dataset, slot;
  /// SHA-256 of the body of the item of an id, 64 hex digits; nothing: not known, and then the
  /// footer has no `items_sha256`. May be empty.
  std::function<std::optional<std::string>(std::string_view id)> body_sha256;
  std::stop_token stop;
};

/// Whether a Parquet file's footer says that its items are in the order which MergeItemFiles keeps.
bool CanBeMerged(const columnar::ParquetInfo& info);

/// Write the items of several files of ours, each in the order `hilbert14,datetime,id`, to one file
/// in that order: the columns of all (UniteSchemas), the Collection documents of all. Holds some
/// thousand rows of each in memory, and one row group of packed pages. The same files and options
/// give the same bytes. kInvalid: a file in another order, or columns that cannot be united.
/// kCorrupt: damaged, or not in the order that its footer names.
Result<columnar::WrittenFile> MergeItemFiles(std::span<const std::filesystem::path> files,
                                             const std::filesystem::path& to,
                                             const MergeOptions& options);

}  // namespace catchment::stac
