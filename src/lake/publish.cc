#include "lake/publish.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <thread>

#include "base/log.h"
#include "base/parallel_for.h"
#include "columnar/schema.h"
#include "columnar/sort.h"
#include "lake/journal_internal.h"
#include "lake/object_internal.h"
#include "lake/partition_internal.h"

namespace catchment::lake {

namespace fs = std::filesystem;

namespace {

constexpr size_t kLongestBound = 256;
constexpr unsigned kMostStagingThreads = 4;

/// A data object to be: its bytes in a staging file, or in a file of the caller's.
struct StagedObject {
  FileEntry entry;
  std::optional<StagingFile> staging;
  fs::path source;
  bool stored = false;  ///< the lake has it already
};

struct StagedTable {
  std::string name;
  ManifestTable table;  ///< without files
  std::vector<StagedObject> objects;
};

/// Refuse a table that cannot stand under the name it had before.
Status CheckAgainstHead(const TableInput& input, const arrow::Schema& schema, const View& head) {
  const auto found = head.tables.find(input.name);
  if (found == head.tables.end()) return {};
  const TableView& before = found->second;
  if (before.mode != input.mode) {
    return Invalid("table {}: was published with mode {}, now {}; give it a new name", input.name,
                   ModeName(before.mode), ModeName(input.mode));
  }
  if (before.partition != input.partition && !before.files.empty() &&
      input.mode != TableMode::kReplace) {
    return Invalid("table {}: was partitioned by [{}], now by [{}]; give it a new name", input.name,
                   fmt::join(before.partition, ", "), fmt::join(input.partition, ", "));
  }
  ASSIGN_OR_RETURN(const auto old_schema, columnar::SchemaFromJson(before.schema), "table {}",
                   input.name);
  return columnar::CheckEvolution(*old_schema, schema)
      .WithContext(fmt::format("table {}", input.name));
}

std::map<std::string, nlohmann::json> Bounds(const columnar::WrittenFile& written) {
  std::map<std::string, nlohmann::json> bounds;
  const auto fits = [](const nlohmann::json& value) {
    return !value.is_null() &&
           (!value.is_string() || value.get_ref<const std::string&>().size() <= kLongestBound);
  };
  for (const auto& [column, range] : written.ranges) {
    if (fits(range.min) && fits(range.max))
      bounds[column] = {{"min", range.min}, {"max", range.max}};
  }
  return bounds;
}

FileEntry EntryOf(const columnar::WrittenFile& written, PartitionValues partition) {
  FileEntry entry;
  entry.rows = written.rows;
  entry.bytes = written.bytes;
  entry.sha256 = written.sha256;
  entry.bounds = Bounds(written);
  entry.partition = std::move(partition);
  return entry;
}

Result<StagedObject> WritePart(WriteStore& store, const TableInput& input,
                               const columnar::Table& rows, PartitionValues partition) {
  ASSIGN_OR_RETURN(StagingFile staging, store.NewStagingFile());
  columnar::ParquetOptions options;
  options.key_columns = input.key;
  options.durable = false;  // PutFiles makes it so
  ASSIGN_OR_RETURN(const columnar::WrittenFile written,
                   columnar::WriteParquet(rows, staging.path(), options), "table {}", input.name);
  StagedObject object;
  object.entry = EntryOf(written, std::move(partition));
  object.source = staging.path();
  object.staging = std::move(staging);
  return object;
}

/// Partition values that do not come from columns of the rows: of the slot, or given with a file.
Result<PartitionValues> GivenPartition(
    const TableInput& input, const std::map<std::string, std::optional<std::string>>& given,
    Time slot_time) {
  PartitionValues values;
  for (const std::string& name : input.partition) {
    const auto found = given.find(name);
    if (found != given.end()) {
      values.push_back(found->second);
    } else if (auto part = SlotPartition(name, slot_time)) {
      values.push_back(std::move(part));
    } else {
      return Invalid("table {}: a file has no value for partition '{}'", input.name, name);
    }
  }
  return values;
}

Result<StagedObject> TakeFile(const TableInput& input, const TableFile& file, Time slot_time) {
  ASSIGN_OR_RETURN(PartitionValues partition, GivenPartition(input, file.partition, slot_time));
  columnar::WrittenFile written;
  if (file.written) {
    written = *file.written;
  } else {
    ASSIGN_OR_RETURN(const columnar::ParquetInfo info, columnar::InspectParquet(file.path));
    written.rows = info.rows;
    written.bytes = info.bytes;
    ASSIGN_OR_RETURN(written.sha256, DigestOfFile(file.path));
  }
  StagedObject object;
  object.entry = EntryOf(written, std::move(partition));
  object.source = file.path;
  return object;
}

Status StageFiles(const TableInput& input, const View& head, Time slot_time, StagedTable& staged) {
  if (input.files.empty()) {
    return Invalid("table {}: published byte for byte, but no file is given", input.name);
  }
  std::shared_ptr<arrow::Schema> schema;
  for (const TableFile& file : input.files) {
    ASSIGN_OR_RETURN(const columnar::ParquetInfo info, columnar::InspectParquet(file.path));
    if (schema &&
        columnar::SchemaFingerprint(*schema) != columnar::SchemaFingerprint(*info.schema)) {
      return Invalid("table {}: {} has another schema than the files before it", input.name,
                     file.path.string());
    }
    schema = info.schema;
    ASSIGN_OR_RETURN(StagedObject object, TakeFile(input, file, slot_time));
    staged.objects.push_back(std::move(object));
  }
  RETURN_IF_ERROR(CheckAgainstHead(input, *schema, head));
  staged.table.schema = columnar::SchemaToJson(*schema);
  staged.table.fingerprint = columnar::SchemaFingerprint(*schema);
  return {};
}

Status StageRows(WriteStore& store, const TableInput& input, const View& head, Time slot_time,
                 StagedTable& staged) {
  const std::shared_ptr<arrow::Schema> schema = input.rows.schema();
  RETURN_IF_ERROR(CheckAgainstHead(input, *schema, head));
  staged.table.schema = columnar::SchemaToJson(*schema);
  staged.table.fingerprint = columnar::SchemaFingerprint(*schema);
  for (const std::string& column : input.key) {
    if (schema->GetFieldIndex(column) < 0) {
      return Invalid("table {}: key column '{}' is not there, or twice", input.name, column);
    }
  }
  if (input.rows.num_rows() == 0) return {};
  const bool by_column =
      std::any_of(input.partition.begin(), input.partition.end(),
                  [&](const std::string& name) { return schema->GetFieldIndex(name) >= 0; });
  if (input.key.empty() && !by_column) {
    // Nothing to sort or split: rows in files stream through.
    ASSIGN_OR_RETURN(PartitionValues partition, GivenPartition(input, {}, slot_time));
    ASSIGN_OR_RETURN(StagedObject object,
                     WritePart(store, input, input.rows, std::move(partition)));
    staged.objects.push_back(std::move(object));
    return {};
  }
  ASSIGN_OR_RETURN(std::shared_ptr<arrow::Table> rows, input.rows.Load(), "table {}", input.name);
  if (!input.key.empty()) {
    ASSIGN_OR_RETURN(rows, columnar::SortRows(rows, input.key), "table {}", input.name);
  }
  ASSIGN_OR_RETURN(std::vector<Part> parts, SplitByPartition(rows, input.partition, slot_time),
                   "table {}", input.name);
  for (Part& part : parts) {
    ASSIGN_OR_RETURN(
        StagedObject object,
        WritePart(store, input, columnar::Table::FromArrow(part.rows), std::move(part.values)));
    staged.objects.push_back(std::move(object));
  }
  return {};
}

/// What a publish of mode `partition` replaces: the partitions of its files, those the caller
/// names, and the slot's own where all names are parts of the slot.
Status FillTouched(const TableInput& input, Time slot_time, StagedTable& staged) {
  if (input.mode != TableMode::kPartition) return {};
  if (input.partition.empty()) {
    return Invalid("table {}: mode partition needs partition names", input.name);
  }
  std::set<PartitionValues> touched(input.touched.begin(), input.touched.end());
  for (const PartitionValues& values : touched) {
    if (values.size() != input.partition.size()) {
      return Invalid("table {}: a touched partition has {} values for {} names", input.name,
                     values.size(), input.partition.size());
    }
  }
  for (const StagedObject& object : staged.objects) touched.insert(object.entry.partition);
  if (touched.empty() && !input.keep_bytes) {
    const auto whole = GivenPartition(input, {}, slot_time);
    const bool of_slot = std::none_of(
        input.partition.begin(), input.partition.end(),
        [&](const std::string& name) { return input.rows.schema()->GetFieldIndex(name) >= 0; });
    if (whole.ok() && of_slot) touched.insert(*whole);
  }
  staged.table.touched.assign(touched.begin(), touched.end());
  return {};
}

/// Give each object its name: that of an equal live object of its partition, or a new one.
Status NameObjects(const ReadStore& store, const PublishInput& input, StagedTable& staged) {
  const auto live = input.seen.head.tables.find(staged.name);
  std::set<std::string> used;
  for (StagedObject& object : staged.objects) {
    FileEntry& entry = object.entry;
    if (staged.table.mode != TableMode::kAppend && live != input.seen.head.tables.end()) {
      for (const LiveFile& other : live->second.files) {
        if (other.file.sha256 != entry.sha256 || other.file.partition != entry.partition) continue;
        const Result<uint64_t> size = store.Size(input.dataset + "/" + other.file.path);
        if (size.ok() && *size == static_cast<uint64_t>(entry.bytes) &&
            used.insert(other.file.path).second) {
          entry.path = other.file.path;
          object.stored = true;
          break;
        }
      }
      if (object.stored) continue;
    }
    const std::string folder = PartitionPath(staged.table.partition, entry.partition);
    const std::string stem =
        fmt::format("data/{}/{}{}{}-{}", staged.name, folder, folder.empty() ? "" : "/",
                    input.run.text, entry.sha256.substr(0, 16));
    entry.path = stem + ".parquet";
    for (int copy = 2; !used.insert(entry.path).second; ++copy) {
      entry.path = fmt::format("{}-{}.parquet", stem, copy);
    }
    RETURN_IF_ERROR(CheckKey(input.dataset + "/" + entry.path), "table {}", staged.name);
    // Of an earlier try of this run.
    const Result<uint64_t> size = store.Size(input.dataset + "/" + entry.path);
    if (!size.ok() && size.error().code != Code::kNotFound) return size.status();
    object.stored = size.ok() && *size == static_cast<uint64_t>(entry.bytes);
  }
  return {};
}

Result<StagedTable> StageTable(WriteStore& store, const PublishInput& input,
                               const TableInput& table, const OpContext& context) {
  RETURN_IF_ERROR(context.Check());
  StagedTable staged;
  staged.name = table.name;
  staged.table.mode = table.mode;
  staged.table.key = table.key;
  staged.table.partition = table.partition;
  if (table.name.empty() || table.name.find('/') != std::string::npos) {
    return Invalid("table '{}': not a name", table.name);
  }
  if (table.keep_bytes) {
    RETURN_IF_ERROR(StageFiles(table, input.seen.head, input.slot_time, staged));
  } else {
    RETURN_IF_ERROR(StageRows(store, table, input.seen.head, input.slot_time, staged));
  }
  RETURN_IF_ERROR(FillTouched(table, input.slot_time, staged));
  RETURN_IF_ERROR(NameObjects(store, input, staged));
  return staged;
}

/// Whether late rules leave a table out.
bool LeftOut(const PublishInput& input, const TableInput& table) {
  return input.seen.standing.late_rules() && (table.mode == TableMode::kReplace || table.from_diff);
}

/// Stage all tables, a few at once.
Result<std::vector<StagedTable>> StageTables(WriteStore& store, const PublishInput& input,
                                             const OpContext& context) {
  std::vector<const TableInput*> tables;
  std::set<std::string> names;
  for (const TableInput& table : input.tables) {
    if (!names.insert(table.name).second) return Invalid("table {} is published twice", table.name);
    if (!LeftOut(input, table)) tables.push_back(&table);
  }
  std::vector<Result<StagedTable>> results;
  for (size_t i = 0; i < tables.size(); ++i) results.emplace_back(Internal("not staged"));
  const size_t threads = std::min(std::thread::hardware_concurrency(), kMostStagingThreads);
  RETURN_IF_ERROR(ParallelFor(tables.size(), threads, [&](size_t i) -> Status {
    results[i] = StageTable(store, input, *tables[i], context);
    return results[i].status();
  }));
  std::vector<StagedTable> staged;
  for (Result<StagedTable>& result : results) {
    ASSIGN_OR_RETURN(staged.emplace_back(), std::move(result));
  }
  return staged;
}

/// Journal the names of what is not stored yet, then store it.
Status StoreObjects(WriteStore& store, const PublishInput& input,
                    const std::vector<StagedTable>& tables, Journal& journal) {
  const std::string key = JournalKey(input.dataset, input.slot, input.run);
  Result<Journal> before = ReadJournal(store, key);
  if (!before.ok() && before.error().code != Code::kCorrupt) return before.status();
  if (before.ok()) journal = *before;
  std::vector<std::pair<std::string, fs::path>> puts;
  for (const StagedTable& table : tables) {
    for (const StagedObject& object : table.objects) {
      if (object.stored) continue;
      journal.objects[object.entry.path] = object.entry.bytes;
      puts.emplace_back(input.dataset + "/" + object.entry.path, object.source);
    }
  }
  if (puts.empty()) return {};
  RETURN_IF_ERROR(WriteJournal(store, key, journal), "journal of run {}", input.run.text);
  return store.PutFiles(puts).WithContext("stage data objects");
}

Manifest BuildManifest(const PublishInput& input, std::vector<StagedTable>& tables) {
  Manifest manifest;
  manifest.kind = input.seen.standing.kind;
  manifest.slot = input.slot;
  manifest.slot_time = input.slot_time;
  manifest.run = input.run;
  manifest.published = input.published;
  manifest.simulated = input.simulated;
  const bool late = input.seen.standing.late_rules();
  manifest.state = late ? input.seen.head.state : input.state;
  manifest.coverage = input.coverage;
  manifest.gaps = input.gaps;
  manifest.reports = input.reports;
  manifest.verdicts = input.verdicts;
  manifest.exchanges = input.exchanges;
  manifest.reserved = input.reserved;
  for (StagedTable& staged : tables) {
    ManifestTable& table = manifest.tables[staged.name];
    table = std::move(staged.table);
    for (StagedObject& object : staged.objects) table.files.push_back(std::move(object.entry));
  }
  const auto stays = [&](const std::string& table) {
    return !late || table.empty() || manifest.tables.contains(table);
  };
  for (const OutboxItem& item : input.outbox) {
    if (stays(item.table)) manifest.outbox.push_back(item);
  }
  for (const ExportRecord& record : input.exports) {
    if (stays(record.table) && !(late && record.slotless)) manifest.exports.push_back(record);
  }
  return manifest;
}

/// The journal has served once every object in it is named. One with further names (of an earlier
/// try) stays for Recover, which looks at all manifests before it deletes an object.
void DropJournal(WriteStore& store, const PublishInput& input, const Manifest& manifest,
                 Journal journal) {
  if (journal.objects.empty()) return;
  for (const auto& [name, table] : manifest.tables) {
    for (const FileEntry& file : table.files) journal.objects.erase(file.path);
  }
  if (!journal.objects.empty()) return;
  const Status deleted = store.Delete(JournalKey(input.dataset, input.slot, input.run));
  if (!deleted.ok())
    Log(LogLevel::kInfo, "journal of run {}: {}", input.run.text, deleted.ToString());
}

Status CheckInput(const PublishInput& input) {
  RETURN_IF_ERROR(CheckDatasetName(input.dataset));
  for (const std::string* part : {&input.slot.text, &input.run.text}) {
    RETURN_IF_ERROR(CheckKey(*part));
    if (part->find('/') != std::string::npos)
      return Invalid("'{}': slots and runs have no /", *part);
  }
  if (input.seen.head.number > 0 && input.seen.head.dataset != input.dataset) {
    return Internal("publish of {} against a view of {}", input.dataset, input.seen.head.dataset);
  }
  return {};
}

/// Datasets do not lie inside one another: the folders of the outer would be taken for the inner's.
Status CheckNesting(const ReadStore& store, const std::string& dataset) {
  const size_t slash = dataset.find('/');
  if (slash != std::string::npos) {
    ASSIGN_OR_RETURN(const int64_t outer, FindHead(store, dataset.substr(0, slash)));
    if (outer > 0) {
      return Invalid("dataset {} would lie inside dataset {}; choose another name", dataset,
                     dataset.substr(0, slash));
    }
    return {};
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> keys, store.List(dataset + "/"));
  for (const std::string& key : keys) {
    const size_t second = key.find('/', dataset.size() + 1);
    if (second != std::string::npos && key.compare(second, 11, "/manifests/") == 0) {
      return Invalid("dataset {} would lie around dataset {}; choose another name", dataset,
                     key.substr(0, second));
    }
  }
  return {};
}

/// Create the manifest's object. A failure whose outcome is unknown is tried once more: an object
/// that is there then is durable, and it is ours if its bytes are.
Status CreateManifest(WriteStore& store, const std::string& key, const std::string& bytes) {
  Status created = store.PutIfAbsent(key, bytes);
  if (created.ok()) return created;
  if (created.error().code == Code::kUnavailable) {
    created = store.PutIfAbsent(key, bytes);
    if (created.ok()) return created;
  }
  if (created.error().code != Code::kExists) {
    return std::move(created).WithContext(
        fmt::format("create {}: the outcome is unknown, the next run finds out", key));
  }
  ASSIGN_OR_RETURN(const std::string there, store.Get(key, kManifestLimit), "read {}", key);
  if (there == bytes) return {};
  return MakeError(Code::kExists, "{}: another run published first", key);
}

}  // namespace

Status WriteHints(WriteStore& store, const View& view) {
  if (view.number % kCheckpointEvery == 0) {
    ASSIGN_OR_RETURN(const std::string bytes, SerialiseCheckpoint(view));
    RETURN_IF_ERROR(store.Put(CheckpointKey(view.dataset, view.number), bytes), "checkpoint");
  }
  return store.PutHint(view.dataset + "/HEAD", fmt::format("{}\n", view.number))
      .WithContext("HEAD");
}

Result<Manifest> CommitManifest(WriteStore& store, const View& seen, Manifest manifest) {
  manifest.number = seen.number + 1;
  manifest.parent = seen.digest;
  manifest.dataset = seen.dataset;
  if (seen.number == 0) RETURN_IF_ERROR(CheckNesting(store, seen.dataset));
  ASSIGN_OR_RETURN(const std::string bytes, SerialiseManifest(manifest));
  // Nothing is created that could not be read back.
  const Result<Manifest> readable = ParseManifest(bytes);
  if (!readable.ok()) return Invalid("manifest {}: {}", manifest.number, readable.error().message);
  View after = seen;
  const Status folded = Fold(after, *readable, ManifestDigest(bytes));
  if (!folded.ok()) return Internal("manifest {}: {}", manifest.number, folded.error().message);
  RETURN_IF_ERROR(CreateManifest(store, ManifestKey(seen.dataset, manifest.number), bytes));
  const Status hinted = WriteHints(store, after);
  if (!hinted.ok()) {
    Log(LogLevel::kWarning, "{}: published as {}, but {}; `catchment recover` writes it",
        seen.dataset, manifest.number, hinted.ToString());
  }
  return manifest;
}

Result<Manifest> Publish(WriteStore& store, const PublishInput& input, const OpContext& context) {
  RETURN_IF_ERROR(CheckInput(input));
  ASSIGN_OR_RETURN(std::vector<StagedTable> tables, StageTables(store, input, context));
  Journal journal;
  RETURN_IF_ERROR(StoreObjects(store, input, tables, journal));
  RETURN_IF_ERROR(context.Check());
  View seen = input.seen.head;
  seen.dataset = input.dataset;
  ASSIGN_OR_RETURN(Manifest manifest, CommitManifest(store, seen, BuildManifest(input, tables)));
  DropJournal(store, input, manifest, std::move(journal));
  return manifest;
}

}  // namespace catchment::lake
