#include "lake/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/digest.h"
#include "base/text.h"
#include "lake/manifest_json_internal.h"

namespace catchment::lake {

using nlohmann::json;

namespace {

constexpr std::array<std::pair<PublishKind, std::string_view>, 5> kKinds = {{
    {PublishKind::kPublish, "publish"},
    {PublishKind::kLate, "late"},
    {PublishKind::kRevision, "revision"},
    {PublishKind::kPrune, "prune"},
    {PublishKind::kCompact, "compact"},
}};
constexpr std::array<std::pair<TableMode, std::string_view>, 3> kModes = {{
    {TableMode::kReplace, "replace"},
    {TableMode::kAppend, "append"},
    {TableMode::kPartition, "partition"},
}};
constexpr std::array<const char*, 4> kReserved = {"accounting", "vault", "tombstones", "folded"};
constexpr size_t kMostEntries = 1'000'000;  // of coverage, gaps, exchanges, …

json TableToJson(const ManifestTable& table) {
  json out = {{"schema", table.schema},
              {"fingerprint", table.fingerprint},
              {"mode", ModeName(table.mode)},
              {"key", table.key},
              {"partition", table.partition}};
  if (table.mode == TableMode::kPartition || !table.touched.empty()) {
    out["touched"] = json::array();
    for (const PartitionValues& values : table.touched) {
      out["touched"].push_back(PartitionToJson(values));
    }
  }
  out["files"] = json::array();
  for (const FileEntry& file : table.files) out["files"].push_back(FileToJson(file));
  return out;
}

Result<ManifestTable> ManifestTableFromJson(const json& in, const std::string& where) {
  ASSIGN_OR_RETURN(Fields fields, Fields::Of(in, where));
  ManifestTable table;
  ASSIGN_OR_RETURN(const json* schema, fields.List("schema", kMostNames));
  table.schema = *schema;
  ASSIGN_OR_RETURN(table.fingerprint, fields.Digest("fingerprint"));
  ASSIGN_OR_RETURN(const std::string mode, fields.Text("mode"));
  const Result<TableMode> known = ParseMode(mode);
  if (!known.ok()) return Corrupt("{}.mode: {}", where, known.error().message);
  table.mode = *known;
  ASSIGN_OR_RETURN(const json* key, fields.List("key", kMostNames));
  ASSIGN_OR_RETURN(table.key, NamesFromJson(*key, where + ".key"));
  ASSIGN_OR_RETURN(const json* partition, fields.List("partition", 64));
  ASSIGN_OR_RETURN(table.partition, NamesFromJson(*partition, where + ".partition"));
  ASSIGN_OR_RETURN(const json* touched, fields.List("touched", kMostEntries));
  std::set<PartitionValues> replaced;
  for (const json& values : *touched) {
    ASSIGN_OR_RETURN(PartitionValues read,
                     PartitionFromJson(values, where + ".touched", table.partition.size()));
    if (!replaced.insert(read).second)
      return Corrupt("{}.touched: a partition stands twice", where);
    table.touched.push_back(std::move(read));
  }
  const bool in_partitions = table.mode == TableMode::kPartition || !table.touched.empty();
  ASSIGN_OR_RETURN(const json* files, fields.List("files", kMostFiles));
  std::set<std::string_view> paths;
  table.files.reserve(files->size());
  for (const json& entry : *files) {
    const std::string at = fmt::format("{}.files[{}]", where, table.files.size());
    ASSIGN_OR_RETURN(FileEntry file, FileFromJson(entry, at, table.partition.size()));
    if (in_partitions && !replaced.contains(file.partition)) {
      return Corrupt("{}.partition: not in the table's touched list", at);
    }
    table.files.push_back(std::move(file));
  }
  for (const FileEntry& file : table.files) {
    if (!paths.insert(file.path).second) {
      return Corrupt("{}.files: {} stands twice", where, file.path);
    }
  }
  RETURN_IF_ERROR(fields.Done());
  return table;
}

/// Whether a table may say which partitions it restates.
bool MayTouch(PublishKind kind, TableMode mode) {
  if (mode == TableMode::kPartition) return true;
  return mode == TableMode::kAppend &&
         (kind == PublishKind::kCompact || kind == PublishKind::kPrune);
}

json ToJson(const OutboxItem& item) {
  return {{"sink", item.sink}, {"kind", item.kind}, {"table", item.table}, {"key", item.key}};
}

json ToJson(const ExportRecord& record) {
  json out = {{"id", record.id},     {"table", record.table}, {"as", record.as},
              {"root", record.root}, {"path", record.path},   {"slotless", record.slotless}};
  if (!record.datasets.empty()) out["datasets"] = record.datasets;
  return out;
}

/// Names that become parts of object names: marks of sinks and exports.
bool IsPlainName(std::string_view name) {
  return !name.empty() && name.size() <= 100 &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

Result<OutboxItem> OutboxFromJson(const json& in, const std::string& where) {
  ASSIGN_OR_RETURN(Fields fields, Fields::Of(in, where));
  OutboxItem item;
  ASSIGN_OR_RETURN(item.sink, fields.Text("sink"));
  ASSIGN_OR_RETURN(item.kind, fields.Text("kind"));
  ASSIGN_OR_RETURN(item.table, fields.Text("table"));
  ASSIGN_OR_RETURN(item.key, fields.Text("key"));
  if (!IsPlainName(item.sink)) return Corrupt("{}.sink: expected letters, digits, _ and -", where);
  RETURN_IF_ERROR(fields.Done());
  return item;
}

Result<ExportRecord> ExportFromJson(const json& in, const std::string& where) {
  ASSIGN_OR_RETURN(Fields fields, Fields::Of(in, where));
  ExportRecord record;
  ASSIGN_OR_RETURN(record.id, fields.Text("id"));
  ASSIGN_OR_RETURN(record.table, fields.Text("table"));
  ASSIGN_OR_RETURN(record.as, fields.Text("as"));
  ASSIGN_OR_RETURN(record.root, fields.Text("root"));
  ASSIGN_OR_RETURN(record.path, fields.Text("path"));
  ASSIGN_OR_RETURN(record.slotless, fields.Flag("slotless"));
  ASSIGN_OR_RETURN(const json* datasets, fields.List("datasets", kMostNames));
  for (const json& name : *datasets) {
    if (!name.is_string() || !CheckDatasetName(name.get_ref<const std::string&>()).ok())
      return Corrupt("{}.datasets: expected names of datasets", where);
    record.datasets.push_back(name.get<std::string>());
  }
  if (!IsPlainName(record.id)) return Corrupt("{}.id: expected letters, digits, _ and -", where);
  RETURN_IF_ERROR(fields.Done());
  return record;
}

/// The lists that the source reports and the contract fill. base/coverage.h throws where a type is
/// wrong.
Status ReadReports(Fields& fields, Manifest& manifest) {
  ASSIGN_OR_RETURN(const json* coverage, fields.List("coverage", kMostEntries));
  ASSIGN_OR_RETURN(const json* gaps, fields.List("gaps", kMostEntries));
  ASSIGN_OR_RETURN(const json* reports, fields.List("reports", kMostEntries));
  ASSIGN_OR_RETURN(const json* verdicts, fields.List("verdicts", kMostEntries));
  for (const json* list : {coverage, gaps, reports, verdicts}) {
    for (const json& entry : *list) {
      if (!entry.is_object())
        return Corrupt("coverage, gaps, reports or verdicts: expected objects");
    }
  }
  try {
    for (const json& row : *coverage) manifest.coverage.push_back(CoverageRowFromJson(row));
    for (const json& gap : *gaps) manifest.gaps.push_back(GapFromJson(gap));
    for (const json& report : *reports) manifest.reports.push_back(SourceReportFromJson(report));
  } catch (const json::exception& failed) {
    return Corrupt("coverage, gaps or reports: {}", failed.what());
  }
  manifest.verdicts.assign(verdicts->begin(), verdicts->end());
  return {};
}

Status ReadOutside(Fields& fields, Manifest& manifest) {
  ASSIGN_OR_RETURN(const json* outbox, fields.List("outbox", kMostEntries));
  for (const json& entry : *outbox) {
    const std::string at = fmt::format("outbox[{}]", manifest.outbox.size());
    ASSIGN_OR_RETURN(OutboxItem item, OutboxFromJson(entry, at));
    manifest.outbox.push_back(std::move(item));
  }
  ASSIGN_OR_RETURN(const json* exports, fields.List("exports", kMostNames));
  std::set<std::string> ids;
  for (const json& entry : *exports) {
    const std::string at = fmt::format("exports[{}]", manifest.exports.size());
    ASSIGN_OR_RETURN(ExportRecord record, ExportFromJson(entry, at));
    if (!ids.insert(record.id).second) return Corrupt("{}.id: '{}' stands twice", at, record.id);
    manifest.exports.push_back(std::move(record));
  }
  ASSIGN_OR_RETURN(const json* exchanges, fields.Object("exchanges", kMostNames));
  for (const auto& [task, digest] : exchanges->items()) {
    if (!digest.is_string() || digest.get_ref<const std::string&>().size() != 64) {
      return Corrupt("exchanges.{}: expected 64 hex digits", task);
    }
    manifest.exchanges[task] = digest.get<std::string>();
  }
  return {};
}

Status ReadHeadFields(Fields& fields, Manifest& manifest) {
  ASSIGN_OR_RETURN(manifest.number, fields.Count("number"));
  if (manifest.number == 0) return Corrupt("number: expected 1 or more");
  ASSIGN_OR_RETURN(const std::string kind, fields.Text("kind"));
  const Result<PublishKind> known = ParseKind(kind);
  if (!known.ok()) return Corrupt("kind: {}", known.error().message);
  manifest.kind = *known;
  if (manifest.number > 1) {
    ASSIGN_OR_RETURN(manifest.parent, fields.Digest("parent"));
  } else {
    ASSIGN_OR_RETURN(manifest.parent, fields.Text("parent", 0));
  }
  ASSIGN_OR_RETURN(manifest.dataset, fields.Text("dataset", 200));
  const Status named = CheckDatasetName(manifest.dataset);
  if (!named.ok()) return Corrupt("dataset: {}", named.error().message);
  ASSIGN_OR_RETURN(manifest.slot.text, fields.Text("slot", 100));
  ASSIGN_OR_RETURN(manifest.slot_time, fields.Moment("slot_time"));
  ASSIGN_OR_RETURN(manifest.run.text, fields.Text("run", 100));
  ASSIGN_OR_RETURN(manifest.published, fields.Moment("published"));
  ASSIGN_OR_RETURN(manifest.simulated, fields.Flag("simulated"));
  return {};
}

}  // namespace

std::string_view KindName(PublishKind kind) {
  for (const auto& [value, name] : kKinds) {
    if (value == kind) return name;
  }
  return "publish";
}

std::string_view ModeName(TableMode mode) {
  for (const auto& [value, name] : kModes) {
    if (value == mode) return name;
  }
  return "replace";
}

Result<PublishKind> ParseKind(std::string_view name) {
  for (const auto& [value, known] : kKinds) {
    if (known == name) return value;
  }
  return Invalid("'{}' is none of publish, late, revision, prune, compact", name);
}

Result<TableMode> ParseMode(std::string_view name) {
  for (const auto& [value, known] : kModes) {
    if (known == name) return value;
  }
  return Invalid("'{}' is none of replace, append, partition", name);
}

json PartitionToJson(const PartitionValues& values) {
  json out = json::array();
  for (const auto& value : values) out.push_back(value ? json(*value) : json(nullptr));
  return out;
}

Result<PartitionValues> PartitionFromJson(const json& in, const std::string& where,
                                          size_t partitions) {
  if (!in.is_array() || in.size() != partitions) {
    return Corrupt("{}: expected one value for each of {} partition names", where, partitions);
  }
  PartitionValues values;
  for (const json& value : in) {
    if (value.is_null()) {
      values.emplace_back(std::nullopt);
    } else if (value.is_string()) {
      values.emplace_back(value.get<std::string>());
    } else {
      return Corrupt("{}: partition values are text or null", where);
    }
  }
  return values;
}

Result<std::vector<std::string>> NamesFromJson(const json& list, const std::string& where) {
  std::vector<std::string> names;
  for (const json& name : list) {
    if (!name.is_string()) return Corrupt("{}: expected a list of names", where);
    names.push_back(name.get<std::string>());
  }
  return names;
}

json FileToJson(const FileEntry& file) {
  json out = {
      {"path", file.path}, {"rows", file.rows}, {"bytes", file.bytes}, {"sha256", file.sha256}};
  if (!file.partition.empty()) out["partition"] = PartitionToJson(file.partition);
  if (!file.bounds.empty()) out["bounds"] = file.bounds;
  for (const FileOrigin& origin : file.origins) {
    json entry = {{"slot", origin.slot}, {"publish", origin.publish}, {"rows", origin.rows}};
    if (origin.dropped) entry["dropped"] = true;
    out["origins"].push_back(std::move(entry));
  }
  return out;
}

Result<FileEntry> FileFromJson(const json& in, std::string where, size_t partitions) {
  ASSIGN_OR_RETURN(Fields fields, Fields::Of(in, std::move(where)));
  FileEntry file;
  ASSIGN_OR_RETURN(file.path, fields.Text("path"));
  if (!file.path.starts_with("data/") || !CheckKey(file.path).ok()) {
    return Corrupt("{}.path: '{}' is no object below data/", fields.where(), file.path);
  }
  ASSIGN_OR_RETURN(file.rows, fields.Count("rows"));
  ASSIGN_OR_RETURN(file.bytes, fields.Count("bytes"));
  ASSIGN_OR_RETURN(file.sha256, fields.Digest("sha256"));
  static const json no_partition = json::array();
  const json* partition = fields.Any("partition");
  ASSIGN_OR_RETURN(file.partition,
                   PartitionFromJson(partition != nullptr ? *partition : no_partition,
                                     fields.where() + ".partition", partitions));
  ASSIGN_OR_RETURN(const json* bounds, fields.Object("bounds", kMostNames));
  for (const auto& [column, range] : bounds->items()) {
    if (!range.is_object() || range.size() != 2 || !range.contains("min") ||
        !range.contains("max") || range["min"].is_structured() || range["max"].is_structured()) {
      return Corrupt("{}.bounds.{}: expected min and max", fields.where(), column);
    }
    file.bounds[column] = range;
  }
  ASSIGN_OR_RETURN(const json* origins, fields.List("origins", kMostFiles));
  int64_t rows = 0;
  for (const json& entry : *origins) {
    ASSIGN_OR_RETURN(Fields of, Fields::Of(entry, fields.where() + ".origins"));
    FileOrigin origin;
    ASSIGN_OR_RETURN(origin.slot, of.Text("slot", 100));
    ASSIGN_OR_RETURN(origin.publish, of.Count("publish"));
    ASSIGN_OR_RETURN(origin.rows, of.Count("rows"));
    if (of.Any("dropped") != nullptr) {
      ASSIGN_OR_RETURN(origin.dropped, of.Flag("dropped"));
    }
    RETURN_IF_ERROR(of.Done());
    if (origin.rows > file.rows - rows) rows = file.rows + 1;
    if (rows <= file.rows) rows += origin.rows;
    file.origins.push_back(std::move(origin));
  }
  if (!file.origins.empty() && rows != file.rows) {
    return Corrupt("{}.origins: their rows do not add up to {}", fields.where(), file.rows);
  }
  RETURN_IF_ERROR(fields.Done());
  return file;
}

Status CheckFormat(const json& document, int newest) {
  if (!document.is_object()) return Corrupt("expected an object");
  const auto format = document.find("format");
  if (format == document.end() || !format->is_number_integer() || *format < 1) {
    return Corrupt("format: expected a whole number");
  }
  if (*format > newest) {
    return Invalid(
        "this lake was written by a newer Catchment (format {}); this one reads up to format {}: "
        "install "
        "the newer version",
        format->dump(), newest);
  }
  return {};
}

Result<std::string> SerialiseManifest(const Manifest& manifest) {
  json out = {{"format", Manifest::kFormat},
              {"number", manifest.number},
              {"kind", KindName(manifest.kind)},
              {"parent", manifest.parent},
              {"dataset", manifest.dataset},
              {"slot", manifest.slot.text},
              {"slot_time", FormatTime(manifest.slot_time)},
              {"run", manifest.run.text},
              {"published", FormatTime(manifest.published)},
              {"simulated", manifest.simulated},
              {"state", manifest.state},
              {"verdicts", manifest.verdicts},
              {"exchanges", manifest.exchanges}};
  out["tables"] = json::object();
  for (const auto& [name, table] : manifest.tables) out["tables"][name] = TableToJson(table);
  for (const char* list : {"coverage", "gaps", "reports", "outbox", "exports"}) {
    out[list] = json::array();
  }
  for (const CoverageRow& row : manifest.coverage)
    out["coverage"].push_back(catchment::ToJson(row));
  for (const Gap& gap : manifest.gaps) out["gaps"].push_back(catchment::ToJson(gap));
  for (const SourceReport& report : manifest.reports) {
    out["reports"].push_back(catchment::ToJson(report));
  }
  for (const OutboxItem& item : manifest.outbox) out["outbox"].push_back(ToJson(item));
  for (const ExportRecord& record : manifest.exports) out["exports"].push_back(ToJson(record));
  for (const char* name : kReserved) {
    const auto found = manifest.reserved.find(name);
    if (found != manifest.reserved.end()) out[name] = found->second;
  }
  ASSIGN_OR_RETURN(const std::string body, DumpJson(out), "manifest {}", manifest.number);
  return Seal(body);
}

Result<Manifest> ParseManifest(std::string_view bytes) {
  if (bytes.size() > kManifestLimit) return Corrupt("larger than {} bytes", kManifestLimit);
  ASSIGN_OR_RETURN(const json document, ParseBoundedJson(bytes));
  RETURN_IF_ERROR(CheckFormat(document, Manifest::kFormat));
  RETURN_IF_ERROR(Unseal(bytes).status());
  ASSIGN_OR_RETURN(Fields fields, Fields::Of(document, ""));
  fields.Any("format");
  fields.Any("digest");
  Manifest manifest;
  RETURN_IF_ERROR(ReadHeadFields(fields, manifest));
  ASSIGN_OR_RETURN(const json* tables, fields.Object("tables", kMostTables));
  for (const auto& [name, table] : tables->items()) {
    ASSIGN_OR_RETURN(ManifestTable read, ManifestTableFromJson(table, "tables." + name));
    if (!read.touched.empty() && !MayTouch(manifest.kind, read.mode)) {
      return Corrupt("tables.{}.touched: a {} of an {} table has none", name,
                     KindName(manifest.kind), ModeName(read.mode));
    }
    manifest.tables.emplace(name, std::move(read));
  }
  ASSIGN_OR_RETURN(const json* state, fields.Object("state", kMostEntries));
  manifest.state = *state;
  RETURN_IF_ERROR(ReadReports(fields, manifest));
  RETURN_IF_ERROR(ReadOutside(fields, manifest));
  for (const char* name : kReserved) {
    if (const json* value = fields.Any(name)) manifest.reserved[name] = *value;
  }
  RETURN_IF_ERROR(fields.Done());
  return manifest;
}

std::string ManifestDigest(std::string_view bytes) { return Sha256Hex(bytes); }

std::string PaddedNumber(int64_t number) { return fmt::format("{:020}", number); }

std::string ManifestKey(std::string_view dataset, int64_t number) {
  return fmt::format("{}/manifests/{}.json", dataset, PaddedNumber(number));
}

std::string CheckpointKey(std::string_view dataset, int64_t number) {
  return fmt::format("{}/manifests/{}.checkpoint", dataset, PaddedNumber(number));
}

Status CheckDatasetName(std::string_view dataset) {
  const std::vector<std::string> parts = Split(dataset, '/');
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  };
  bool good = parts.size() <= 2 && dataset.size() <= 200;
  for (const std::string& part : parts) {
    good = good && !part.empty() && part[0] != '.' && std::all_of(part.begin(), part.end(), plain);
  }
  if (good) return {};
  return Invalid(
      "dataset '{}': expected one or two names of letters, digits, '.', '_', '-', joined by one /",
      dataset.substr(0, 200));
}

Result<Manifest> ReadManifest(const ReadStore& store, std::string_view dataset, int64_t number,
                              std::string* digest) {
  const std::string key = ManifestKey(dataset, number);
  ASSIGN_OR_RETURN(const std::string bytes, store.Get(key, kManifestLimit), "read {}", key);
  Result<Manifest> parsed = ParseManifest(bytes);
  if (!parsed.ok() && parsed.error().code == Code::kCorrupt) {
    return Corrupt("{}: {}; restore it from a backup", key, parsed.error().message);
  }
  ASSIGN_OR_RETURN(Manifest manifest, std::move(parsed), "{}", key);
  if (manifest.number != number) {
    return Corrupt("{}: number: carries {}", key, manifest.number);
  }
  if (manifest.dataset != dataset) {
    return Corrupt("{}: dataset: belongs to {}", key, manifest.dataset);
  }
  if (digest != nullptr) *digest = ManifestDigest(bytes);
  return manifest;
}

}  // namespace catchment::lake
