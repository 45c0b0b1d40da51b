#include "app/source_task.h"

#include "app/catalogue.h"
#include "app/lake_head.h"
#include "app/table_artifact.h"
#include "base/file.h"
#include "lake/vault_blob_store.h"

namespace catchment::app {
namespace {

/// A transport that keeps the vault it answers from.
class PriorTransport final : public net::Transport {
 public:
  PriorTransport(const lake::ReadStore& store, const std::string& dataset,
                 std::span<const net::Exchange> exchanges, const std::string& task)
      : vault_(store, dataset), replay_(vault_, exchanges, task) {}
  Result<net::Response> Send(const net::Request& request, const OpContext& context) override {
    return replay_.Send(request, context);
  }

 private:
  lake::VaultBlobStore vault_;
  net::ReplayTransport replay_;
};

sources::RefreshMode ModeOf(core::Refresh refresh) {
  switch (refresh) {
    case core::Refresh::kAll:
      return sources::RefreshMode::kAll;
    case core::Refresh::kNone:
      return sources::RefreshMode::kNone;
    default:
      return sources::RefreshMode::kAuto;
  }
}

class SourceTask final : public core::TaskBody {
 public:
  SourceTask(const core::TaskSpec& task, const sources::SourceEntry& entry,
             const TaskServices& services)
      : task_(task), entry_(entry), services_(services), source_(entry.make()) {}

  bool derives() const override { return false; }

  Result<core::TaskOutput> Run(const core::TaskInput& input, const OpContext& context) override {
    const std::unique_ptr<net::Transport> transport = services_.transport(task_.name);
    ASSIGN_OR_RETURN(sources::SourceInput source_input, MakeInput(input, *transport));
    ASSIGN_OR_RETURN(sources::SourceResult result,
                     source_->Collect(source_input, context.Named(task_.name)));
    core::TaskOutput output;
    for (auto& [name, table] : result.tables) output.tables[name] = MakeArtifact(std::move(table));
    result.report.source = task_.name;
    output.report = std::move(result.report);
    return output;
  }

 private:
  Result<sources::SourceInput> MakeInput(const core::TaskInput& input,
                                         net::Transport& transport) const {
    const core::RunSpec& spec = *input.spec;
    const LakeHead& head = HeadOf(*input.head);
    sources::SourceInput made;
    made.task = task_.name;
    made.run = spec.run.text;
    made.slot = spec.slot.start;
    made.started = services_.started;
    made.refresh = task_.refresh.value_or(std::chrono::milliseconds(0));
    made.refresh_mode = ModeOf(spec.refresh);
    made.first_of_day = FirstOfDay(head, spec.slot.start);
    ASSIGN_OR_RETURN(made.parameters, core::ExpandDocument(task_.with, spec.placeholders),
                     "task '{}'", task_.name);
    const std::filesystem::path folder = spec.definition->folder;
    made.pipeline_file = [folder](const std::string& name) {
      return ReadFile(folder / name, 16 << 20);
    };
    made.base_folder = services_.settings->config.folder;
    for (const auto& [name, artifact] : input.needs) made.needs.emplace(name, TableOf(*artifact));
    made.head_table = [&head](const std::string& table) { return head.Table(table); };
    made.head_partition = [&head, slot = spec.slot.start](const std::string& table) {
      return head.Partition(table, slot);
    };
    if (head.number() > 0) made.head_number = head.number();
    made.state = head.views().head.state;
    made.prior = PriorAnswers(head);
    made.transport = &transport;
    made.budgets = services_.budgets;
    made.secrets = services_.secrets;
    if (entry_.info.needs_identity)
      made.tokens = services_.tokens(made.parameters.value("identity", std::string("azure")));
    made.work_folder = services_.work_folder / task_.name;
    return made;
  }

  /// Whether no slot of this one's UTC day has been published.
  static bool FirstOfDay(const LakeHead& head, Time slot) {
    if (head.number() == 0) return true;
    return std::chrono::floor<std::chrono::days>(head.views().base.newest_slot_time) <
           std::chrono::floor<std::chrono::days>(slot);
  }

  /// What the state says of earlier complete answers to this source's units.
  std::map<std::string, sources::PriorAnswer> PriorAnswers(const LakeHead& head) const {
    std::map<std::string, sources::PriorAnswer> prior;
    const nlohmann::json& state = head.views().head.state;
    const auto entries = state.find("sources");
    if (entries == state.end() || !entries->is_object()) return prior;
    for (const std::string& unit : entry_.info.units) {
      const auto entry = entries->find(unit);
      if (entry == entries->end() || !entry->is_object()) continue;
      const Result<Time> slot = ParseTime(entry->value("slot_time", std::string()));
      const Result<Time> collected = ParseTime(entry->value("collected_at", std::string()));
      if (!slot.ok() || !collected.ok()) continue;
      sources::PriorAnswer answer;
      answer.run = entry->value("run", std::string());
      answer.slot = *slot;
      answer.collected_at = *collected;
      answer.facts = *entry;
      answer.open =
          [this, dataset = head.views().head.dataset,
           list = entry->value("exchanges", std::string()),
           task = entry->value("task", task_.name)]() -> Result<std::unique_ptr<net::Transport>> {
        const lake::VaultBlobStore vault(*services_.store, dataset);
        ASSIGN_OR_RETURN(const std::vector<net::Exchange> exchanges,
                         net::ReadExchanges(vault, list));
        return std::unique_ptr<net::Transport>(
            std::make_unique<PriorTransport>(*services_.store, dataset, exchanges, task));
      };
      prior.emplace(unit, std::move(answer));
    }
    return prior;
  }

  const core::TaskSpec& task_;
  const sources::SourceEntry& entry_;
  const TaskServices& services_;
  const std::unique_ptr<sources::Source> source_;
};

}  // namespace

Result<std::unique_ptr<core::TaskBody>> MakeSourceTask(const core::TaskSpec& task,
                                                       const TaskServices& services) {
  const sources::SourceEntry* entry = FindSource(task.what);
  if (entry == nullptr) return Invalid("task '{}': there is no source '{}'", task.name, task.what);
  return std::unique_ptr<core::TaskBody>(std::make_unique<SourceTask>(task, *entry, services));
}

}  // namespace catchment::app
