#include "lake/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>

#include "lake/manifest_json_internal.h"

namespace catchment::lake {

using nlohmann::json;

namespace {

constexpr int kCheckpointFormat = 1;
constexpr uint64_t kCheckpointLimit = uint64_t{2} << 30;
constexpr uint64_t kHeadLimit = 64;

/// The number of `…/00000000000000000042.json`; null for other names.
std::optional<int64_t> NumberOfKey(std::string_view key, std::string_view prefix) {
  key.remove_prefix(prefix.size());
  if (key.size() != 25 || !key.ends_with(".json")) return std::nullopt;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + 20, number);
  if (error != std::errc() || end != key.data() + 20 || number < 1) return std::nullopt;
  return number;
}

/// What HEAD says; 0 if it says nothing usable. It is a hint, so that no failure of it counts.
int64_t HeadHint(const ReadStore& store, std::string_view dataset) {
  const Result<std::string> text = store.Get(fmt::format("{}/HEAD", dataset), kHeadLimit);
  if (!text.ok()) return 0;
  int64_t number = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || number < 1 || std::string_view(stop, end) != "\n") return 0;
  return number;
}

Result<int64_t> NewestListed(const ReadStore& store, std::string_view dataset,
                             std::string_view start_after) {
  const std::string prefix = fmt::format("{}/manifests/", dataset);
  ASSIGN_OR_RETURN(const std::vector<std::string> keys, store.List(prefix, start_after));
  int64_t newest = 0;
  for (const std::string& key : keys) {
    newest = std::max(newest, NumberOfKey(key, prefix).value_or(0));
  }
  return newest;
}

json SummaryToJson(const PublishSummary& row) {
  return {{"number", row.number},  {"kind", KindName(row.kind)},
          {"slot", row.slot.text}, {"slot_time", FormatTime(row.slot_time)},
          {"run", row.run.text},   {"published", FormatTime(row.published)},
          {"rows", row.rows},      {"bytes", row.bytes},
          {"gaps", row.gaps},      {"outbox", row.outbox},
          {"exports", row.exports}};
}

Result<PublishSummary> SummaryFromJson(const json& in, const std::string& where) {
  ASSIGN_OR_RETURN(Fields fields, Fields::Of(in, where));
  PublishSummary row;
  ASSIGN_OR_RETURN(row.number, fields.Count("number"));
  ASSIGN_OR_RETURN(const std::string kind, fields.Text("kind"));
  ASSIGN_OR_RETURN(row.kind, ParseKind(kind));
  ASSIGN_OR_RETURN(row.slot.text, fields.Text("slot"));
  ASSIGN_OR_RETURN(row.slot_time, fields.Moment("slot_time"));
  ASSIGN_OR_RETURN(row.run.text, fields.Text("run"));
  ASSIGN_OR_RETURN(row.published, fields.Moment("published"));
  ASSIGN_OR_RETURN(row.rows, fields.Count("rows"));
  ASSIGN_OR_RETURN(row.bytes, fields.Count("bytes"));
  ASSIGN_OR_RETURN(row.gaps, fields.Count("gaps"));
  ASSIGN_OR_RETURN(row.outbox, fields.Count("outbox"));
  ASSIGN_OR_RETURN(row.exports, fields.Count("exports"));
  RETURN_IF_ERROR(fields.Done());
  return row;
}

json TableToJson(const TableView& table) {
  json out = {{"schema", table.schema},       {"fingerprint", table.fingerprint},
              {"mode", ModeName(table.mode)}, {"key", table.key},
              {"partition", table.partition}, {"changed_by", table.changed_by}};
  out["files"] = json::array();
  for (const LiveFile& live : table.files) {
    out["files"].push_back(
        {{"publish", live.publish}, {"slot", live.slot}, {"file", FileToJson(live.file)}});
  }
  return out;
}

Result<TableView> TableViewFromJson(const json& in, const std::string& where) {
  ASSIGN_OR_RETURN(Fields fields, Fields::Of(in, where));
  TableView table;
  ASSIGN_OR_RETURN(const json* schema, fields.List("schema", kMostNames));
  table.schema = *schema;
  ASSIGN_OR_RETURN(table.fingerprint, fields.Digest("fingerprint"));
  ASSIGN_OR_RETURN(const std::string mode, fields.Text("mode"));
  ASSIGN_OR_RETURN(table.mode, ParseMode(mode));
  ASSIGN_OR_RETURN(const json* key, fields.List("key", kMostNames));
  ASSIGN_OR_RETURN(table.key, NamesFromJson(*key, where + ".key"));
  ASSIGN_OR_RETURN(const json* partition, fields.List("partition", 64));
  ASSIGN_OR_RETURN(table.partition, NamesFromJson(*partition, where + ".partition"));
  ASSIGN_OR_RETURN(table.changed_by, fields.Count("changed_by"));
  ASSIGN_OR_RETURN(const json* files, fields.List("files", kMostFiles));
  table.files.reserve(files->size());
  for (const json& entry : *files) {
    ASSIGN_OR_RETURN(Fields of, Fields::Of(entry, where + ".files"));
    LiveFile live;
    ASSIGN_OR_RETURN(live.publish, of.Count("publish"));
    ASSIGN_OR_RETURN(live.slot, of.Text("slot"));
    const json* file = of.Any("file");
    ASSIGN_OR_RETURN(live.file, FileFromJson(file != nullptr ? *file : json(), where + ".files",
                                             table.partition.size()));
    RETURN_IF_ERROR(of.Done());
    table.files.push_back(std::move(live));
  }
  RETURN_IF_ERROR(fields.Done());
  return table;
}

/// Take out of a table what publishes of `slot` added: whole files, or their part of a compacted
/// one.
void DropSlot(TableView& table, const std::string& slot) {
  for (LiveFile& live : table.files) {
    for (FileOrigin& origin : live.file.origins) {
      if (origin.slot == slot) origin.dropped = true;
    }
  }
  std::erase_if(table.files, [&](const LiveFile& live) {
    if (live.file.origins.empty()) return live.slot == slot;
    return std::all_of(live.file.origins.begin(), live.file.origins.end(),
                       [](const FileOrigin& origin) { return origin.dropped; });
  });
}

/// Restate the touched partitions of an `append` table: each one's files stand where its first file
/// stood, and a file that stays keeps who added it.
void RestatePartitions(TableView& table, std::vector<LiveFile> files,
                       const std::set<PartitionValues>& touched) {
  std::map<std::string, const LiveFile*> before;
  for (const LiveFile& live : table.files) before[live.file.path] = &live;
  for (LiveFile& live : files) {
    const auto stayed = before.find(live.file.path);
    if (stayed != before.end()) live = *stayed->second;
  }
  std::vector<LiveFile> after;
  std::set<PartitionValues> placed;
  const auto place = [&](const PartitionValues& partition) {
    if (!placed.insert(partition).second) return;
    for (const LiveFile& live : files) {
      if (live.file.partition == partition) after.push_back(live);
    }
  };
  for (const LiveFile& live : table.files) {
    if (touched.contains(live.file.partition)) {
      place(live.file.partition);
    } else {
      after.push_back(live);
    }
  }
  for (const PartitionValues& partition : touched) place(partition);
  table.files = std::move(after);
}

Status FoldTable(View& view, const Manifest& manifest, const std::string& name,
                 const ManifestTable& next) {
  TableView& table = view.tables[name];
  if (!table.files.empty() && next.mode != TableMode::kReplace &&
      (table.mode != next.mode || table.partition != next.partition)) {
    return Corrupt(
        "manifest {}: tables.{}: mode or partition names differ from those of the files before",
        manifest.number, name);
  }
  table.schema = next.schema;
  table.fingerprint = next.fingerprint;
  table.mode = next.mode;
  table.key = next.key;
  table.partition = next.partition;
  table.changed_by = manifest.number;
  std::vector<LiveFile> files;
  files.reserve(next.files.size());
  for (const FileEntry& file : next.files) {
    files.push_back({file, manifest.number, file.origins.empty() ? manifest.slot.text : ""});
  }
  const std::set<PartitionValues> touched(next.touched.begin(), next.touched.end());
  if (next.mode == TableMode::kReplace) {
    table.files.clear();
  } else if (next.mode == TableMode::kPartition) {
    std::erase_if(table.files,
                  [&](const LiveFile& live) { return touched.contains(live.file.partition); });
  } else if (manifest.kind == PublishKind::kCompact || manifest.kind == PublishKind::kPrune) {
    RestatePartitions(table, std::move(files), touched);
    return {};
  } else if (manifest.kind == PublishKind::kRevision) {
    DropSlot(table, manifest.slot.text);
  }
  std::move(files.begin(), files.end(), std::back_inserter(table.files));
  return {};
}

/// The newest readable checkpoint at or below `number`, or an empty view. A damaged one is as good
/// as none: it can be made again (Recover), and `verify` names it.
Result<View> StartOfFold(const ReadStore& store, std::string_view dataset, int64_t number) {
  for (int64_t at = number / kCheckpointEvery * kCheckpointEvery; at > 0; at -= kCheckpointEvery) {
    const Result<std::string> bytes = store.Get(CheckpointKey(dataset, at), kCheckpointLimit);
    if (!bytes.ok()) {
      if (bytes.error().code == Code::kNotFound) continue;
      return bytes.status();
    }
    Result<View> view = ParseCheckpoint(*bytes);
    if (!view.ok() && view.error().code == Code::kInvalid) return view;
    if (view.ok() && view->number == at && view->dataset == dataset) return view;
  }
  View empty;
  empty.dataset = dataset;
  return empty;
}

bool FillsSlot(PublishKind kind) {
  return kind == PublishKind::kPublish || kind == PublishKind::kLate ||
         kind == PublishKind::kRevision;
}

/// Hand the publishes from `view`'s number downwards to `visit` until it returns false.
Status WalkBack(const ReadStore& store, const View& view,
                const std::function<bool(const PublishSummary&)>& visit) {
  for (auto row = view.recent.rbegin(); row != view.recent.rend(); ++row) {
    if (!visit(*row)) return {};
  }
  int64_t to = view.recent.empty() ? view.number : view.recent.front().number - 1;
  while (to > 0) {
    const int64_t from = (to - 1) / kCheckpointEvery * kCheckpointEvery + 1;
    ASSIGN_OR_RETURN(const std::vector<PublishSummary> rows,
                     ListPublishes(store, view.dataset, from, to));
    for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
      if (!visit(*row)) return {};
    }
    to = from - 1;
  }
  return {};
}

/// The publishes of one slot, ascending. Publishes of kind `publish` come in the order of their
/// slots, so that all of this slot's come after the last one of an older slot.
Result<std::vector<int64_t>> PublishesOfSlot(const ReadStore& store, const View& head,
                                             const SlotId& slot, Time slot_time) {
  std::vector<int64_t> numbers;
  RETURN_IF_ERROR(WalkBack(store, head, [&](const PublishSummary& row) {
    if (FillsSlot(row.kind) && row.slot == slot) numbers.push_back(row.number);
    return row.kind != PublishKind::kPublish || row.slot_time >= slot_time;
  }));
  std::reverse(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

PublishSummary Summarise(const Manifest& manifest) {
  PublishSummary row;
  row.number = manifest.number;
  row.kind = manifest.kind;
  row.slot = manifest.slot;
  row.slot_time = manifest.slot_time;
  row.run = manifest.run;
  row.published = manifest.published;
  for (const auto& [name, table] : manifest.tables) {
    for (const FileEntry& file : table.files) {
      row.rows += file.rows;
      row.bytes += file.bytes;
    }
  }
  row.gaps = static_cast<int64_t>(manifest.gaps.size());
  row.outbox = static_cast<int64_t>(manifest.outbox.size());
  row.exports = static_cast<int64_t>(manifest.exports.size());
  return row;
}

Status Fold(View& view, const Manifest& manifest, std::string_view digest) {
  if (manifest.number != view.number + 1) {
    return Corrupt("manifest {} does not follow {}", manifest.number, view.number);
  }
  if (manifest.parent != view.digest) {
    return Corrupt("manifest {}: parent: manifest {} has another digest; run `catchment verify {}`",
                   manifest.number, view.number, view.dataset);
  }
  for (const auto& [name, table] : manifest.tables) {
    RETURN_IF_ERROR(FoldTable(view, manifest, name, table));
  }
  view.number = manifest.number;
  view.digest = digest;
  view.head = Summarise(manifest);
  view.state = manifest.state;
  if (FillsSlot(manifest.kind) &&
      (view.newest_slot.empty() || manifest.slot_time > view.newest_slot_time)) {
    view.newest_slot = manifest.slot;
    view.newest_slot_time = manifest.slot_time;
  }
  view.recent.push_back(view.head);
  return {};
}

Result<int64_t> FindHead(const ReadStore& store, std::string_view dataset) {
  RETURN_IF_ERROR(CheckDatasetName(dataset));
  const int64_t hint = HeadHint(store, dataset);
  if (hint > 0) {
    // From the hinted manifest on, so that one without a successor is seen to exist itself.
    const std::string from = fmt::format("{}/manifests/{}", dataset, PaddedNumber(hint));
    ASSIGN_OR_RETURN(const int64_t newest, NewestListed(store, dataset, from), "find head of {}",
                     dataset);
    if (newest > 0) return newest;
  }
  ASSIGN_OR_RETURN(const int64_t newest, NewestListed(store, dataset, ""), "find head of {}",
                   dataset);
  // HEAD is written after its manifest became durable: one that it names and that cannot be seen
  // was lost, and its number must not be given to another.
  if (newest == 0 && hint > 0) {
    return Corrupt(
        "{}: HEAD names manifest {}, but no manifest can be seen; restore them from a backup, or "
        "remove HEAD if the dataset is to begin anew",
        dataset, hint);
  }
  if (newest < hint) {
    return Corrupt(
        "{}: HEAD names manifest {}, but the newest that can be seen is {}; restore the later ones "
        "from a backup, or remove HEAD if the dataset is to go on from {}",
        dataset, hint, newest, newest);
  }
  return newest;
}

Result<View> LoadView(const ReadStore& store, std::string_view dataset,
                      std::optional<int64_t> number) {
  RETURN_IF_ERROR(CheckDatasetName(dataset));
  if (!number) {
    ASSIGN_OR_RETURN(number, FindHead(store, dataset));
  } else if (*number > 0) {
    ASSIGN_OR_RETURN(const bool there, store.Exists(ManifestKey(dataset, *number)));
    if (!there) return NotFound("{} has no publish {}", dataset, *number);
  }
  ASSIGN_OR_RETURN(View view, StartOfFold(store, dataset, *number));
  while (view.number < *number) {
    std::string digest;
    const Result<Manifest> manifest = ReadManifest(store, dataset, view.number + 1, &digest);
    if (!manifest.ok()) {
      if (manifest.error().code != Code::kNotFound) return manifest.status();
      return Corrupt("{}: manifest {} is missing, but {} is there; restore it from a backup",
                     dataset, view.number + 1, *number);
    }
    RETURN_IF_ERROR(Fold(view, *manifest, digest), "{}", dataset);
  }
  return view;
}

Result<bool> GoodCheckpoint(const ReadStore& store, std::string_view dataset, int64_t number) {
  const Result<std::string> bytes = store.Get(CheckpointKey(dataset, number));
  if (!bytes.ok()) {
    if (bytes.error().code == Code::kNotFound) return false;
    return bytes.status();
  }
  const Result<View> view = ParseCheckpoint(*bytes);
  return view.ok() && view->number == number && view->dataset == dataset;
}

std::vector<std::string> FindDamage(const ReadStore& store, std::string_view dataset) {
  std::vector<std::string> problems;
  const Result<int64_t> head = FindHead(store, dataset);
  const Result<View> view =
      head.ok() ? LoadView(store, dataset, *head) : Result<View>(head.status());
  if (!view.ok()) problems.push_back(view.error().message);
  const int64_t at = head.ok() ? *head / kCheckpointEvery * kCheckpointEvery : 0;
  if (at == 0) return problems;
  const std::string key = CheckpointKey(dataset, at);
  const Result<bool> there = store.Exists(key);
  if (!there.ok() || !*there) return problems;
  const Result<bool> good = GoodCheckpoint(store, dataset, at);
  if (good.ok() && !*good)
    problems.push_back(
        fmt::format("{}: damaged; `catchment recover {}` writes it again", key, dataset));
  return problems;
}

Result<ViewForRun> LoadForSlot(const ReadStore& store, std::string_view dataset, const SlotId& slot,
                               Time slot_time) {
  ViewForRun seen;
  ASSIGN_OR_RETURN(seen.head, LoadView(store, dataset));
  if (!seen.head.newest_slot.empty() && slot_time <= seen.head.newest_slot_time) {
    ASSIGN_OR_RETURN(seen.standing.published, PublishesOfSlot(store, seen.head, slot, slot_time));
    const bool before = !seen.standing.published.empty();
    seen.standing.kind = before ? PublishKind::kRevision : PublishKind::kLate;
    seen.standing.is_newest = before && slot == seen.head.newest_slot;
  }
  if (seen.standing.kind == PublishKind::kRevision && seen.standing.is_newest) {
    ASSIGN_OR_RETURN(seen.base, LoadView(store, dataset, seen.standing.published.front() - 1));
  } else {
    seen.base = seen.head;
  }
  return seen;
}

Result<std::vector<PublishSummary>> ListPublishes(const ReadStore& store, std::string_view dataset,
                                                  int64_t from, std::optional<int64_t> to) {
  if (!to) {
    ASSIGN_OR_RETURN(to, FindHead(store, dataset));
  }
  std::vector<PublishSummary> rows;
  for (int64_t number = std::max<int64_t>(from, 1); number <= *to;) {
    const int64_t at = (number + kCheckpointEvery - 1) / kCheckpointEvery * kCheckpointEvery;
    const Result<std::string> bytes = store.Get(CheckpointKey(dataset, at), kCheckpointLimit);
    if (!bytes.ok() && bytes.error().code != Code::kNotFound) return bytes.status();
    const Result<View> view = bytes.ok() ? ParseCheckpoint(*bytes) : Result<View>(bytes.status());
    if (view.ok()) {
      for (const PublishSummary& row : view->recent) {
        if (row.number >= number && row.number <= *to) rows.push_back(row);
      }
      number = at + 1;
      continue;
    }
    for (; number <= std::min(at, *to); ++number) {
      const Result<Manifest> manifest = ReadManifest(store, dataset, number);
      if (manifest.ok()) {
        rows.push_back(Summarise(*manifest));
      } else if (manifest.error().code != Code::kNotFound) {
        return manifest.status();
      }  // a version that was pruned has no line
    }
  }
  return rows;
}

Result<int64_t> AsOfSlot(const ReadStore& store, std::string_view dataset, Time slot_time) {
  ASSIGN_OR_RETURN(const View head, LoadView(store, dataset));
  int64_t number = head.number;
  RETURN_IF_ERROR(WalkBack(store, head, [&](const PublishSummary& row) {
    if (row.kind != PublishKind::kPublish) return true;
    if (row.slot_time > slot_time) number = row.number - 1;
    return row.slot_time > slot_time;
  }));
  if (number == 0)
    return NotFound("{} has no publish of a slot as old as {}", dataset, FormatTime(slot_time));
  return number;
}

Result<int64_t> AsOfTime(const ReadStore& store, std::string_view dataset, Time time) {
  ASSIGN_OR_RETURN(const View head, LoadView(store, dataset));
  int64_t number = 0;
  RETURN_IF_ERROR(WalkBack(store, head, [&](const PublishSummary& row) {
    if (row.published <= time) number = row.number;
    return number == 0;
  }));
  if (number == 0) return NotFound("{} had no publish at {}", dataset, FormatTime(time));
  return number;
}

Result<std::string> SerialiseCheckpoint(const View& view) {
  json out = {{"format", kCheckpointFormat},
              {"dataset", view.dataset},
              {"number", view.number},
              {"manifest", view.digest},
              {"head", SummaryToJson(view.head)},
              {"state", view.state},
              {"newest_slot", view.newest_slot.text},
              {"newest_slot_time", FormatTime(view.newest_slot_time)}};
  out["tables"] = json::object();
  int64_t rows = 0, bytes = 0, files = 0;
  for (const auto& [name, table] : view.tables) {
    out["tables"][name] = TableToJson(table);
    files += static_cast<int64_t>(table.files.size());
    for (const LiveFile& live : table.files) {
      rows += live.file.rows;
      bytes += live.file.bytes;
    }
  }
  out["totals"] = {{"files", files}, {"rows", rows}, {"bytes", bytes}};
  out["publishes"] = json::array();
  for (const PublishSummary& row : view.recent) {
    if (row.number > view.number - kCheckpointEvery) out["publishes"].push_back(SummaryToJson(row));
  }
  ASSIGN_OR_RETURN(const std::string body, DumpJson(out), "checkpoint {}", view.number);
  return Seal(body);
}

Result<View> ParseCheckpoint(std::string_view bytes) {
  ASSIGN_OR_RETURN(const json document, ParseBoundedJson(bytes));
  RETURN_IF_ERROR(CheckFormat(document, kCheckpointFormat));
  RETURN_IF_ERROR(Unseal(bytes).status());
  ASSIGN_OR_RETURN(Fields fields, Fields::Of(document, ""));
  for (const char* known : {"format", "digest", "totals"}) fields.Any(known);
  View view;
  ASSIGN_OR_RETURN(view.dataset, fields.Text("dataset"));
  ASSIGN_OR_RETURN(view.number, fields.Count("number"));
  ASSIGN_OR_RETURN(view.digest, fields.Digest("manifest"));
  const json* head = fields.Any("head");
  ASSIGN_OR_RETURN(view.head, SummaryFromJson(head != nullptr ? *head : json(), "head"));
  ASSIGN_OR_RETURN(const json* state, fields.Object("state", kMostFiles));
  view.state = *state;
  ASSIGN_OR_RETURN(view.newest_slot.text, fields.OptionalText("newest_slot"));
  ASSIGN_OR_RETURN(view.newest_slot_time, fields.Moment("newest_slot_time"));
  ASSIGN_OR_RETURN(const json* tables, fields.Object("tables", kMostTables));
  for (const auto& [name, table] : tables->items()) {
    ASSIGN_OR_RETURN(view.tables[name], TableViewFromJson(table, "tables." + name));
  }
  ASSIGN_OR_RETURN(const json* publishes, fields.List("publishes", kCheckpointEvery));
  for (const json& row : *publishes) {
    ASSIGN_OR_RETURN(PublishSummary read, SummaryFromJson(row, "publishes"));
    view.recent.push_back(std::move(read));
  }
  RETURN_IF_ERROR(fields.Done());
  return view;
}

}  // namespace catchment::lake
