#include "app/contract_check.h"

#include "app/table_artifact.h"
#include "transforms/contract.h"

namespace catchment::app {
namespace {

transforms::TableContract ToTransform(const core::TableContract& contract) {
  transforms::TableContract made;
  made.key = contract.key;
  for (const core::ColumnContract& column : contract.columns) {
    transforms::ColumnRule rule;
    rule.column = column.column;
    rule.not_null = column.not_null;
    rule.minimum = column.minimum;
    rule.maximum = column.maximum;
    rule.minimum_exclusive = column.minimum_exclusive;
    rule.maximum_exclusive = column.maximum_exclusive;
    rule.allowed = column.allowed;
    if (!column.pattern.empty()) rule.pattern = column.pattern;
    made.columns.push_back(std::move(rule));
  }
  for (const core::ForeignKeyContract& foreign : contract.foreign_keys) {
    made.foreign_keys.push_back({foreign.columns, foreign.table, foreign.other_columns});
  }
  made.rows_minimum = contract.rows_minimum;
  made.rows_maximum = contract.rows_maximum;
  made.drop_at_most = contract.drop_at_most;
  return made;
}

const core::PublishedTable* FindPublished(const core::Pipeline& pipeline, const std::string& name) {
  for (const core::PublishedTable& table : pipeline.publish) {
    if (table.table == name || table.from == name) return &table;
  }
  return nullptr;
}

const columnar::Table* FindTable(const core::Pipeline& pipeline, const core::Artifacts& outputs,
                                 const std::string& name) {
  auto found = outputs.find(name);
  if (found == outputs.end()) {
    const core::PublishedTable* published = FindPublished(pipeline, name);
    if (published != nullptr) found = outputs.find(published->from);
  }
  return found == outputs.end() ? nullptr : &TableOf(*found->second);
}

std::optional<int64_t> PreviousRows(const core::Pipeline& pipeline, const LakeHead& head,
                                    const std::string& name) {
  const core::PublishedTable* published = FindPublished(pipeline, name);
  const auto& tables = head.views().head.tables;
  const auto found = published == nullptr ? tables.end() : tables.find(published->table);
  if (found == tables.end()) return std::nullopt;
  int64_t rows = 0;
  for (const lake::LiveFile& file : found->second.files) rows += file.file.rows;
  return rows;
}

}  // namespace

Result<std::vector<core::ContractVerdict>> CheckContracts(const core::Pipeline& pipeline,
                                                          const core::Artifacts& outputs,
                                                          const LakeHead& head) {
  std::vector<core::ContractVerdict> verdicts;
  const auto others = [&](const std::string& name) { return FindTable(pipeline, outputs, name); };
  for (const core::TableContract& contract : pipeline.contracts) {
    const columnar::Table* table = others(contract.table);
    if (table == nullptr) continue;
    ASSIGN_OR_RETURN(
        const std::vector<transforms::Verdict> found,
        transforms::CheckContract(*table, ToTransform(contract),
                                  PreviousRows(pipeline, head, contract.table), others),
        "contract of '{}'", contract.table);
    for (const transforms::Verdict& verdict : found) {
      verdicts.push_back(
          {contract.table, verdict.check, verdict.passed, verdict.offending, verdict.explanation});
    }
  }
  return verdicts;
}

}  // namespace catchment::app
