#include "app/publish_input.h"

#include "app/delivery.h"
#include "app/export_writer.h"
#include "app/lake_head.h"
#include "app/publish_tables.h"

namespace catchment::app {
namespace {

lake::TableMode ToLake(core::TableMode mode) {
  switch (mode) {
    case core::TableMode::kReplace:
      return lake::TableMode::kReplace;
    case core::TableMode::kAppend:
      return lake::TableMode::kAppend;
    case core::TableMode::kPartition:
      return lake::TableMode::kPartition;
  }
  return lake::TableMode::kReplace;
}

std::vector<nlohmann::json> VerdictsToJson(const std::vector<core::ContractVerdict>& verdicts) {
  std::vector<nlohmann::json> out;
  for (const core::ContractVerdict& verdict : verdicts) {
    nlohmann::json json = {
        {"table", verdict.table}, {"check", verdict.check}, {"passed", verdict.passed}};
    if (!verdict.passed) json["explanation"] = verdict.explanation;
    out.push_back(std::move(json));
  }
  return out;
}

}  // namespace

Result<lake::PublishInput> MakePublishInput(const core::PublishRequest& request,
                                            const std::vector<core::ContractVerdict>& verdicts,
                                            const std::string& exchanges, Time published) {
  const core::RunSpec& spec = *request.spec;
  const LakeHead& head = HeadOf(*request.head);
  ASSIGN_OR_RETURN(
      std::vector<PublishedRows> tables,
      CollectTables(*spec.definition, request.outputs, request.reports, spec.slot.start));
  lake::PublishInput input;
  input.dataset = spec.dataset.text;
  input.slot = spec.slot.id;
  input.slot_time = spec.slot.start;
  input.run = spec.run;
  input.published = published;
  input.simulated = spec.simulated;
  input.seen = head.views();
  std::vector<std::string> names;
  for (PublishedRows& table : tables) {
    names.push_back(table.definition->table);
    lake::TableInput made;
    made.name = table.definition->table;
    made.mode = ToLake(table.definition->mode);
    made.partition = table.definition->partition;
    made.key = std::move(table.key);
    made.rows = std::move(table.rows);
    made.from_diff = table.from_diff;
    made.keep_bytes = table.finished;
    if (table.finished) {
      made.key.clear();  // the order is the task's own
      for (const std::filesystem::path& file : made.rows.files())
        made.files.push_back({file, {}, {}});
    }
    input.tables.push_back(std::move(made));
  }
  ASSIGN_OR_RETURN(input.state, FoldState(head.state(), request.reports, spec, exchanges));
  for (const SourceReport& report : request.reports) {
    input.coverage.insert(input.coverage.end(), report.coverage.begin(), report.coverage.end());
    if (!exchanges.empty()) input.exchanges[report.source] = exchanges;
  }
  input.gaps = request.gaps;
  input.reports = request.reports;
  input.outbox = MakeOutbox(*spec.definition, spec, names);
  ASSIGN_OR_RETURN(input.exports,
                   MakeExportRecords(spec, names, &request.outputs, request.reports));
  input.verdicts = VerdictsToJson(verdicts);
  return input;
}

}  // namespace catchment::app
