#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/coverage.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "lake/store.h"

namespace catchment::lake {

enum class PublishKind { kPublish, kLate, kRevision, kPrune, kCompact };
enum class TableMode { kReplace, kAppend, kPartition };
std::string_view KindName(PublishKind kind);
std::string_view ModeName(TableMode mode);
Result<PublishKind> ParseKind(std::string_view name);
/// kInvalid: names the three modes.
Result<TableMode> ParseMode(std::string_view name);

/// One value for each partition name of a table, in that order; null is a null.
using PartitionValues = std::vector<std::optional<std::string>>;

/// The rows of one slot inside a file that `compact` made of several, in the order of the rows.
struct FileOrigin {
  std::string slot;
  int64_t publish = 0;
  int64_t rows = 0;
  bool dropped = false;  ///< a later revision replaced these rows; only in views and checkpoints
  bool operator==(const FileOrigin&) const = default;
};

/// One immutable data object.
struct FileEntry {
  std::string path;  ///< below the dataset's folder: `data/<table>/…/<run>-<digest>.parquet`
  int64_t rows = 0;
  int64_t bytes = 0;
  std::string sha256;
  PartitionValues partition;
  /// Column → {"min": …, "max": …}, JSON scalars, of key columns that have values.
  std::map<std::string, nlohmann::json> bounds;
  std::vector<FileOrigin> origins;  ///< only of files made by `compact`
  bool operator==(const FileEntry&) const = default;
};

/// What one manifest says of a table.
struct ManifestTable {
  nlohmann::json schema;    ///< columnar::SchemaToJson
  std::string fingerprint;  ///< columnar::Fingerprint
  TableMode mode = TableMode::kReplace;
  std::vector<std::string> key;  ///< columns the rows are sorted by; empty: the task's own order
  std::vector<std::string> partition;  ///< partition names, columns or parts of the slot
  /// The partitions that `files` restate, possibly by none: of mode partition, and of mode append
  /// in a compact or prune.
  std::vector<PartitionValues> touched;
  std::vector<FileEntry> files;
  bool operator==(const ManifestTable&) const = default;
};

/// Something an outside store is to be given.
struct OutboxItem {
  std::string sink;   ///< the sink's name, unique in the pipeline; [A-Za-z0-9_-]
  std::string kind;   ///< `timestream`, `file`, …
  std::string table;  ///< the published table, or empty
  std::string key;    ///< the same for each delivery of this item, so that a sink can recognise it
  bool operator==(const OutboxItem&) const = default;
};

/// A file at a conventional path that this publish owes. lake/exports.h.
struct ExportRecord {
  std::string id;  ///< names the definition in the pipeline; [A-Za-z0-9_-], unique in the manifest
  std::string table;      ///< the published table, or empty for a rendered one
  std::string as;         ///< json, ndjson, csv, csv.gz, parquet, …
  std::string root;       ///< the name of the export root: `default`, …
  std::string path;       ///< below the root, placeholders filled
  bool slotless = false;  ///< the path holds no slot: only the newest publish writes it
  /// Of one file with the rows of several datasets: their names, sorted; empty: of this one's
  /// alone.
  std::vector<std::string> datasets = {};
  bool operator==(const ExportRecord&) const = default;
};

/// One numbered publish of a dataset. Created once, never changed. Bytes: docs/formats/manifest.md.
struct Manifest {
  static constexpr int kFormat = 1;
  int64_t number = 0;
  PublishKind kind = PublishKind::kPublish;
  std::string parent;  ///< ManifestDigest of number − 1; empty for number 1
  std::string dataset;
  SlotId slot;
  Time slot_time{};  ///< the slot's moment; of a period its start. Slots are ordered by it
  RunId run;
  Time published{};
  bool simulated = false;
  std::map<std::string, ManifestTable> tables;  ///< an absent table is unchanged
  nlohmann::json state = nlohmann::json::object();
  std::vector<CoverageRow> coverage;
  std::vector<Gap> gaps;
  std::vector<SourceReport> reports;
  std::vector<OutboxItem> outbox;
  std::vector<ExportRecord> exports;
  std::vector<nlohmann::json> verdicts;  ///< the contract's
  std::map<std::string, std::string>
      exchanges;  ///< task → SHA-256 of its sealed exchange list in the vault
  /// Fields reserved in format 1, kept as they stand: accounting, vault, tombstones, folded.
  std::map<std::string, nlohmann::json> reserved;
};

/// Canonical bytes: the same manifest always gives the same. Ends with the SHA-256 of what stands
/// before, so that any changed byte is found. kInvalid: text that is not UTF-8.
Result<std::string> SerialiseManifest(const Manifest& manifest);

/// The inverse. kInvalid: written by a newer Catchment. kCorrupt: anything else that is not a
/// whole, consistent manifest; names the field.
Result<Manifest> ParseManifest(std::string_view bytes);

/// SHA-256 of a manifest's bytes, as its child records it.
std::string ManifestDigest(std::string_view bytes);

/// `<dataset>/manifests/00000000000000000042.json`
std::string ManifestKey(std::string_view dataset, int64_t number);
/// `<dataset>/manifests/00000000000000000256.checkpoint`
std::string CheckpointKey(std::string_view dataset, int64_t number);
/// 42 → `00000000000000000042`
std::string PaddedNumber(int64_t number);
/// kInvalid: not a name of one or two parts of [A-Za-z0-9._-].
Status CheckDatasetName(std::string_view dataset);

/// kNotFound: no such manifest. Checks dataset and number. `digest`, if given, gets the
/// ManifestDigest.
Result<Manifest> ReadManifest(const ReadStore& store, std::string_view dataset, int64_t number,
                              std::string* digest = nullptr);

inline constexpr uint64_t kManifestLimit = uint64_t{64} << 20;
inline constexpr int64_t kCheckpointEvery = 256;

}  // namespace catchment::lake
