#include "app/export_writer.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <thread>

#include "app/collection_export.h"
#include "app/export_root.h"
#include "app/joint_export.h"
#include "app/publish_contents.h"
#include "app/replay.h"
#include "app/table_artifact.h"
#include "base/mutex.h"
#include "base/parallel_for.h"
#include "lake/exports.h"

namespace catchment::app {
namespace {

constexpr unsigned kMostWritingThreads = 4;

std::string ExportId(size_t index, const core::ExportSpec& definition) {
  std::string format = definition.as;
  std::replace(format.begin(), format.end(), '.', '-');
  std::string what = definition.table;
  if (!definition.sql.empty()) what = "sql";
  if (!definition.from.empty()) what = definition.from;
  std::replace(what.begin(), what.end(), '.', '-');
  return fmt::format("{}-{}-{}", index + 1, what, format);
}

/// Whether it shows what a task gave, published or not.
bool OfATask(const core::ExportSpec& definition) {
  return !definition.from.empty() && !definition.from.starts_with("run.");
}

bool OfEnvironment(const core::ExportSpec& definition, const core::RunSpec& spec) {
  return definition.only.empty() || definition.only == spec.environment;
}

const core::ExportSpec* FindExport(const core::Pipeline& pipeline, const std::string& id) {
  for (size_t i = 0; i < pipeline.exports.size(); ++i) {
    if (ExportId(i, pipeline.exports[i]) == id) return &pipeline.exports[i];
  }
  return nullptr;
}

/// The rows of one publish's exports. Thread-safe. What it is given outlives it.
class ExportRows {
 public:
  ExportRows(const core::RunSpec& spec, const PublisherServices& services, const KeptTables& kept,
             PublishContents& contents, std::stop_token stop)
      : spec_(spec),
        services_(services),
        kept_(kept),
        contents_(contents),
        stop_(std::move(stop)) {}

  PublishContents& contents() { return contents_; }
  const std::stop_token& stop() const { return stop_; }

  Result<columnar::Table> Of(const lake::ExportRecord& record) {
    if (!record.table.empty()) return OfTable(record);
    const core::ExportSpec* definition = FindExport(*spec_.definition, record.id);
    if (definition == nullptr) {
      return NotFound("the pipeline no longer defines this export; its rows cannot be made again");
    }
    if (!definition->sql.empty())
      return contents_.Select(spec_.definition->folder / definition->sql, spec_);
    if (definition->from.starts_with("run.")) return contents_.OfRun(definition->from.substr(4));
    return OfTask(definition->from);
  }

 private:
  /// A month's path holds that month, not all there are.
  Result<columnar::Table> OfTable(const lake::ExportRecord& record) {
    const auto& tables = contents_.view().tables;
    const auto table = tables.find(record.table);
    const bool by_slot = table != tables.end() &&
                         table->second.mode == lake::TableMode::kPartition && !record.slotless;
    return by_slot ? contents_.Added(record.table) : contents_.Rows(record.table);
  }

  Result<columnar::Table> OfTask(const std::string& from) {
    if (kept_.publish == contents_.manifest().number) return Find(kept_.tables, from);
    MutexLock lock(mutex_);
    if (!repeated_) {
      std::set<std::string> tasks;
      for (const lake::ExportRecord& record : contents_.manifest().exports) {
        const core::ExportSpec* definition = FindExport(*spec_.definition, record.id);
        if (definition != nullptr && OfATask(*definition))
          tasks.insert(core::TaskOf(definition->from));
      }
      ASSIGN_OR_RETURN(const nlohmann::json record, contents_.Record());
      ASSIGN_OR_RETURN(repeated_, RepeatTasks(*services_.settings, *services_.store,
                                              contents_.manifest(), record, tasks, stop_));
    }
    return Find(*repeated_, from);
  }

  static Result<columnar::Table> Find(const core::Artifacts& tables, const std::string& from) {
    const auto found = tables.find(from);
    if (found == tables.end()) return NotFound("the run's task gave no table '{}'", from);
    return TableOf(*found->second);
  }

  // Constant after construction.
  const core::RunSpec& spec_;
  const PublisherServices& services_;
  const KeptTables& kept_;
  PublishContents& contents_;  // thread-safe itself
  const std::stop_token stop_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::optional<core::Artifacts> repeated_ GUARDED_BY(mutex_);
};

/// H28 metadata_mismatch: what describes a publish's files is written when they stand, and waits
/// with them.
bool Describes(const lake::ExportRecord& record) { return record.as == kCollectionFormat; }

/// `again`: also what stands there already.
Result<WrittenExport> WriteOne(const core::RunSpec& spec, const PublisherServices& services,
                               ExportRows& rows, const lake::OwedExport& owed, bool takeover,
                               bool again) {
  if (!owed.record.datasets.empty()) {
    if (!services.joint.write) {
      return WrittenExport{WrittenExport::Kind::kWaits, {}, owed.record.path + " waits"};
    }
    const Result<nlohmann::json> parameters = rows.contents().Parameters();
    return WriteJointExport({.record = owed.record,
                             .slot = owed.slot,
                             .slot_time = owed.slot_time,
                             .parameters = parameters.ok() ? *parameters : nlohmann::json::object(),
                             .takeover = takeover,
                             .allow_shrink = spec.allow_shrink,
                             .again = again},
                            spec.run.text, services, rows.stop());
  }
  ASSIGN_OR_RETURN(const auto root, OpenExportRoot(*services.settings, owed.record.root));
  lake::ExportItem item;
  item.dataset = spec.dataset.text;
  item.publish = owed.publish;
  item.record = owed.record;
  item.takeover = takeover;
  std::optional<lake::StagingFile> staging;  // until the file is in place
  if (Describes(owed.record)) {
    ASSIGN_OR_RETURN(staging, root->NewStagingFile());
    RETURN_IF_ERROR(WriteCollection(*services.store, rows.contents(), owed.record, staging->path()),
                    "export {}", owed.record.id);
    item.file = staging->path();
  } else if (owed.record.table.empty() || owed.record.as != "parquet") {
    // A Parquet export of a published table may be a copy of the published file.
    ASSIGN_OR_RETURN(item.rows, rows.Of(owed.record), "export {}", owed.record.id);
  }
  ASSIGN_OR_RETURN(const lake::ExportOutcome outcome,
                   lake::WriteExport(*root, *services.store, rows.contents().view(), item));
  return WrittenExport{WrittenExport::Kind::kDone, outcome, ""};
}

/// The exports of one publish that are owed, and what became of each.
class ExportBatch {
 public:
  ExportBatch(const core::RunSpec& spec, const PublisherServices& services,
              const OpContext& context, const core::Lease& lease,
              std::span<const lake::OwedExport> batch)
      : spec_(spec),
        services_(services),
        context_(context),
        lease_(lease),
        batch_(batch),
        wanted_(batch.size()),
        written_(batch.size(), Internal("not written")) {}

  /// Write them, a few at once, since packing one file keeps one processor busy and exports have
  /// paths of their own. What cannot be written stays owed.
  Status Write(const KeptTables& kept, core::FinishResult& result) {
    const auto contents =
        PublishContents::Load(*services_.store, spec_.dataset.text, batch_[0].publish);
    std::optional<ExportRows> rows;
    if (contents.ok()) rows.emplace(spec_, services_, kept, **contents, context_.stop);
    std::vector<size_t> files, descriptions;
    for (size_t i = 0; i < batch_.size(); ++i) {
      if (!contents.ok()) written_[i] = contents.error();
      (Describes(batch_[i].record) ? descriptions : files).push_back(i);
    }
    if (rows) {
      RETURN_IF_ERROR(WriteAll(files, *rows));
      RETURN_IF_ERROR(WriteAll(descriptions, *rows));
    }
    return Report(result);
  }

 private:
  Status WriteAll(const std::vector<size_t>& which, ExportRows& rows) {
    const size_t threads = std::min(std::thread::hardware_concurrency(), kMostWritingThreads);
    return ParallelFor(which.size(), threads, [&](size_t at) -> Status {
      WriteInto(which[at], rows);
      return {};
    });
  }

  void WriteInto(size_t i, ExportRows& rows) {
    wanted_[i] = context_.Check();
    if (wanted_[i].ok()) wanted_[i] = services_.leases->Renew(lease_);
    if (!wanted_[i].ok()) return;
    const std::string unwritten = Unwritten(batch_[i].record);
    written_[i] =
        unwritten.empty()
            ? WriteOne(spec_, services_, rows, batch_[i], spec_.takeover, false)
            : WrittenExport{WrittenExport::Kind::kWaits,
                            {},
                            fmt::format("{} waits for {}", batch_[i].record.path, unwritten)};
  }

  /// A file that a description is about and that does not stand yet.
  std::string Unwritten(const lake::ExportRecord& description) const {
    if (!Describes(description)) return "";
    for (size_t i = 0; i < batch_.size(); ++i) {
      const lake::ExportRecord& record = batch_[i].record;
      if (Describes(record)) continue;  // may be another thread's at this moment
      const bool done = written_[i].ok() && written_[i]->kind == WrittenExport::Kind::kDone;
      if (record.table == description.table && !done) return record.path;
    }
    return "";
  }

  Status Report(core::FinishResult& result) {
    for (size_t i = 0; i < batch_.size(); ++i) {
      const lake::OwedExport& owed = batch_[i];
      RETURN_IF_ERROR(wanted_[i]);
      if (!written_[i].ok()) {
        ++result.exports_owed;
        result.notes.push_back(fmt::format("export {} of publish {} is owed: {}", owed.record.path,
                                           owed.publish, written_[i].error().message));
        continue;
      }
      const WrittenExport& written = *written_[i];
      if (written.kind == WrittenExport::Kind::kHeld) ++result.exports_held;
      if (written.kind != WrittenExport::Kind::kDone) {
        if (services_.joint.write) result.notes.push_back(written.why);
        continue;
      }
      RETURN_IF_ERROR(lake::MarkExported(*services_.store, spec_.dataset.text, owed.publish,
                                         owed.record.id, written.outcome, context_.clock->Now()));
      result.exports_written += written.outcome == lake::ExportOutcome::kWritten ? 1 : 0;
    }
    return {};
  }

  // Constant after construction.
  const core::RunSpec& spec_;
  const PublisherServices& services_;
  const OpContext& context_;
  const core::Lease& lease_;
  const std::span<const lake::OwedExport> batch_;
  // Each entry is one thread's until all have ended.
  std::vector<Status> wanted_;
  std::vector<Result<WrittenExport>> written_;
};

/// Let paths name what sources counted: `{count.placement.desired_count}`.
void AddCounts(std::span<const SourceReport> reports, core::PlaceholderValues& placeholders) {
  for (const SourceReport& report : reports) {
    for (const auto& [name, count] : report.counts)
      placeholders.names[fmt::format("count.{}.{}", report.source, name)] = fmt::to_string(count);
  }
}

/// Whether all counts that a path names are there; `foretold` ones stand as their names.
bool KnowsCounts(const std::string& path, bool foretold, core::PlaceholderValues& placeholders) {
  for (const std::string& name : core::ListPlaceholders(path)) {
    if (!name.starts_with("count.") || placeholders.names.contains(name)) continue;
    if (!foretold) return false;
    placeholders.names[name] = "<" + name.substr(name.rfind('.') + 1) + ">";
  }
  return true;
}

}  // namespace

Result<std::vector<lake::ExportRecord>> MakeExportRecords(const core::RunSpec& spec,
                                                          const std::vector<std::string>& published,
                                                          const core::Artifacts* outputs,
                                                          std::span<const SourceReport> reports) {
  std::vector<lake::ExportRecord> records;
  core::PlaceholderValues placeholders = spec.placeholders;
  AddCounts(reports, placeholders);
  const core::Pipeline& pipeline = *spec.definition;
  for (size_t i = 0; i < pipeline.exports.size(); ++i) {
    const core::ExportSpec& definition = pipeline.exports[i];
    if (!OfEnvironment(definition, spec)) continue;
    if (OfATask(definition) && outputs != nullptr && !outputs->contains(definition.from)) continue;
    if (!definition.table.empty() &&
        std::find(published.begin(), published.end(), definition.table) == published.end()) {
      continue;
    }
    if (!KnowsCounts(definition.path, outputs == nullptr, placeholders)) continue;
    lake::ExportRecord record;
    record.id = ExportId(i, definition);
    record.table = definition.table;
    record.as = definition.as;
    record.root = definition.root;
    ASSIGN_OR_RETURN(record.path, core::ExpandPlaceholders(definition.path, placeholders),
                     "export {}", record.id);
    // A description of the whole table is made anew by each publish, also by late ones.
    record.slotless = definition.slotless() && !Describes(record);
    if (!definition.table.empty() && definition.path.find("{layout}") != std::string::npos)
      record.datasets = spec.together;
    records.push_back(std::move(record));
  }
  return records;
}

namespace {

/// The records of exports whose paths are known before anything is collected.
Result<std::vector<lake::ExportRecord>> PlannedRecords(const core::RunSpec& spec) {
  std::vector<std::string> all;
  for (const core::PublishedTable& table : spec.definition->publish) all.push_back(table.table);
  ASSIGN_OR_RETURN(std::vector<lake::ExportRecord> records,
                   MakeExportRecords(spec, all, nullptr, {}));
  // A count that a source has not counted yet stands as `<name>` (KnowsCounts).
  std::erase_if(records,
                [](const auto& record) { return record.path.find('<') != std::string::npos; });
  return records;
}

/// What stands at a path; null also where that cannot be seen: writing will say why.
std::optional<lake::ExportFound> Standing(const PublisherServices& services,
                                          const lake::ExportRecord& record) {
  const auto root = OpenExportRoot(*services.settings, record.root);
  if (!root.ok()) return std::nullopt;
  auto found = (*root)->Find(record.path);
  return found.ok() ? std::move(found).value() : std::nullopt;
}

}  // namespace

Status CheckExportPaths(const core::RunSpec& spec, const PublisherServices& services) {
  ASSIGN_OR_RETURN(const std::vector<lake::ExportRecord> records, PlannedRecords(spec));
  for (const lake::ExportRecord& record : records)
    RETURN_IF_ERROR(lake::CheckKey(record.path), "export {}", record.id);
  if (spec.takeover) return {};
  for (const lake::ExportRecord& record : records) {
    const std::optional<lake::ExportFound> found = Standing(services, record);
    const std::string owner =
        record.datasets.empty() ? spec.dataset.text : lake::JointName(record.datasets);
    if (!found || !found->mark || found->mark->dataset == owner) continue;
    const bool prefixed = spec.definition->FindParameter("s3Prefix") != nullptr;
    return Invalid("{} belongs to {}; choose another {} or use --takeover", record.path,
                   found->mark->dataset, prefixed ? "s3Prefix" : "path");
  }
  return {};
}

Result<std::vector<ForeignFile>> ForeignFiles(const core::RunSpec& spec,
                                              const PublisherServices& services,
                                              const std::string& table) {
  ASSIGN_OR_RETURN(const std::vector<lake::ExportRecord> records, PlannedRecords(spec));
  std::vector<ForeignFile> files;
  for (const lake::ExportRecord& record : records) {
    // What several datasets have in one file is compared when all are there.
    if (record.table != table || record.as != "parquet" || !record.datasets.empty()) continue;
    const std::optional<lake::ExportFound> found = Standing(services, record);
    if (found && !found->mark && found->rows) files.push_back({record.path, *found->rows});
  }
  return files;
}

std::string ForeignFileHasMore(const ForeignFile& file, const std::string& than) {
  return fmt::format(
      "{}, which Catchment did not write, has {} rows, more than the {}; --allow-shrink replaces "
      "it",
      file.path, file.rows, than);
}

std::vector<std::string> SkippedExports(const core::RunSpec& spec, const core::Artifacts& outputs) {
  std::vector<std::string> notes;
  for (const core::ExportSpec& definition : spec.definition->exports) {
    if (!OfEnvironment(definition, spec) || !OfATask(definition)) continue;
    if (outputs.contains(definition.from)) continue;
    const Result<std::string> path = core::ExpandPlaceholders(definition.path, spec.placeholders);
    notes.push_back(fmt::format("export {} is skipped: '{}' gave no table in this run",
                                path.ok() ? *path : definition.path, definition.from));
  }
  return notes;
}

core::Artifacts TablesOfExports(const core::Pipeline& pipeline, const core::Artifacts& outputs) {
  core::Artifacts kept;
  for (const core::ExportSpec& definition : pipeline.exports) {
    const auto output = OfATask(definition) ? outputs.find(definition.from) : outputs.end();
    if (output != outputs.end()) kept.insert(*output);
  }
  return kept;
}

Status WriteOwedExports(const core::RunSpec& spec, const PublisherServices& services,
                        const KeptTables& kept, const OpContext& context,
                        core::FinishResult& result) {
  const std::string& dataset = spec.dataset.text;
  ASSIGN_OR_RETURN(const std::vector<lake::OwedExport> first_look,
                   lake::OwedExports(*services.store, dataset));
  if (first_look.empty()) return {};
  const Result<core::Lease> lease =
      services.leases->Acquire("export:" + dataset, services.machine->Self(spec.run.text),
                               std::chrono::milliseconds(60'000));
  if (!lease.ok() && lease.error().code == Code::kLocked) {
    result.notes.push_back("exports are being written by another run: " + lease.error().message);
    return {};
  }
  if (!lease.ok()) return lease.status();
  Status outcome;
  // Looked at again under the lease: another run may have written them meanwhile.
  const auto owed_now = lake::OwedExports(*services.store, dataset);
  if (!owed_now.ok()) outcome = owed_now.status();
  const std::vector<lake::OwedExport> owed =
      owed_now.ok() ? *owed_now : std::vector<lake::OwedExport>();
  for (size_t begin = 0, end = 0; begin < owed.size() && outcome.ok(); begin = end) {
    while (end < owed.size() && owed[end].publish == owed[begin].publish) ++end;
    const std::span<const lake::OwedExport> batch = std::span(owed).subspan(begin, end - begin);
    outcome = ExportBatch(spec, services, context, *lease, batch).Write(kept, result);
  }
  RETURN_IF_ERROR(services.leases->Release(*lease));
  return outcome;
}

Result<std::vector<std::string>> RewriteExports(const core::RunSpec& spec,
                                                const PublisherServices& services, int64_t publish,
                                                bool takeover) {
  ASSIGN_OR_RETURN(const auto contents,
                   PublishContents::Load(*services.store, spec.dataset.text, publish));
  const lake::Manifest& manifest = contents->manifest();
  const KeptTables none;
  ExportRows rows(spec, services, none, *contents, {});
  std::vector<lake::ExportRecord> records = manifest.exports;
  std::stable_partition(records.begin(), records.end(),
                        [](const auto& record) { return !Describes(record); });
  std::vector<std::string> paths;
  for (const lake::ExportRecord& record : records) {
    const lake::OwedExport owed{publish, manifest.slot, manifest.slot_time, manifest.run, record};
    ASSIGN_OR_RETURN(const WrittenExport written,
                     WriteOne(spec, services, rows, owed, takeover, true), "export {}",
                     record.path);
    if (written.kind != WrittenExport::Kind::kDone) return Unavailable("{}", written.why);
    if (written.outcome == lake::ExportOutcome::kWritten) paths.push_back(record.path);
  }
  return paths;
}

}  // namespace catchment::app
