#include "app/deliver.h"

#include <algorithm>

#include "app/delivery.h"
#include "app/maintenance.h"
#include "app/run_pipeline.h"
#include "app/run_services.h"
#include "base/text.h"
#include "core/exit_code.h"
#include "lake/history.h"
#include "lake/local_store.h"
#include "lake/outbox.h"

namespace catchment::app {
namespace {

/// kInvalid unless the pipeline, or an item that waits, knows the sink.
Status CheckSinkName(const core::Pipeline& pipeline, const std::string& sink,
                     const std::vector<lake::Delivery>& pending) {
  if (sink.empty()) return {};
  std::vector<std::string> names;
  for (size_t i = 0; i < pipeline.sinks.size(); ++i) {
    if (!pipeline.sinks[i].table.empty()) names.push_back(SinkName(i, pipeline.sinks[i]));
  }
  for (const lake::Delivery& item : pending) names.push_back(item.item.sink);
  if (std::find(names.begin(), names.end(), sink) != names.end()) return {};
  const std::string nearest = Nearest(sink, names);
  return Invalid("pipeline '{}' has no sink '{}'{}", pipeline.name, sink,
                 nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest));
}

std::vector<WaitingItem> ItemsOf(const std::vector<lake::Delivery>& pending,
                                 const std::string& sink) {
  std::vector<WaitingItem> items;
  for (const lake::Delivery& delivery : pending) {
    if (!sink.empty() && delivery.item.sink != sink) continue;
    items.push_back({delivery.item.sink, delivery.item.table, delivery.slot.text, delivery.publish,
                     delivery.attempts, delivery.refusals, delivery.parked, delivery.last_reason});
  }
  std::stable_sort(items.begin(), items.end(),
                   [](const WaitingItem& a, const WaitingItem& b) { return a.sink < b.sink; });
  return items;
}

}  // namespace

Result<DeliverAnswer> Deliver(const Settings& settings, const DeliverRequest& request,
                              std::stop_token stop) {
  DeliverAnswer answer;
  ASSIGN_OR_RETURN(answer.dataset, DatasetOf(settings, request.pipeline));
  ASSIGN_OR_RETURN(const auto store, lake::LocalStore::OpenRead(settings.lake_root));
  ASSIGN_OR_RETURN(const lake::View view, lake::LoadView(*store, answer.dataset));
  const bool is_dataset = request.pipeline == answer.dataset;
  ASSIGN_OR_RETURN(const core::RunSpec spec,
                   SpecForDataset(settings, answer.dataset,
                                  is_dataset ? answer.dataset.substr(0, answer.dataset.find('/'))
                                             : request.pipeline,
                                  view));
  ASSIGN_OR_RETURN(const auto before, lake::PendingDeliveries(*store, answer.dataset));
  RETURN_IF_ERROR(CheckSinkName(*spec.definition, request.sink, before));
  if (request.list || before.empty()) {
    answer.items = ItemsOf(before, request.sink);
    return answer;
  }
  ASSIGN_OR_RETURN(const auto state, StateStores::Open(settings));
  ASSIGN_OR_RETURN(const auto services, RunServices::Open(settings, spec, *state));
  ASSIGN_OR_RETURN(const auto clock, MakeClock(settings, view.newest_slot_time));
  OpContext context;
  context.clock = clock.get();
  context.stop = std::move(stop);
  context.prefix = fmt::format("[deliver {}]", answer.dataset);
  core::FinishResult result;
  RETURN_IF_ERROR(DeliverOutbox(spec, services->publisher(), context,
                                {.sink = request.sink, .parked = request.parked}, result));
  answer.delivered = result.delivered;
  answer.notes = std::move(result.notes);
  ASSIGN_OR_RETURN(const auto after, lake::PendingDeliveries(*store, answer.dataset));
  answer.items = ItemsOf(after, request.sink);
  return answer;
}

int ExitCodeOf(const DeliverAnswer& answer) {
  const bool waits = std::any_of(answer.items.begin(), answer.items.end(),
                                 [](const WaitingItem& item) { return !item.parked; });
  return waits ? core::kExitTemporary : core::kExitDone;
}

}  // namespace catchment::app
