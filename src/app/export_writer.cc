#include "app/export_writer.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <span>
#include <thread>

#include "app/sql_values.h"
#include "base/file.h"
#include "base/mutex.h"
#include "columnar/sql.h"
#include "lake/exports.h"
#include "lake/history.h"
#include "lake/table_read.h"

namespace catchment::app {
namespace {

std::string ExportId(size_t index, const core::ExportSpec& definition) {
  std::string format = definition.as;
  std::replace(format.begin(), format.end(), '.', '-');
  return fmt::format("{}-{}-{}", index + 1, definition.table.empty() ? "sql" : definition.table,
                     format);
}

const core::ExportSpec* FindExport(const core::Pipeline& pipeline, const std::string& id) {
  for (size_t i = 0; i < pipeline.exports.size(); ++i) {
    if (ExportId(i, pipeline.exports[i]) == id) return &pipeline.exports[i];
  }
  return nullptr;
}

/// The rows of an export that is a SELECT over the publish's tables.
Result<columnar::Table> RenderSql(const core::RunSpec& spec, const core::ExportSpec& definition,
                                  const lake::ReadStore& store, const lake::View& view, Time slot) {
  const std::filesystem::path file = spec.definition->folder / definition.sql;
  ASSIGN_OR_RETURN(std::string text, ReadFile(file, 1 << 20));
  ASSIGN_OR_RETURN(const auto engine, columnar::SqlEngine::Open());
  for (const auto& [name, table] : view.tables) {
    RETURN_IF_ERROR(engine->AddLazyTable(
        "", name, [&store, &view, name = name] { return lake::ReadTable(store, view, name); }));
  }
  columnar::SqlParameters parameters = MakeSqlParameters(spec);
  parameters["slot"] = slot;
  return engine->Query({std::move(text), file.string()}, parameters);
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

/// What one publish's exports are made of: its tables are read once, however many exports show
/// them. Thread-safe. `store` outlives it.
class PublishedTables {
 public:
  static Result<std::unique_ptr<PublishedTables>> Load(const lake::ReadStore& store,
                                                       const std::string& dataset,
                                                       int64_t publish) {
    ASSIGN_OR_RETURN(lake::View view, lake::LoadView(store, dataset, publish));
    return std::unique_ptr<PublishedTables>(new PublishedTables(store, std::move(view)));
  }

  const lake::View& view() const { return view_; }

  Result<columnar::Table> Read(const std::string& name) {
    MutexLock lock(mutex_);
    if (const auto known = read_.find(name); known != read_.end()) return known->second;
    ASSIGN_OR_RETURN(columnar::Table table, lake::ReadTable(store_, view_, name));
    return read_.emplace(name, std::move(table)).first->second;
  }

 private:
  PublishedTables(const lake::ReadStore& store, lake::View view)
      : store_(store), view_(std::move(view)) {}

  // Constant after construction.
  const lake::ReadStore& store_;
  const lake::View view_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::map<std::string, columnar::Table> read_ GUARDED_BY(mutex_);
};

Result<lake::ExportOutcome> WriteOne(const core::RunSpec& spec, const PublisherServices& services,
                                     PublishedTables& tables, const lake::OwedExport& owed,
                                     bool takeover) {
  ASSIGN_OR_RETURN(const auto root, OpenRoot(*services.settings, owed.record.root));
  lake::ExportItem item;
  item.dataset = spec.dataset.text;
  item.publish = owed.publish;
  item.record = owed.record;
  item.takeover = takeover;
  const core::ExportSpec* definition = FindExport(*spec.definition, owed.record.id);
  if (owed.record.table.empty()) {
    if (definition == nullptr || definition->sql.empty()) {
      return NotFound("the pipeline no longer defines this export; its rows cannot be made again");
    }
    ASSIGN_OR_RETURN(item.rows,
                     RenderSql(spec, *definition, *services.store, tables.view(), owed.slot_time));
  } else if (owed.record.as != "parquet") {  // which may be a copy of the published file
    ASSIGN_OR_RETURN(item.rows, tables.Read(owed.record.table), "export {}", owed.record.id);
  }
  return lake::WriteExport(*root, *services.store, tables.view(), item);
}

/// Write the exports of one publish, a few at once, since packing one file keeps one processor busy
/// and exports have paths of their own. What cannot be written stays owed.
Status WriteBatch(const core::RunSpec& spec, const PublisherServices& services,
                  const OpContext& context, const core::Lease& lease,
                  std::span<const lake::OwedExport> batch, core::FinishResult& result) {
  const auto tables = PublishedTables::Load(*services.store, spec.dataset.text, batch[0].publish);
  std::vector<Status> wanted(batch.size());
  std::vector<Result<lake::ExportOutcome>> written(batch.size(), Internal("not written"));
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < batch.size(); i = next++) {
      wanted[i] = context.Check();
      if (wanted[i].ok()) wanted[i] = services.leases->Renew(lease);
      if (!wanted[i].ok()) continue;
      written[i] = tables.ok() ? WriteOne(spec, services, **tables, batch[i], false)
                               : Result<lake::ExportOutcome>(tables.status());
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

}  // namespace

Result<std::vector<lake::ExportRecord>> MakeExportRecords(
    const core::RunSpec& spec, const std::vector<std::string>& published) {
  std::vector<lake::ExportRecord> records;
  const core::Pipeline& pipeline = *spec.definition;
  for (size_t i = 0; i < pipeline.exports.size(); ++i) {
    const core::ExportSpec& definition = pipeline.exports[i];
    if (!definition.only.empty() && definition.only != spec.environment) continue;
    if (!definition.table.empty() &&
        std::find(published.begin(), published.end(), definition.table) == published.end()) {
      continue;
    }
    lake::ExportRecord record;
    record.id = ExportId(i, definition);
    record.table = definition.table;
    record.as = definition.as;
    record.root = definition.root;
    ASSIGN_OR_RETURN(record.path, core::ExpandPlaceholders(definition.path, spec.placeholders),
                     "export {}", record.id);
    record.slotless = definition.slotless();
    records.push_back(std::move(record));
  }
  return records;
}

Status WriteOwedExports(const core::RunSpec& spec, const PublisherServices& services,
                        const OpContext& context, core::FinishResult& result) {
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
    outcome = WriteBatch(spec, services, context, *lease, batch, result);
  }
  RETURN_IF_ERROR(services.leases->Release(*lease));
  return outcome;
}

Result<std::vector<std::string>> RewriteExports(const core::RunSpec& spec,
                                                const PublisherServices& services, int64_t publish,
                                                bool takeover) {
  ASSIGN_OR_RETURN(const lake::Manifest manifest,
                   lake::ReadManifest(*services.store, spec.dataset.text, publish));
  ASSIGN_OR_RETURN(const auto tables,
                   PublishedTables::Load(*services.store, spec.dataset.text, publish));
  std::vector<std::string> paths;
  for (const lake::ExportRecord& record : manifest.exports) {
    const lake::OwedExport owed{publish, manifest.slot, manifest.slot_time, manifest.run, record};
    ASSIGN_OR_RETURN(const lake::ExportOutcome outcome,
                     WriteOne(spec, services, *tables, owed, takeover), "export {}", record.path);
    if (outcome == lake::ExportOutcome::kWritten) paths.push_back(record.path);
  }
  return paths;
}

}  // namespace catchment::app
