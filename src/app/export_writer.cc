#include "app/export_writer.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <thread>

#include "app/publish_contents.h"
#include "app/replay.h"
#include "app/table_artifact.h"
#include "base/mutex.h"
#include "lake/exports.h"

namespace catchment::app {
namespace {

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

Result<std::unique_ptr<lake::ExportRoot>> OpenRoot(const Settings& settings,
                                                   const std::string& name) {
  const auto root = settings.export_roots.find(name);
  if (root == settings.export_roots.end()) {
    return Invalid("environment '{}' has no export root '{}'; add it under 'exports:'",
                   settings.environment.name, name);
  }
  return lake::LocalExportRoot::Open(root->second);
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

Result<lake::ExportOutcome> WriteOne(const core::RunSpec& spec, const PublisherServices& services,
                                     ExportRows& rows, const lake::OwedExport& owed,
                                     bool takeover) {
  ASSIGN_OR_RETURN(const auto root, OpenRoot(*services.settings, owed.record.root));
  lake::ExportItem item;
  item.dataset = spec.dataset.text;
  item.publish = owed.publish;
  item.record = owed.record;
  item.takeover = takeover;
  // A Parquet export of a published table may be a copy of the published file.
  if (owed.record.table.empty() || owed.record.as != "parquet") {
    ASSIGN_OR_RETURN(item.rows, rows.Of(owed.record), "export {}", owed.record.id);
  }
  return lake::WriteExport(*root, *services.store, rows.contents().view(), item);
}

/// Write the exports of one publish, a few at once, since packing one file keeps one processor busy
/// and exports have paths of their own. What cannot be written stays owed.
Status WriteBatch(const core::RunSpec& spec, const PublisherServices& services,
                  const KeptTables& kept, const OpContext& context, const core::Lease& lease,
                  std::span<const lake::OwedExport> batch, core::FinishResult& result) {
  const auto contents = PublishContents::Load(*services.store, spec.dataset.text, batch[0].publish);
  std::optional<ExportRows> rows;
  if (contents.ok()) rows.emplace(spec, services, kept, **contents, context.stop);
  std::vector<Status> wanted(batch.size());
  std::vector<Result<lake::ExportOutcome>> written(batch.size(), Internal("not written"));
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < batch.size(); i = next++) {
      wanted[i] = context.Check();
      if (wanted[i].ok()) wanted[i] = services.leases->Renew(lease);
      if (!wanted[i].ok()) continue;
      written[i] = rows ? WriteOne(spec, services, *rows, batch[i], spec.takeover)
                        : Result<lake::ExportOutcome>(contents.status());
    }
  };
  {
    std::vector<std::jthread> helpers;
    const size_t count = std::min<size_t>({batch.size(), std::thread::hardware_concurrency(), 4});
    while (helpers.size() + 1 < count) helpers.emplace_back(work);
    work();
  }
  for (size_t i = 0; i < batch.size(); ++i) {
    const lake::OwedExport& owed = batch[i];
    RETURN_IF_ERROR(wanted[i]);
    if (written[i].ok()) {
      RETURN_IF_ERROR(lake::MarkExported(*services.store, spec.dataset.text, owed.publish,
                                         owed.record.id, *written[i], context.clock->Now()));
      result.exports_written += *written[i] == lake::ExportOutcome::kWritten ? 1 : 0;
    } else {
      ++result.exports_owed;
      result.notes.push_back(fmt::format("export {} of publish {} is owed: {}", owed.record.path,
                                         owed.publish, written[i].error().message));
    }
  }
  return {};
}

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
    record.slotless = definition.slotless();
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
  const auto root = OpenRoot(*services.settings, record.root);
  if (!root.ok()) return std::nullopt;
  auto found = (*root)->Find(record.path);
  return found.ok() ? std::move(found).value() : std::nullopt;
}

}  // namespace

Status CheckExportPaths(const core::RunSpec& spec, const PublisherServices& services) {
  if (spec.takeover) return {};
  ASSIGN_OR_RETURN(const std::vector<lake::ExportRecord> records, PlannedRecords(spec));
  for (const lake::ExportRecord& record : records) {
    const std::optional<lake::ExportFound> found = Standing(services, record);
    if (!found || !found->mark || found->mark->dataset == spec.dataset.text) continue;
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
    if (record.table != table || record.as != "parquet") continue;
    const std::optional<lake::ExportFound> found = Standing(services, record);
    if (found && !found->mark && found->rows) files.push_back({record.path, *found->rows});
  }
  return files;
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
    outcome = WriteBatch(spec, services, kept, context, *lease, batch, result);
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
  std::vector<std::string> paths;
  for (const lake::ExportRecord& record : manifest.exports) {
    const lake::OwedExport owed{publish, manifest.slot, manifest.slot_time, manifest.run, record};
    ASSIGN_OR_RETURN(const lake::ExportOutcome outcome,
                     WriteOne(spec, services, rows, owed, takeover), "export {}", record.path);
    if (outcome == lake::ExportOutcome::kWritten) paths.push_back(record.path);
  }
  return paths;
}

}  // namespace catchment::app
