#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "columnar/table.h"
#include "lake/history.h"
#include "lake/manifest.h"
#include "lake/store.h"

namespace catchment::lake {

/// Who wrote an export: `catchment-dataset`, `catchment-publish`, `catchment-rows`.
struct ExportMark {
  std::string dataset;  ///< several joined by `+`
  int64_t publish = 0;  ///< of a file of several datasets 0
  int64_t rows = 0;
  /// Of a file of several datasets, in the order of their names: the publish that the rows are
  /// from, 0: none has any. Written as `12+9`.
  std::vector<int64_t> publishes = {};
  bool operator==(const ExportMark&) const = default;
};

/// What stands at an export's path.
struct ExportFound {
  /// Null: a foreign file, or ours changed by someone. Of a Parquet file without a mark of its own
  /// that of its footer's key `catchment`, with publish 0: a copy lost it.
  std::optional<ExportMark> mark;
  uint64_t bytes = 0;
  std::optional<int64_t> rows;  ///< of a Parquet file without a mark of its own
};

/// The name under which a file of several datasets belongs to them: `a/b+a/c`. Of one: its own.
std::string JointName(const std::vector<std::string>& datasets);

/// A place that exports go to. Paths pass CheckKey; nothing is ever written outside. Thread-safe.
class ExportRoot {
 public:
  virtual ~ExportRoot() = default;
  /// Null: nothing there.
  virtual Result<std::optional<ExportFound>> Find(std::string_view path) const = 0;
  /// Put the file in place with its mark: seen whole or not at all, durable on return. Replaces.
  virtual Status Put(std::string_view path, const std::filesystem::path& file,
                     const ExportMark& mark) = 0;
  /// A path from which Put is cheap.
  virtual Result<StagingFile> NewStagingFile() = 0;
  virtual std::string Name() const = 0;
};

/// kExists: what is said where the file at a path of an export is another dataset's.
Error BelongsToAnother(const ExportRoot& root, std::string_view path, std::string_view owner);

/// A folder. The mark is the extended attribute `user.catchment` of the file, so that it appears
/// with it in one step; on file systems without them a hidden `.<name>.catchment` beside it,
/// written first.
class LocalExportRoot {
 public:
  enum class Marks { kAttribute, kFile };
  /// Creates the folder if absent; finds out whether it takes attributes.
  static Result<std::unique_ptr<ExportRoot>> Open(const std::filesystem::path& root);
  static Result<std::unique_ptr<ExportRoot>> Open(const std::filesystem::path& root, Marks marks);
};

/// kText: a table of one text column, each row followed by a line end (a null is an empty line).
enum class ExportFormat { kJson, kNdjson, kCsv, kCsvGz, kParquet, kText };
/// json, ndjson, csv, csv.gz, parquet, text. kInvalid: names them.
Result<ExportFormat> ParseExportFormat(std::string_view as);

/// One export to make.
struct ExportItem {
  std::string dataset;
  int64_t publish = 0;
  ExportRecord record;
  /// The rows, if not the published table's: rendered by SQL, made for an old consumer, …
  std::optional<columnar::Table> rows;
  /// A finished file, if the bytes are the caller's (zip, byte copies). Wins over `rows`.
  std::optional<std::filesystem::path> file;
  int64_t file_rows = 0;
  bool takeover = false;  ///< replace a file of another dataset
};

/// kUnchanged: the file there is of an earlier publish and a copy of the same data object.
enum class ExportOutcome { kWritten, kNewerLeftAlone, kUnchanged };

/// Write one export of a publish. Idempotent: the same bytes each time. Without `rows` and `file`
/// the table is read from `view`: of a `partition` table at a path with a slot what the publish
/// gave to it, else all live rows. A Parquet export of a single whole file is a byte copy of it.
/// kExists: the path belongs to another dataset. kInvalid: a path that leads out, an unknown
/// format.
Result<ExportOutcome> WriteExport(ExportRoot& root, const ReadStore& store, const View& view,
                                  const ExportItem& item);

/// An export that a manifest owes and nobody has marked done.
struct OwedExport {
  int64_t publish = 0;
  SlotId slot;
  Time slot_time{};
  RunId run;
  ExportRecord record;
};

/// The exports still to be made, oldest publish first. A slotless one is owed by the newest publish
/// that has it only.
Result<std::vector<OwedExport>> OwedExports(const ReadStore& store, std::string_view dataset);

/// Record that an export is done; durable. Idempotent.
Status MarkExported(WriteStore& store, std::string_view dataset, int64_t publish,
                    std::string_view export_id, ExportOutcome outcome, Time now);

}  // namespace catchment::lake
