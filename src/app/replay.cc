#include "app/replay.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "app/catalogue.h"
#include "app/lake_head.h"
#include "app/maintenance.h"
#include "app/publish_input.h"
#include "app/run_pipeline.h"
#include "app/state_stores.h"
#include "app/task_bodies.h"
#include "base/file.h"
#include "core/pipeline_parse.h"
#include "lake/local_store.h"
#include "lake/publish.h"
#include "lake/run_record.h"
#include "lake/vault_blob_store.h"

extern char** environ;

namespace catchment::app {
namespace fs = std::filesystem;
namespace {

/// Where a run left its record.
struct FoundRun {
  std::string dataset;
  core::RunRecord record;
  nlohmann::json json;
};

Result<FoundRun> FindRun(const Settings& settings, const lake::ReadStore& store,
                         const std::string& run) {
  const std::vector<std::string> datasets = ListDatasets(settings);
  for (const std::string& dataset : datasets) {
    const fs::path runs = settings.lake_root / dataset / "runs";
    std::error_code error;
    for (const fs::directory_entry& slot : fs::directory_iterator(runs, error)) {
      if (!fs::exists(slot.path() / (run + ".json"), error)) continue;
      FoundRun found;
      found.dataset = dataset;
      ASSIGN_OR_RETURN(
          found.json,
          lake::GetRunRecord(store, dataset, SlotId{slot.path().filename().string()}, RunId{run}));
      ASSIGN_OR_RETURN(found.record, core::RunRecordFromJson(found.json));
      return found;
    }
  }
  return NoSuchRun(settings, run, "in " + settings.lake_root.string());
}

/// The dataset as the run saw it: its head then, and for a revision of the newest slot what that
/// slot follows.
Result<lake::ViewForRun> ViewsAt(const lake::ReadStore& store, const std::string& dataset,
                                 const core::RunRecord& record, int64_t published) {
  lake::ViewForRun views;
  const int64_t head = published - 1;
  ASSIGN_OR_RETURN(views.head, lake::LoadView(store, dataset, head));
  views.base = views.head;
  if (head == 0) return views;
  ASSIGN_OR_RETURN(const auto summaries, lake::ListPublishes(store, dataset, 1, head));
  for (const lake::PublishSummary& summary : summaries) {
    const bool fills =
        summary.kind != lake::PublishKind::kPrune && summary.kind != lake::PublishKind::kCompact;
    if (fills && summary.slot == record.slot) views.standing.published.push_back(summary.number);
  }
  views.standing.is_newest = record.slot_start >= views.head.newest_slot_time;
  if (!views.standing.published.empty()) {
    views.standing.kind = lake::PublishKind::kRevision;
    if (views.standing.is_newest) {
      ASSIGN_OR_RETURN(views.base,
                       lake::LoadView(store, dataset, views.standing.published.front() - 1));
    }
  } else if (!views.standing.is_newest) {
    views.standing.kind = lake::PublishKind::kLate;
  }
  return views;
}

Result<core::RunSpec> SpecOf(const Settings& settings, const FoundRun& found) {
  core::RunSpec spec;
  const nlohmann::json& stored = found.json.value("spec", nlohmann::json::object());
  const std::string file = stored.value("pipeline_file", std::string());
  std::error_code error;
  if (fs::exists(file, error)) {
    ASSIGN_OR_RETURN(core::Pipeline pipeline, core::LoadPipeline(file, MakeCatalogue()));
    spec.definition = std::make_shared<const core::Pipeline>(std::move(pipeline));
  } else {
    ASSIGN_OR_RETURN(spec.definition, LoadPipelineByName(settings, found.record.pipeline.text));
  }
  spec.pipeline = found.record.pipeline;
  spec.dataset = found.record.dataset;
  ASSIGN_OR_RETURN(spec.slot, core::SlotFromId(*spec.definition, found.record.slot));
  spec.run = found.record.run;
  spec.parameters = stored.value("parameters", nlohmann::json::object());
  spec.placeholders.parameters = spec.parameters;
  spec.placeholders.variables = settings.environment.vars;
  spec.placeholders.slot = spec.slot.start;
  const nlohmann::json names = stored.value("names", nlohmann::json::object());
  for (const auto& [name, value] : names.items()) {
    if (value.is_string()) spec.placeholders.names[name] = value.get<std::string>();
  }
  if (const std::string refresh = stored.value("refresh", std::string()); !refresh.empty()) {
    ASSIGN_OR_RETURN(spec.refresh, core::ParseRefresh(refresh));
  }
  spec.environment = found.record.environment;
  spec.simulated = found.record.simulated;
  return spec;
}

/// These tasks and all that they need.
std::set<std::string> WithNeeds(const core::Pipeline& pipeline, std::set<std::string> tasks) {
  for (size_t before = 0; before < tasks.size();) {
    before = tasks.size();
    for (const core::TaskSpec& task : pipeline.tasks) {
      if (!tasks.contains(task.name)) continue;
      for (const std::string& need : task.needs) tasks.insert(core::TaskOf(need));
    }
  }
  return tasks;
}

/// Tasks in an order in which each comes after those it needs.
std::vector<const core::TaskSpec*> InOrder(const core::Pipeline& pipeline) {
  std::vector<const core::TaskSpec*> order;
  const auto placed = [&](const std::string& need) {
    return std::any_of(order.begin(), order.end(),
                       [&](const auto* task) { return task->name == core::TaskOf(need); });
  };
  for (size_t round = 0; round < pipeline.tasks.size(); ++round) {
    for (const core::TaskSpec& task : pipeline.tasks) {
      if (!placed(task.name) && std::all_of(task.needs.begin(), task.needs.end(), placed))
        order.push_back(&task);
    }
  }
  return order;
}

/// What a task's needs are called, out of all outputs so far.
core::Artifacts NeedsOf(const core::TaskSpec& task, const core::Artifacts& outputs) {
  core::Artifacts needs;
  for (const std::string& need : task.needs) {
    for (const auto& [name, artifact] : outputs) {
      if (name == need || name.starts_with(need + ".")) needs[name] = artifact;
    }
  }
  return needs;
}

/// `wanted`: only these tasks; empty: all.
Status RunTasks(const core::RunSpec& spec, const std::shared_ptr<const LakeHead>& head,
                const std::map<std::string, std::unique_ptr<core::TaskBody>>& bodies,
                const std::set<std::string>& wanted, const OpContext& context,
                core::PublishRequest& request) {
  for (const core::TaskSpec* task : InOrder(*spec.definition)) {
    if (!wanted.empty() && !wanted.contains(task->name)) continue;
    if (task->kind == core::TaskKind::kExec) {
      return Invalid("task '{}' is a program; a run with programs cannot be replayed", task->name);
    }
    core::TaskInput input{NeedsOf(*task, request.outputs), head, &spec, task};
    ASSIGN_OR_RETURN(core::TaskOutput output, bodies.at(task->name)->Run(input, context),
                     "task '{}'", task->name);
    for (auto& [name, artifact] : output.tables) {
      request.outputs[name.empty() ? task->name : task->name + "." + name] = std::move(artifact);
    }
    if (output.report) request.reports.push_back(std::move(*output.report));
  }
  std::sort(request.reports.begin(), request.reports.end(),
            [](const SourceReport& a, const SourceReport& b) { return a.source < b.source; });
  return {};
}

ReplayAnswer Compare(const lake::Manifest& published, const lake::Manifest& replayed) {
  ReplayAnswer answer;
  answer.run = published.run.text;
  answer.dataset = published.dataset;
  answer.slot = published.slot.text;
  answer.publish = published.number;
  answer.state_same = published.state == replayed.state;
  // Not by path: an object that a publish shares with an earlier one has the earlier run's name.
  const auto has = [](const lake::Manifest& manifest, const std::string& name,
                      const lake::FileEntry& file) {
    const auto table = manifest.tables.find(name);
    return table != manifest.tables.end() &&
           std::any_of(table->second.files.begin(), table->second.files.end(),
                       [&](const lake::FileEntry& other) {
                         return other.sha256 == file.sha256 && other.partition == file.partition;
                       });
  };
  for (const auto& [name, table] : published.tables) {
    for (const lake::FileEntry& file : table.files) {
      answer.files.push_back(
          {name, file.path, file.sha256, has(replayed, name, file) ? file.sha256 : ""});
    }
  }
  for (const auto& [name, table] : replayed.tables) {
    for (const lake::FileEntry& file : table.files) {
      if (!has(published, name, file)) answer.files.push_back({name, file.path, "", file.sha256});
    }
  }
  return answer;
}

/// A scratch folder, removed at the end.
struct Scratch {
  explicit Scratch(fs::path folder) : path(std::move(folder)) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code error;
    fs::remove_all(path, error);
  }
  const fs::path path;
};

/// A published run made ready to be carried out again from what it recorded. Not movable: parts
/// point at each other.
class Repetition {
 public:
  static Result<std::unique_ptr<Repetition>> Prepare(const Settings& settings,
                                                     const lake::ReadStore& store,
                                                     const FoundRun& found,
                                                     const lake::Manifest& published) {
    std::unique_ptr<Repetition> made(new Repetition(settings, store, found.dataset, published));
    ASSIGN_OR_RETURN(made->spec_, SpecOf(settings, found));
    ASSIGN_OR_RETURN(lake::ViewForRun views,
                     ViewsAt(store, found.dataset, found.record, published.number));
    made->head_ = std::make_shared<LakeHead>(store, std::move(views));
    // Named by the manifest too: a killed run's record may lack it.
    made->exchange_list_ = published.exchanges.empty()
                               ? found.json.value("exchanges", std::string())
                               : published.exchanges.begin()->second;
    if (!made->exchange_list_.empty()) {
      ASSIGN_OR_RETURN(made->exchanges_, net::ReadExchanges(made->vault_, made->exchange_list_));
    }
    return made;
  }

  /// Run these tasks (empty: all). `request` gets what they gave.
  Status Run(const Settings& settings, const std::set<std::string>& wanted, std::stop_token stop,
             core::PublishRequest& request) {
    TaskServices services;
    services.settings = &settings;
    services.store = &store_;
    services.transport = [this](const std::string& task) -> std::unique_ptr<net::Transport> {
      return std::make_unique<net::ReplayTransport>(vault_, exchanges_, task);
    };
    services.tokens = [this](const std::string&) { return &token_; };
    services.secrets = &secrets_;
    services.work_folder = scratch_.path;
    ASSIGN_OR_RETURN(const auto bodies, MakeTaskBodies(*spec_.definition, services));
    request.spec = &spec_;
    request.head = head_;
    return RunTasks(spec_, head_, bodies, wanted, Context(std::move(stop)), request);
  }

  OpContext Context(std::stop_token stop) const {
    OpContext context;
    context.clock = &clock_;
    context.stop = std::move(stop);
    context.prefix = fmt::format("[replay {}]", spec_.run.text);
    return context;
  }
  const core::RunSpec& spec() const { return spec_; }
  const std::string& exchange_list() const { return exchange_list_; }
  const fs::path& scratch() const { return scratch_.path; }

 private:
  Repetition(const Settings& settings, const lake::ReadStore& store, const std::string& dataset,
             const lake::Manifest& published)
      : store_(store),
        vault_(store, dataset),
        clock_(published.published),
        scratch_(settings.state_folder / "work" / ("replay-" + NewRunId().text)) {}

  // Constant after Prepare.
  const lake::ReadStore& store_;
  const lake::VaultBlobStore vault_;
  const ManualClock clock_;
  const Scratch scratch_;
  core::RunSpec spec_;
  std::shared_ptr<LakeHead> head_;
  std::string exchange_list_;
  std::vector<net::Exchange> exchanges_;
  // Thread-safe themselves.
  net::FixedToken token_{"replay"};
  net::LocalSecretStore secrets_{environ};
};

}  // namespace

bool ReplayAnswer::same() const {
  return state_same && std::all_of(files.begin(), files.end(),
                                   [](const ReplayedFile& file) { return file.same(); });
}

Result<ReplayAnswer> Replay(const Settings& settings, const std::string& run,
                            std::stop_token stop) {
  ASSIGN_OR_RETURN(const auto store, lake::LocalStore::OpenRead(settings.lake_root));
  ASSIGN_OR_RETURN(const FoundRun found, FindRun(settings, *store, run));
  if (!found.record.published)
    return NotFound("run '{}' published nothing: {}", run, found.record.message);
  ASSIGN_OR_RETURN(const lake::Manifest published,
                   lake::ReadManifest(*store, found.dataset, *found.record.published));
  ASSIGN_OR_RETURN(const auto repetition, Repetition::Prepare(settings, *store, found, published));
  core::PublishRequest request;
  request.gaps = published.gaps;
  RETURN_IF_ERROR(repetition->Run(settings, {}, stop, request));
  ASSIGN_OR_RETURN(const lake::PublishInput input,
                   MakePublishInput(request, {}, repetition->exchange_list(), published.published));
  ASSIGN_OR_RETURN(const auto scratch_store,
                   lake::LocalStore::OpenWrite(repetition->scratch() / "lake"));
  ASSIGN_OR_RETURN(const lake::Manifest replayed,
                   lake::Publish(*scratch_store, input, repetition->Context(std::move(stop))));
  return Compare(published, replayed);
}

Result<core::Artifacts> RepeatTasks(const Settings& settings, const lake::ReadStore& store,
                                    const lake::Manifest& published, const nlohmann::json& record,
                                    const std::set<std::string>& tasks, std::stop_token stop) {
  FoundRun found;
  found.dataset = published.dataset;
  found.json = record;
  ASSIGN_OR_RETURN(found.record, core::RunRecordFromJson(record));
  ASSIGN_OR_RETURN(const auto repetition, Repetition::Prepare(settings, store, found, published));
  core::PublishRequest request;
  RETURN_IF_ERROR(repetition->Run(settings, WithNeeds(*repetition->spec().definition, tasks),
                                  std::move(stop), request),
                  "run {}", published.run.text);
  return std::move(request.outputs);
}

}  // namespace catchment::app
