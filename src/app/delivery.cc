#include "app/delivery.h"

#include <algorithm>
#include <map>

#include "app/publish_contents.h"
#include "app/task_bodies.h"
#include "lake/outbox.h"

namespace catchment::app {
namespace {

const core::SinkSpec* FindSinkSpec(const core::Pipeline& pipeline, const std::string& name) {
  for (size_t i = 0; i < pipeline.sinks.size(); ++i) {
    if (SinkName(i, pipeline.sinks[i]) == name) return &pipeline.sinks[i];
  }
  return nullptr;
}

/// What a sink's entry in the pipeline names, and its keys with placeholders filled and with the
/// environment's suffix.
struct NamedSink {
  sinks::SinkEntry entry;
  nlohmann::json keys;
};

Result<NamedSink> ReadSink(const core::RunSpec& spec, const PublisherServices& services,
                           const std::string& name) {
  const core::SinkSpec* definition = FindSinkSpec(*spec.definition, name);
  if (definition == nullptr) return NotFound("the pipeline no longer defines sink '{}'", name);
  for (sinks::SinkEntry& entry : sinks::BuiltInSinks()) {
    if (entry.kind != definition->kind) continue;
    if (entry.runs_programs) {
      RETURN_IF_ERROR(CheckProgramsAllowed(services.settings->environment, spec.pipeline.text,
                                           "sink '" + name + "'"));
    }
    ASSIGN_OR_RETURN(nlohmann::json keys,
                     SinkKeysOf(*definition, spec, services.settings->environment.suffix),
                     "sink '{}'", name);
    return NamedSink{std::move(entry), std::move(keys)};
  }
  return NotFound("there is no sink '{}'", definition->kind);
}

Result<std::unique_ptr<sinks::Sink>> MakeSink(const core::RunSpec& spec,
                                              const PublisherServices& services,
                                              const std::string& name) {
  ASSIGN_OR_RETURN(const NamedSink sink, ReadSink(spec, services, name));
  return sink.entry.make(sink.keys, services.sinks);
}

/// Deliver one sink's items in order. Stops at the first that finds no answer.
class SinkDelivery {
 public:
  SinkDelivery(const core::RunSpec& spec, const PublisherServices& services,
               const OpContext& context, core::FinishResult& result)
      : spec_(spec), services_(services), context_(context), result_(result) {}

  Status Run(const std::string& name, std::vector<lake::Delivery> items, bool parked) {
    const Result<std::unique_ptr<sinks::Sink>> sink = MakeSink(spec_, services_, name);
    if (!sink.ok()) {
      result_.waiting += static_cast<int64_t>(items.size());
      result_.notes.push_back(fmt::format("sink {}: {}", name, sink.error().message));
      return {};
    }
    for (size_t i = 0; i < items.size(); ++i) {
      RETURN_IF_ERROR(context_.Check());
      lake::Delivery& item = items[i];
      if (item.parked && !parked) {
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
    Result<columnar::Table> rows = RowsOf(name, item);
    if (!rows.ok()) {  // the sink was not asked: nothing that counts towards parking
      if (rows.error().code == Code::kCancelled) return rows.status();
      result_.notes.push_back(
          fmt::format("sink {}: publish {}: {}", name, item.publish, rows.error().message));
      RETURN_IF_ERROR(lake::MarkFailed(*services_.store, dataset, item,
                                       lake::FailureKind::kUnreachable, rows.error().message,
                                       context_.clock->Now()));
      return false;
    }
    batch.dataset = dataset;
    batch.table = item.item.table;
    batch.publish = item.publish;
    batch.slot = item.slot.text;
    batch.slot_time = item.slot_time;
    batch.published_at = item.published;
    batch.rows = std::move(rows).value();
    const Status sent = sink.Deliver(batch, context_.Named(name));
    const Time now = context_.clock->Now();
    if (sent.ok()) {
      RETURN_IF_ERROR(lake::MarkDelivered(*services_.store, dataset, item, now));
      ++result_.delivered;
      return true;
    }
    const Code code = sent.error().code;
    if (code == Code::kCancelled) return sent;
    const bool unreachable = sinks::ComesAgain(code);
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

  /// The rows that an item gives: those its publish added to the table, or what its SQL makes.
  Result<columnar::Table> RowsOf(const std::string& name, const lake::Delivery& item) const {
    ASSIGN_OR_RETURN(const auto contents,
                     PublishContents::Load(*services_.store, spec_.dataset.text, item.publish));
    const core::SinkSpec* definition = FindSinkSpec(*spec_.definition, name);
    if (definition == nullptr || definition->sql.empty()) return contents->Added(item.item.table);
    return contents->Select(spec_.definition->folder / definition->sql, spec_);
  }

  const core::RunSpec& spec_;
  const PublisherServices& services_;
  const OpContext& context_;
  core::FinishResult& result_;
};

}  // namespace

std::string SinkName(size_t index, const core::SinkSpec& sink) {
  return fmt::format("{}-{}", sink.kind, index + 1);
}

Result<nlohmann::json> SinkKeysOf(const core::SinkSpec& sink, const core::RunSpec& spec,
                                  const std::string& suffix) {
  nlohmann::json keys = sink.with;
  if (!sink.to.empty()) keys["to"] = sink.to;
  ASSIGN_OR_RETURN(keys, core::ExpandDocument(keys, spec.placeholders));
  sinks::AddSuffix(sink.kind, suffix, keys);
  return keys;
}

std::optional<std::string> MissingVariable(const core::SinkSpec& sink, const core::RunSpec& spec) {
  for (const std::string& name :
       core::ListDocumentPlaceholders(nlohmann::json::array({sink.to, sink.with}))) {
    if (name.starts_with("env.") && !spec.placeholders.variables.contains(name.substr(4)))
      return name.substr(4);
  }
  return std::nullopt;
}

Result<std::unique_ptr<sinks::Notifier>> MakeNotifier(const core::RunSpec& spec,
                                                      const PublisherServices& services,
                                                      const std::string& name) {
  ASSIGN_OR_RETURN(const NamedSink sink, ReadSink(spec, services, name));
  if (!sink.entry.make_notifier) return Invalid("sink '{}' sends no messages", sink.entry.kind);
  return sink.entry.make_notifier(sink.keys, services.sinks);
}

std::vector<lake::OutboxItem> MakeOutbox(const core::Pipeline& pipeline, const core::RunSpec& spec,
                                         const std::vector<std::string>& published) {
  std::vector<lake::OutboxItem> items;
  for (size_t i = 0; i < pipeline.sinks.size(); ++i) {
    const core::SinkSpec& sink = pipeline.sinks[i];
    if (sink.table.empty() ||
        std::find(published.begin(), published.end(), sink.table) == published.end() ||
        MissingVariable(sink, spec))
      continue;
    items.push_back({SinkName(i, sink), sink.kind, sink.table,
                     fmt::format("{}/{}/{}", spec.dataset.text, sink.table, spec.slot.id.text)});
  }
  return items;
}

Status DeliverOutbox(const core::RunSpec& spec, const PublisherServices& services,
                     const OpContext& context, const DeliverChoice& choice,
                     core::FinishResult& result) {
  const std::string& dataset = spec.dataset.text;
  ASSIGN_OR_RETURN(const std::vector<lake::Delivery> pending,
                   lake::PendingDeliveries(*services.store, dataset));
  std::map<std::string, int64_t> sinks;
  for (const lake::Delivery& item : pending) {
    if (choice.sink.empty() || choice.sink == item.item.sink) ++sinks[item.item.sink];
  }
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
      outcome =
          SinkDelivery(spec, services, context, result).Run(name, std::move(*mine), choice.parked);
    } else {
      outcome = mine.status();
    }
    RETURN_IF_ERROR(services.leases->Release(*lease));
    RETURN_IF_ERROR(outcome);
  }
  return {};
}

}  // namespace catchment::app
