#include "app/lake_publisher.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "app/contract_check.h"
#include "app/delivery.h"
#include "app/export_writer.h"
#include "app/lake_head.h"
#include "app/never_worse.h"
#include "app/publish_input.h"
#include "lake/outbox.h"
#include "lake/publish.h"
#include "lake/run_record.h"
#include "lake/vault_blob_store.h"

namespace catchment::app {
namespace {

using core::PublishRequest;
using core::PublishResult;
using core::RunSpec;

/// One line: what stands alone first, then what the checks of the contract found.
std::string HeldMessage(const std::vector<std::string>& held,
                        const std::vector<core::ContractVerdict>& verdicts) {
  std::string found;
  for (const core::ContractVerdict& verdict : verdicts) {
    if (!verdict.passed) found += fmt::format(" {}: {};", verdict.table, verdict.explanation);
  }
  std::string message = fmt::format("{}", fmt::join(held, "; "));
  if (found.empty()) return message;
  return message + (message.empty() ? "" : "; ") + "held back by the contract:" + found +
         " mend the rows or the contract";
}

/// The published tables that diffs compare with: they are read while the other tasks run.
std::vector<std::string> TablesOfDiffs(const core::Pipeline& pipeline) {
  std::vector<std::string> tables;
  for (const core::TaskSpec& task : pipeline.tasks) {
    if (task.kind != core::TaskKind::kTransform || task.what != "diff" || task.needs.empty())
      continue;
    tables.push_back(task.with.value("against", task.needs[0]));
  }
  return tables;
}

}  // namespace

Result<core::SlotStanding> LakePublisher::Standing(const RunSpec& spec, const OpContext&) {
  ASSIGN_OR_RETURN(
      const lake::ViewForRun views,
      lake::LoadForSlot(*services_.store, spec.dataset.text, spec.slot.id, spec.slot.start));
  core::SlotStanding standing;
  standing.publishes = views.standing.published;
  if (views.head.number > 0) standing.newest_slot = views.head.newest_slot_time;
  if (!standing.publishes.empty()) {
    const int64_t last = standing.publishes.back();
    ASSIGN_OR_RETURN(const auto summaries,
                     lake::ListPublishes(*services_.store, spec.dataset.text, last, last));
    if (!summaries.empty()) {
      standing.published_at = summaries[0].published;
      standing.published_by = summaries[0].run;
      if (summaries[0].gaps > 0) {
        ASSIGN_OR_RETURN(const lake::Manifest manifest,
                         lake::ReadManifest(*services_.store, spec.dataset.text, last));
        standing.published_gaps = core::GapUnits(manifest.gaps);
      }
    }
  }
  return standing;
}

Result<std::shared_ptr<const core::Head>> LakePublisher::LoadHead(const RunSpec& spec,
                                                                  const core::SlotStanding&,
                                                                  const OpContext&) {
  ASSIGN_OR_RETURN(lake::ViewForRun views, lake::LoadForSlot(*services_.store, spec.dataset.text,
                                                             spec.slot.id, spec.slot.start));
  RETURN_IF_ERROR(CheckExportPaths(spec, services_));
  auto head = std::make_shared<LakeHead>(*services_.store, std::move(views));
  head->ReadAhead(TablesOfDiffs(*spec.definition));
  return std::shared_ptr<const core::Head>(std::move(head));
}

Result<std::string> LakePublisher::SealExchanges(const RunSpec& spec) {
  if (services_.log == nullptr) return std::string();
  if (!sealed_) {
    lake::VaultBlobStore vault(*services_.store, spec.dataset.text);
    ASSIGN_OR_RETURN(const net::SealedExchanges sealed, services_.log->Seal(vault), "vault");
    sealed_ = sealed.list_sha256;
  }
  return *sealed_;
}

Status LakePublisher::RecordAhead(const PublishRequest& request, const OpContext& context) {
  if (recorded_ahead_) return {};
  const RunSpec& spec = *request.spec;
  RETURN_IF_ERROR(Record(spec, request.record, context), "record of run {}", spec.run.text);
  recorded_ahead_ = true;
  return {};
}

Result<PublishResult> LakePublisher::Publish(const PublishRequest& request,
                                             const OpContext& context) {
  const RunSpec& spec = *request.spec;
  const LakeHead& head = HeadOf(*request.head);
  PublishResult result;
  ASSIGN_OR_RETURN(Comparison compared,
                   CompareWithBefore(request, services_, context.clock->Now()));
  if (!compared.nothing_yet.empty()) {
    result.message = std::move(compared.nothing_yet);
    return result;
  }
  ASSIGN_OR_RETURN(result.verdicts, CheckContracts(*spec.definition, request.outputs, head));
  const bool failed = std::any_of(result.verdicts.begin(), result.verdicts.end(),
                                  [](const auto& verdict) { return !verdict.passed; });
  if (failed || !compared.held.empty()) {
    result.held = true;
    result.message = HeldMessage(compared.held, result.verdicts);
  }
  result.gaps = std::move(compared.gaps);
  std::move(compared.verdicts.begin(), compared.verdicts.end(),
            std::back_inserter(result.verdicts));
  if (result.held) return result;
  ASSIGN_OR_RETURN(const std::string exchanges, SealExchanges(spec));
  Result<lake::PublishInput> input =
      MakePublishInput(request, result.verdicts, exchanges, context.clock->Now());
  if (!input.ok() &&
      input.error().code == Code::kInvalid) {  // not of the types that the contract gives
    result.held = true;
    result.message = "held back by the contract: " + input.error().message;
    return result;
  }
  if (!input.ok()) return input.status();
  input->gaps.insert(input->gaps.end(), result.gaps.begin(), result.gaps.end());
  for (const lake::TableInput& table : input->tables)
    result.rows[table.name] = table.rows.num_rows();
  RETURN_IF_ERROR(RecordAhead(request, context));
  ASSIGN_OR_RETURN(const lake::Manifest manifest, lake::Publish(*services_.store, *input, context));
  result.number = manifest.number;
  result.notes = SkippedExports(spec, request.outputs);
  kept_ = {manifest.number, TablesOfExports(*spec.definition, request.outputs)};
  return result;
}

Result<core::FinishResult> LakePublisher::Finish(const RunSpec& spec, const OpContext& context) {
  core::FinishResult result;
  RETURN_IF_ERROR(WriteOwedExports(spec, services_, kept_, context, result));
  RETURN_IF_ERROR(DeliverOutbox(spec, services_, context, {}, result));
  if (result.parked > 0) {
    result.notes.push_back(
        fmt::format("{} outbox items are parked: see catchment deliver {} --list", result.parked,
                    spec.dataset.text));
  }
  if (result.exports_owed == 0 && result.waiting == 0) {
    if (const Status noted = lake::NoteSettled(*services_.store, spec.dataset.text); !noted.ok()) {
      result.notes.push_back("could not note what is settled: " + noted.error().message);
    }
  }
  return result;
}

Status LakePublisher::Record(const RunSpec& spec, const core::RunRecord& record, const OpContext&) {
  nlohmann::json json = core::ToJson(record);
  json["spec"] = {{"pipeline_file", spec.definition->file.string()},
                  {"parameters", spec.parameters},
                  {"refresh", core::RefreshName(spec.refresh)},
                  {"names", spec.placeholders.names},
                  {"late", spec.late}};
  if (sealed_) json["exchanges"] = *sealed_;
  return lake::PutRunRecord(*services_.store, spec.dataset.text, spec.slot.id, spec.run, json);
}

}  // namespace catchment::app
