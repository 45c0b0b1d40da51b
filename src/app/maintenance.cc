#include "app/maintenance.h"

#include <algorithm>

#include "app/dead_runs.h"
#include "app/delivery.h"
#include "app/export_writer.h"
#include "app/run_pipeline.h"
#include "app/run_services.h"
#include "app/work_folders.h"
#include "base/clock.h"
#include "base/text.h"
#include "core/placeholders.h"
#include "core/slot.h"
#include "lake/compact.h"
#include "lake/exports.h"
#include "lake/history.h"
#include "lake/local_store.h"
#include "lake/outbox.h"
#include "lake/recover.h"
#include "lake/verify.h"
#include "sources/cmr/link_table.h"

namespace catchment::app {
namespace fs = std::filesystem;
namespace {

OpContext Context(const Clock& clock, std::stop_token stop) {
  OpContext context;
  context.clock = &clock;
  context.stop = std::move(stop);
  return context;
}

/// Exports and deliveries that a dataset's publishes owe.
Status FinishDataset(const Settings& settings, StateStores& state, const std::string& dataset,
                     std::stop_token stop, MaintenanceAnswer& answer) {
  ASSIGN_OR_RETURN(const auto reading, lake::LocalStore::OpenRead(settings.lake_root));
  ASSIGN_OR_RETURN(const auto owed, lake::OwedExports(*reading, dataset));
  ASSIGN_OR_RETURN(const auto pending, lake::PendingDeliveries(*reading, dataset));
  if (owed.empty() && pending.empty()) return {};
  ASSIGN_OR_RETURN(const lake::View view, lake::LoadView(*reading, dataset));
  const Result<core::RunSpec> spec =
      SpecForDataset(settings, dataset, dataset.substr(0, dataset.find('/')), view);
  if (!spec.ok()) {
    answer.problems.push_back(
        fmt::format("{} exports and {} deliveries are owed, and the pipeline is not found: {}",
                    owed.size(), pending.size(), spec.error().message));
    answer.exports_owed = static_cast<int64_t>(owed.size());
    return {};
  }
  ASSIGN_OR_RETURN(const auto services, RunServices::Open(settings, *spec, state));
  ASSIGN_OR_RETURN(const auto clock, MakeClock(settings, view.newest_slot_time));
  PublisherServices publishing = services->publisher();
  publishing.joint.write = true;
  LakePublisher publisher(publishing);
  ASSIGN_OR_RETURN(const core::FinishResult result,
                   publisher.Finish(*spec, Context(*clock, std::move(stop))));
  if (result.exports_written > 0)
    answer.done.push_back(fmt::format("wrote {} exports", result.exports_written));
  if (result.delivered > 0)
    answer.done.push_back(fmt::format("delivered {} outbox items", result.delivered));
  for (const std::string& note : result.notes) answer.problems.push_back(note);
  answer.exports_owed = result.exports_owed;
  return {};
}

Status RecoverDataset(const Settings& settings, StateStores& state, const std::string& dataset,
                      std::stop_token stop, MaintenanceAnswer& answer) {
  ASSIGN_OR_RETURN(const auto store, lake::LocalStore::OpenWrite(settings.lake_root));
  ASSIGN_OR_RETURN(const lake::RecoverReport report,
                   lake::Recover(*store, dataset, [&](const RunId& run) {
                     return MayStillPublish(state, run, SystemClock().Now());
                   }));
  const auto say = [&](const std::vector<std::string>& names, const char* what) {
    if (!names.empty()) answer.done.push_back(fmt::format("{} {}", what, names.size()));
    answer.json[what] = names;
  };
  say(report.temporary, "removed unfinished writes:");
  say(report.orphans, "removed objects of dead runs:");
  say(report.journals, "removed journals of dead runs:");
  say(report.checkpoints, "rewrote checkpoints:");
  say(report.kept, "left alone, of runs that may be at work:");
  if (report.head) answer.done.push_back("rewrote HEAD");
  ASSIGN_OR_RETURN(const std::vector<std::string> ended,
                   EndDeadRuns(settings, state, *store, dataset));
  say(ended, "wrote down what became of dead runs:");
  return FinishDataset(settings, state, dataset, std::move(stop), answer);
}

/// Scratch folders of runs that are dead.
MaintenanceAnswer RecoverWorkFolders(const Settings& settings, StateStores& state) {
  MaintenanceAnswer answer;
  const DeadWork work = RemoveDeadWork(settings, state);
  if (work.removed > 0)
    answer.done.push_back(fmt::format("removed scratch folders of dead runs: {}", work.removed));
  if (work.kept > 0) {
    answer.done.push_back(
        fmt::format("kept answers of dead runs for the next run of their slots: {}", work.kept));
  }
  return answer;
}

/// Unfinished writes below the export roots.
Status RecoverExportRoots(const Settings& settings, MaintenanceAnswer& answer) {
  size_t removed = 0;
  for (const auto& [name, root] : settings.export_roots) {
    std::error_code error;
    if (!fs::is_directory(root, error)) continue;
    ASSIGN_OR_RETURN(const auto store, lake::LocalStore::OpenWrite(root), "export root '{}'", name);
    ASSIGN_OR_RETURN(const std::vector<std::string> names, store->RemoveLeftovers(""),
                     "export root '{}'", name);
    removed += names.size();
  }
  if (removed > 0)
    answer.done.push_back(fmt::format("removed unfinished writes of exports: {}", removed));
  return {};
}

Result<std::vector<std::string>> ChooseDatasets(const Settings& settings, const std::string& name) {
  if (name.empty()) return ListDatasets(settings);
  return DatasetsOf(settings, name);
}

}  // namespace

Result<core::RunSpec> SpecForDataset(const Settings& settings, const std::string& dataset,
                                     const std::string& pipeline_name, const lake::View& view) {
  core::RunSpec spec;
  ASSIGN_OR_RETURN(spec.definition, LoadPipelineByName(settings, pipeline_name));
  spec.pipeline.text = spec.definition->name;
  spec.dataset.text = dataset;
  ASSIGN_OR_RETURN(
      spec.parameters,
      core::ResolveParameters(*spec.definition, nlohmann::json::object(),
                              [](const std::string&) { return std::optional<std::string>(); }));
  spec.placeholders.parameters = spec.parameters;
  spec.placeholders.variables = settings.environment.vars;
  spec.slot.id = view.newest_slot;
  spec.slot.start = view.newest_slot_time;
  spec.placeholders.slot = spec.slot.start;
  spec.run = NewRunId();
  spec.environment = settings.environment.name;
  spec.simulated = settings.simulated;
  return spec;
}

Result<std::vector<MaintenanceAnswer>> Recover(const Settings& settings, const std::string& name,
                                               const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const auto state, StateStores::Open(settings));
  ASSIGN_OR_RETURN(const std::vector<std::string> datasets, ChooseDatasets(settings, name));
  std::vector<MaintenanceAnswer> answers;
  for (const std::string& dataset : datasets) {
    MaintenanceAnswer& answer = answers.emplace_back();
    answer.dataset = dataset;
    const Status recovered = RecoverDataset(settings, *state, dataset, stop, answer);
    if (!recovered.ok() && recovered.error().code != Code::kCorrupt)
      return Status(recovered).WithContext(fmt::format("dataset '{}'", dataset));
    std::vector<std::string> damage = {recovered.ToString()};
    if (recovered.ok()) {
      ASSIGN_OR_RETURN(const auto store, lake::LocalStore::OpenRead(settings.lake_root));
      damage = lake::FindDamage(*store, dataset);
    }
    answer.damaged = !damage.empty();
    for (std::string& problem : damage) answer.problems.push_back(std::move(problem));
  }
  answers.push_back(RecoverWorkFolders(settings, *state));
  RETURN_IF_ERROR(RecoverExportRoots(settings, answers.back()));
  return answers;
}

Result<MaintenanceAnswer> Compact(const Settings& settings, const std::string& name,
                                  int64_t min_files, const std::stop_token& stop) {
  MaintenanceAnswer answer;
  ASSIGN_OR_RETURN(answer.dataset, DatasetOf(settings, name));
  ASSIGN_OR_RETURN(const auto store, lake::LocalStore::OpenWrite(settings.lake_root));
  ASSIGN_OR_RETURN(const lake::View view, lake::LoadView(*store, answer.dataset));
  const SystemClock clock;
  // Partitions of the newest slot's UTC day can still get rows.
  const std::string today = view.number == 0 ? "" : FormatTime(view.newest_slot_time).substr(0, 10);
  lake::CompactOptions options;
  options.min_files = min_files;
  options.open = [&](std::string_view, const lake::PartitionValues& partition) {
    return std::any_of(partition.begin(), partition.end(),
                       [&](const auto& value) { return value && *value == today; });
  };
  for (int tries = 0; tries < 8; ++tries) {
    const auto done =
        lake::Compact(*store, answer.dataset, NewRunId(), options, Context(clock, stop));
    if (!done.ok() && done.error().code == Code::kExists) continue;  // a run published meanwhile
    if (!done.ok()) return done.status();
    if (!*done) {
      answer.done.push_back("nothing to compact");
    } else {
      answer.done.push_back(fmt::format("published as {}", (*done)->number));
      answer.json["publish"] = (*done)->number;
    }
    return answer;
  }
  return Unavailable("dataset '{}': other runs publish all the time; try again later",
                     answer.dataset);
}

Result<std::vector<MaintenanceAnswer>> Verify(const Settings& settings,
                                              const VerifyRequest& request,
                                              const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::vector<std::string> datasets,
                   ChooseDatasets(settings, request.dataset));
  ASSIGN_OR_RETURN(const auto store, lake::LocalStore::OpenRead(settings.lake_root));
  const SystemClock clock;
  std::vector<MaintenanceAnswer> answers;
  for (const std::string& dataset : datasets) {
    lake::VerifyOptions options;
    options.digests = !request.quick;
    options.parquet = !request.quick;
    options.all_versions = request.all_versions;
    options.vault = request.vault;
    options.packs_of = sources::cmr::PacksOfFile;
    if (request.progress) {
      options.progress = [&](const lake::VerifyReport& report) {
        request.progress(fmt::format("{}: {} objects, {} MiB", dataset,
                                     FormatCount(report.objects + report.vault_objects),
                                     FormatCount((report.bytes + report.vault_bytes) >> 20)));
      };
    }
    ASSIGN_OR_RETURN(const lake::VerifyReport report,
                     lake::Verify(*store, dataset, options, Context(clock, stop)));
    MaintenanceAnswer& answer = answers.emplace_back();
    answer.dataset = dataset;
    answer.done.push_back(fmt::format("checked {} manifests and {} objects of {} bytes; head is {}",
                                      report.manifests, report.objects, report.bytes, report.head));
    if (report.vault_objects > 0) {
      answer.done.push_back(
          fmt::format("checked the recorded answers of {} publishes: {} objects of {} bytes",
                      report.runs, report.vault_objects, report.vault_bytes));
    }
    answer.json = {{"head", report.head},
                   {"manifests", report.manifests},
                   {"objects", report.objects},
                   {"bytes", report.bytes},
                   {"vault",
                    {{"publishes", report.runs},
                     {"objects", report.vault_objects},
                     {"bytes", report.vault_bytes}}},
                   {"findings", nlohmann::json::array()}};
    for (const lake::Finding& finding : report.findings) {
      answer.problems.push_back(
          fmt::format("{}: {}; {}", finding.object, finding.what, finding.remedy));
      answer.json["findings"].push_back(
          {{"object", finding.object}, {"what", finding.what}, {"remedy", finding.remedy}});
    }
  }
  return answers;
}

Result<MaintenanceAnswer> ExportAgain(const Settings& settings,
                                      const std::string& pipeline_or_dataset,
                                      std::optional<int64_t> publish, bool takeover) {
  ASSIGN_OR_RETURN(const auto state, StateStores::Open(settings));
  MaintenanceAnswer answer;
  std::string pipeline = pipeline_or_dataset;
  std::error_code error;
  if (fs::is_directory(settings.lake_root / pipeline / "manifests", error)) {
    answer.dataset = pipeline;
    pipeline = pipeline.substr(0, pipeline.find('/'));
  } else {
    ASSIGN_OR_RETURN(const auto definition, LoadPipelineByName(settings, pipeline));
    ASSIGN_OR_RETURN(answer.dataset, DatasetOf(settings, definition->name));
  }
  ASSIGN_OR_RETURN(const auto reading, lake::LocalStore::OpenRead(settings.lake_root));
  ASSIGN_OR_RETURN(const lake::View view, lake::LoadView(*reading, answer.dataset, publish));
  ASSIGN_OR_RETURN(const core::RunSpec spec,
                   SpecForDataset(settings, answer.dataset, pipeline, view));
  ASSIGN_OR_RETURN(const auto services, RunServices::Open(settings, spec, *state));
  PublisherServices publishing = services->publisher();
  publishing.joint.write = true;
  ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                   RewriteExports(spec, publishing, view.number, takeover));
  for (const std::string& path : paths) answer.done.push_back("wrote " + path);
  answer.json = {{"publish", view.number}, {"paths", paths}};
  return answer;
}

}  // namespace catchment::app
