#include "app/notify.h"

#include <algorithm>

#include "app/delivery.h"
#include "app/notification.h"
#include "lake/history.h"
#include "lake/manifest.h"

namespace catchment::app {
namespace {

/// The gaps of the last publish of a slot before `number`; null: there is none, or it cannot be
/// read, so that gaps are told rather than not.
std::optional<std::vector<Gap>> GapsBefore(const lake::ReadStore& store, const std::string& dataset,
                                           int64_t number) {
  for (int64_t before = number - 1; before > 0; --before) {
    const Result<lake::Manifest> manifest = lake::ReadManifest(store, dataset, before);
    if (!manifest.ok()) return std::nullopt;
    const bool of_slot = manifest->kind != lake::PublishKind::kPrune &&
                         manifest->kind != lake::PublishKind::kCompact;
    if (of_slot) return manifest->gaps;
  }
  return std::nullopt;
}

std::optional<HeadFacts> HeadNow(const lake::ReadStore& store, const std::string& dataset) {
  const Result<lake::View> view = lake::LoadView(store, dataset);
  if (!view.ok()) return std::nullopt;
  return HeadFacts{view->number, view->number == 0 ? "" : view->newest_slot.text};
}

RunFacts FactsOf(const core::RunSpec& spec, const PublisherServices& services,
                 const core::RunResult& result) {
  const core::Environment& environment = services.settings->environment;
  RunFacts facts;
  facts.pipeline = spec.pipeline.text;
  facts.environment = EnvironmentLabel(environment.name, environment.suffix);
  facts.slot = spec.slot.id.text;
  facts.slot_start = spec.slot.start;
  facts.state = result.record.state;
  facts.message = result.message;
  for (const core::TaskSpec& task : spec.definition->tasks) facts.tasks.push_back(task.name);
  facts.reports = result.record.reports;
  facts.gaps = result.record.gaps;
  if (result.publishes) {
    facts.published = result.published;
    facts.gaps_before = GapsBefore(*services.store, spec.dataset.text, *result.published);
  } else {
    facts.head = HeadNow(*services.store, spec.dataset.text);
  }
  return facts;
}

}  // namespace

std::vector<std::string> Notify(const core::RunSpec& spec, const PublisherServices& services,
                                const core::RunResult& result, const OpContext& context) {
  std::vector<std::string> failures;
  std::optional<RunFacts> facts;  // read when somebody wants them
  OpContext last = context;
  last.stop = {};
  last.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const std::vector<core::SinkSpec>& sinks = spec.definition->sinks;
  for (size_t i = 0; i < sinks.size(); ++i) {
    if (sinks[i].on.empty() || MissingVariable(sinks[i], spec)) continue;
    if (!facts) facts = FactsOf(spec, services, result);
    const std::optional<std::string> text = NotificationText(*facts, sinks[i].on);
    if (!text) continue;
    const std::string name = SinkName(i, sinks[i]);
    const auto notifier = MakeNotifier(spec, services, name);
    const Status sent =
        notifier.ok() ? (*notifier)->Notify(*text, last.Named(name)) : notifier.status();
    if (!sent.ok())
      failures.push_back(fmt::format("sink {} was not told: {}", name, sent.error().message));
  }
  return failures;
}

}  // namespace catchment::app
