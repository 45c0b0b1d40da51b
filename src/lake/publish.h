#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/coverage.h"
#include "base/ids.h"
#include "base/op_context.h"
#include "base/result.h"
#include "base/time.h"
#include "columnar/parquet_file.h"
#include "columnar/table.h"
#include "lake/history.h"
#include "lake/manifest.h"
#include "lake/store.h"

namespace catchment::lake {

/// A Parquet file that is published byte for byte.
struct TableFile {
  std::filesystem::path path;
  /// Partition name → value, for names that are not parts of the slot.
  std::map<std::string, std::optional<std::string>> partition;
  /// What its writer knows of it; saves reading it for rows, digest and bounds.
  std::optional<columnar::WrittenFile> written;
};

/// A table of a run's result.
struct TableInput {
  std::string name;
  TableMode mode = TableMode::kReplace;
  std::vector<std::string> partition;  ///< columns, or year, month, day, hour, date of the slot
  std::vector<std::string> key;        ///< sorted by these; empty: the order of `rows`
  columnar::Table rows;                ///< unused if there are `files`
  bool keep_bytes = false;             ///< publish `files` instead of `rows`
  std::vector<TableFile> files;
  /// Mode partition: further partitions this publish replaces, even by no row.
  std::vector<PartitionValues> touched;
  bool from_diff = false;  ///< the output of a diff: not written under late rules
};

struct PublishInput {
  std::string dataset;
  SlotId slot;
  Time slot_time{};
  RunId run;
  Time published{};
  bool simulated = false;
  ViewForRun seen;  ///< what the tables were derived against; the publish follows seen.head
  std::vector<TableInput> tables;
  nlohmann::json state = nlohmann::json::object();
  std::vector<CoverageRow> coverage;
  std::vector<Gap> gaps;
  std::vector<SourceReport> reports;
  std::vector<OutboxItem> outbox;
  std::vector<ExportRecord> exports;
  std::vector<nlohmann::json> verdicts;
  std::map<std::string, std::string> exchanges;
  std::map<std::string, nlohmann::json> reserved;
};

/// Publish a run's result: stage its data objects, make them durable, create the next manifest.
///
/// Rows are sorted by the key (bytewise, nulls first) and split by partition. A file whose bytes
/// the partition has already is named again, not stored again. Under late rules `replace` tables,
/// outputs of a diff, state and slotless exports are left out, and outbox items of tables left out
/// as well.
///
/// kExists: another run published first; nothing is published. Load the views, derive and call
/// again: objects staged before are used again where their bytes are the same. kInvalid: a schema
/// changed, a key or partition column is missing. kUnavailable: the store failed; the message says
/// so if the outcome is unknown (the next run finds out).
Result<Manifest> Publish(WriteStore& store, const PublishInput& input, const OpContext& context);

/// Create manifest seen+1 from parts that are staged already (prune, compact). Fills number, parent
/// and dataset. Same errors; then writes checkpoint and HEAD, whose failure is logged and no error.
Result<Manifest> CommitManifest(WriteStore& store, const View& seen, Manifest manifest);

/// Write the checkpoint of `view` (if its number is a 256th) and HEAD.
Status WriteHints(WriteStore& store, const View& view);

/// The partition values of a slot for names that are parts of it: year, month, day, hour, date.
/// Null: another name.
std::optional<std::string> SlotPartition(std::string_view name, Time slot_time);

/// `date=2026-01-28/region=eu%2Fwest`: values percent-encoded except [A-Za-z0-9._-]; null is
/// `__HIVE_DEFAULT_PARTITION__`. Empty without names.
std::string PartitionPath(const std::vector<std::string>& names, const PartitionValues& values);

}  // namespace catchment::lake
