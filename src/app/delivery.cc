#include "app/delivery.h"

#include <algorithm>
#include <map>

#include "app/task_bodies.h"
#include "lake/history.h"
#include "lake/outbox.h"
#include "lake/table_read.h"

namespace catchment::app {
namespace {

std::string SinkName(size_t index, const core::SinkSpec& sink) {
  return fmt::format("{}-{}", sink.kind, index + 1);
}

const core::SinkSpec* FindSinkSpec(const core::Pipeline& pipeline, const std::string& name) {
  for (size_t i = 0; i < pipeline.sinks.size(); ++i) {
    if (SinkName(i, pipeline.sinks[i]) == name) return &pipeline.sinks[i];
  }
  return nullptr;
}

Result<std::unique_ptr<sinks::Sink>> MakeSink(const core::RunSpec& spec,
                                              const PublisherServices& services,
                                              const std::string& name) {
  const core::SinkSpec* definition = FindSinkSpec(*spec.definition, name);
  if (definition == nullptr) return NotFound("the pipeline no longer defines sink '{}'", name);
  for (const sinks::SinkEntry& entry : sinks::BuiltInSinks()) {
    if (entry.kind != definition->kind) continue;
    if (entry.runs_programs) {
      RETURN_IF_ERROR(CheckProgramsAllowed(services.settings->environment, spec.pipeline.text,
                                           "sink '" + name + "'"));
    }
    nlohmann::json keys = definition->with;
    if (!definition->to.empty()) keys["to"] = definition->to;
    ASSIGN_OR_RETURN(keys, core::ExpandDocument(keys, spec.placeholders), "sink '{}'", name);
    return entry.make(keys, services.sinks);
  }
  return NotFound("there is no sink '{}'", definition->kind);
}

/// The rows that one publish gave to a table: of `append` and `partition` those it added, of
/// `replace` all.
Result<columnar::Table> RowsOfPublish(const lake::ReadStore& store, const std::string& dataset,
                                      int64_t publish, const std::string& table) {
  ASSIGN_OR_RETURN(lake::View view, lake::LoadView(store, dataset, publish));
  const auto found = view.tables.find(table);
  if (found == view.tables.end()) return NotFound("publish {} has no table '{}'", publish, table);
  std::erase_if(found->second.files,
                [&](const lake::LiveFile& file) { return file.publish != publish; });
  return lake::ReadTable(store, view, table);
}

/// Deliver one sink's items in order. Stops at the first that finds no answer.
class SinkDelivery {
 public:
  SinkDelivery(const core::RunSpec& spec, const PublisherServices& services,
               const OpContext& context, core::FinishResult& result)
      : spec_(spec), services_(services), context_(context), result_(result) {}

  Status Run(const std::string& name, std::vector<lake::Delivery> items, DeliverParked parked) {
    const Result<std::unique_ptr<sinks::Sink>> sink = MakeSink(spec_, services_, name);
    if (!sink.ok()) {
      result_.waiting += static_cast<int64_t>(items.size());
      result_.notes.push_back(fmt::format("sink {}: {}", name, sink.error().message));
      return {};
    }
    for (size_t i = 0; i < items.size(); ++i) {
      RETURN_IF_ERROR(context_.Check());
      lake::Delivery& item = items[i];
      if (item.parked && parked == DeliverParked::kNo) {
        ++result_.parked;
        continue;
      }
      if (item.parked)
        RETURN_IF_ERROR(
            lake::Unpark(*services_.store, spec_.dataset.text, item, context_.clock->Now()));
      ASSIGN_OR_RETURN(const bool go_on, DeliverOne(**sink, name, item));
      if (!go_on) {
        result_.waiting += static_cast<int64_t>(items.size() - i);
        return {};
      }
    }
    return {};
  }

 private:
  /// Returns whether the next item may be tried.
  Result<bool> DeliverOne(sinks::Sink& sink, const std::string& name, const lake::Delivery& item) {
    const std::string& dataset = spec_.dataset.text;
    sinks::SinkBatch batch;
    batch.dataset = dataset;
    batch.table = item.item.table;
    batch.publish = item.publish;
    batch.slot = item.slot.text;
    batch.slot_time = item.slot_time;
    batch.published_at = item.published;
    ASSIGN_OR_RETURN(batch.rows,
                     RowsOfPublish(*services_.store, dataset, item.publish, item.item.table));
    const Status sent = sink.Deliver(batch, context_.Named(name));
    const Time now = context_.clock->Now();
    if (sent.ok()) {
      RETURN_IF_ERROR(lake::MarkDelivered(*services_.store, dataset, item, now));
      ++result_.delivered;
      return true;
    }
    const Code code = sent.error().code;
    if (code == Code::kCancelled) return sent;
    const bool unreachable =
        code == Code::kUnavailable || code == Code::kExhausted || code == Code::kDeadline;
    result_.notes.push_back(
        fmt::format("sink {}: publish {}: {}", name, item.publish, sent.error().message));
    RETURN_IF_ERROR(lake::MarkFailed(
        *services_.store, dataset, item,
        unreachable ? lake::FailureKind::kUnreachable : lake::FailureKind::kRefused,
        sent.error().message, now));
    if (unreachable) return false;
    if (item.refusals + 1 >= lake::kRefusalsUntilParked) {
      ++result_.parked;
      return true;
    }
    return false;  // its later items wait until it is taken or parked
  }

  const core::RunSpec& spec_;
  const PublisherServices& services_;
  const OpContext& context_;
  core::FinishResult& result_;
};

}  // namespace

std::vector<lake::OutboxItem> MakeOutbox(const core::Pipeline& pipeline, const core::RunSpec& spec,
                                         const std::vector<std::string>& published) {
  std::vector<lake::OutboxItem> items;
  for (size_t i = 0; i < pipeline.sinks.size(); ++i) {
    const core::SinkSpec& sink = pipeline.sinks[i];
    if (sink.table.empty() ||
        std::find(published.begin(), published.end(), sink.table) == published.end())
      continue;
    items.push_back({SinkName(i, sink), sink.kind, sink.table,
                     fmt::format("{}/{}/{}", spec.dataset.text, sink.table, spec.slot.id.text)});
  }
  return items;
}

Status DeliverOutbox(const core::RunSpec& spec, const PublisherServices& services,
                     const OpContext& context, DeliverParked parked, core::FinishResult& result) {
  const std::string& dataset = spec.dataset.text;
  ASSIGN_OR_RETURN(const std::vector<lake::Delivery> pending,
                   lake::PendingDeliveries(*services.store, dataset));
  std::map<std::string, int64_t> sinks;
  for (const lake::Delivery& item : pending) ++sinks[item.item.sink];
  for (const auto& [name, count] : sinks) {
    const Result<core::Lease> lease = services.leases->Acquire(
        fmt::format("deliver:{}:{}", dataset, name), services.machine->Self(spec.run.text),
        std::chrono::milliseconds(60'000));
    if (!lease.ok() && lease.error().code == Code::kLocked) {
      result.waiting += count;
      continue;
    }
    if (!lease.ok()) return lease.status();
    // Looked at again under the lease: another run may have delivered them meanwhile.
    Status outcome;
    auto mine = lake::PendingDeliveries(*services.store, dataset);
    if (mine.ok()) {
      std::erase_if(*mine, [&](const lake::Delivery& item) { return item.item.sink != name; });
      outcome = SinkDelivery(spec, services, context, result).Run(name, std::move(*mine), parked);
    } else {
      outcome = mine.status();
    }
    RETURN_IF_ERROR(services.leases->Release(*lease));
    RETURN_IF_ERROR(outcome);
  }
  return {};
}

}  // namespace catchment::app
