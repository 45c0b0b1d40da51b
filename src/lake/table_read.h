#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "columnar/table.h"
#include "lake/history.h"
#include "lake/store.h"

namespace catchment::lake {

/// Partition name → value (null: the null partition). Files of other partitions are not read.
using PartitionFilter = std::map<std::string, std::optional<std::string>>;

/// Whether a table has files of the partitions that a filter lets through.
bool HasPartition(const TableView& table, const PartitionFilter& where);

/// The view of one table alone. `added`: with the files that the view's own publish added. Without
/// the table: of none.
View ViewOfTable(const View& view, const std::string& name, bool added);

struct ReadTableOptions {
  PartitionFilter where;
  bool verify_sha256 = false;
};

/// Read the live rows of a published table, in the order of the files; an old file is cast to the
/// grown schema, with nulls in the columns it lacks. A table without files gives no rows.
/// kNotFound: the dataset has no such table. kCorrupt: a file is missing, of another length or
/// damaged; says which and what to do.
Result<columnar::Table> ReadTable(const ReadStore& store, const View& view, std::string_view name,
                                  const ReadTableOptions& options = {});

/// A data object of a table, as a file of this machine.
struct FetchedFile {
  std::filesystem::path path;
  LiveFile live;
};
/// Those of a published table, in the order of their adding, after a look at their lengths. Errors
/// as ReadTable.
Result<std::vector<FetchedFile>> ListTableFiles(const ReadStore& store, const View& view,
                                                std::string_view name,
                                                const PartitionFilter& where = {});

}  // namespace catchment::lake
