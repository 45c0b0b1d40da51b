#include "app/never_worse.h"

#include <algorithm>
#include <set>

#include "app/export_writer.h"
#include "app/lake_head.h"
#include "base/text.h"
#include "core/values.h"
#include "lake/publish.h"
#include "transforms/completeness.h"

namespace catchment::app {
namespace {

/// What messages call the dataset: the `for_each` value, else its name.
std::string SubjectOf(const core::RunSpec& spec) {
  const auto& each = spec.definition->for_each;
  const auto name =
      each ? spec.placeholders.names.find(each->variable) : spec.placeholders.names.end();
  return name == spec.placeholders.names.end() ? spec.dataset.text : name->second;
}

Result<bool> FlagOf(const std::string& text, const core::RunSpec& spec) {
  ASSIGN_OR_RETURN(const std::string value, core::ExpandPlaceholders(text, spec.placeholders));
  if (value == "true") return true;
  if (value == "false" || value.empty()) return false;
  return Invalid("shrink: expected true or false, found '{}'", value);
}

/// The reports of the sources behind a task: first those reached through tasks that are no sources,
/// then those that these need.
class ReportsBehind {
 public:
  ReportsBehind(const core::Pipeline& pipeline, const std::vector<SourceReport>& reports)
      : pipeline_(pipeline), reports_(reports) {}

  void Walk(const std::string& task, bool beyond_a_source, transforms::CompletenessFacts& facts) {
    const core::TaskSpec* spec = pipeline_.FindTask(task);
    if (spec == nullptr || !seen_.insert({task, beyond_a_source}).second) return;
    const auto report = std::find_if(reports_.begin(), reports_.end(),
                                     [&](const SourceReport& of) { return of.source == task; });
    if (report != reports_.end()) {
      auto& reports = !spec->collects() ? facts.between
                      : beyond_a_source ? facts.further
                                        : facts.nearest;
      reports.push_back(&*report);
    }
    for (const std::string& need : spec->needs)
      Walk(core::TaskOf(need), beyond_a_source || spec->collects(), facts);
  }

 private:
  const core::Pipeline& pipeline_;
  const std::vector<SourceReport>& reports_;
  std::set<std::pair<std::string, bool>> seen_;
};

class Comparer {
 public:
  Comparer(const core::PublishRequest& request, const PublisherServices& services, Time now)
      : request_(request),
        services_(services),
        now_(now),
        spec_(*request.spec),
        pipeline_(*spec_.definition) {}

  Result<Comparison> Compare() {
    for (const core::TableContract& contract : pipeline_.contracts) {
      const auto output = request_.outputs.find(contract.table);
      if (output == request_.outputs.end()) continue;
      const int64_t rows = output->second->rows();
      if (!contract.complete_at_least.empty()) {
        RETURN_IF_ERROR(CompareWithSources(contract, rows), "contract of '{}'", contract.table);
      }
      if (!found_.nothing_yet.empty()) return std::move(found_);
      if (contract.shrink.empty() || spec_.allow_shrink) continue;
      ASSIGN_OR_RETURN(const bool may_shrink, FlagOf(contract.shrink, spec_), "contract of '{}'",
                       contract.table);
      if (may_shrink) continue;
      CompareWithHead(contract, rows);
      RETURN_IF_ERROR(CompareWithForeignFiles(contract, rows));
    }
    return std::move(found_);
  }

 private:
  Status CompareWithSources(const core::TableContract& contract, int64_t rows) {
    transforms::CompletenessRule rule;
    ASSIGN_OR_RETURN(const std::string at_least,
                     core::ExpandPlaceholders(contract.complete_at_least, spec_.placeholders));
    ASSIGN_OR_RETURN(rule.at_least, core::ParseShare(at_least), "complete");
    ASSIGN_OR_RETURN(const std::string below,
                     core::ExpandPlaceholders(contract.complete_below, spec_.placeholders));
    if (below != "hold" && below != "holes")
      return Invalid("complete: below: expected hold or holes, found '{}'", below);
    rule.hold_below = below == "hold";
    transforms::CompletenessFacts facts;
    facts.table = contract.table;
    facts.rows = rows;
    ReportsBehind(pipeline_, request_.reports).Walk(core::TaskOf(contract.table), false, facts);
    transforms::Completeness complete = transforms::CheckCompleteness(rule, facts);
    if (complete.unknown.empty() && complete.expected == 0 && rows == 0) {
      RETURN_IF_ERROR(SayNothingYet(facts, rule.unit));
      if (!found_.nothing_yet.empty()) return {};
    }
    found_.gaps.insert(found_.gaps.end(), complete.gaps.begin(), complete.gaps.end());
    Judge(contract, "complete", complete.holds, complete.message);
    return {};
  }

  /// H12 first_of_month: an empty month is no failure while it is open.
  Status SayNothingYet(const transforms::CompletenessFacts& facts, const std::string& unit) {
    ASSIGN_OR_RETURN(const auto open, core::OpenTime(spec_));
    if (request_.standing.published() || !core::IsOpen(pipeline_, spec_.slot, open, now_))
      return {};
    std::string why = fmt::format("no {}s for {} {}", unit, SubjectOf(spec_), spec_.slot.id.text);
    for (const auto* list : {&facts.nearest, &facts.further}) {
      for (const SourceReport* report : *list) {
        if (!report->reason.empty()) why = report->reason;
      }
    }
    found_.nothing_yet = "nothing to publish yet: " + why;
    return {};
  }

  /// H10 worse_over_good.
  void CompareWithHead(const core::TableContract& contract, int64_t rows) {
    for (const core::PublishedTable& table : pipeline_.publish) {
      if (table.from != contract.table) continue;
      const int64_t before = RowsBefore(table);
      Judge(contract, "shrink", rows >= before,
            fmt::format("{} of {} would shrink from {} to {} {}; --allow-shrink publishes it",
                        spec_.slot.id.text, SubjectOf(spec_), before, rows, Noun(contract)));
    }
  }

  /// Head's rows of the slot.
  int64_t RowsBefore(const core::PublishedTable& table) const {
    const lake::ViewForRun& views = HeadOf(*request_.head).views();
    const auto found = views.head.tables.find(table.table);
    if (found == views.head.tables.end()) return 0;
    const lake::PartitionValues partition = SlotPartitionOf(table);
    const bool published =
        request_.standing.published() && !request_.standing.older_than_newest(spec_.slot.start);
    int64_t rows = 0;
    for (const lake::LiveFile& file : found->second.files) {
      const bool of_slot = table.mode == core::TableMode::kReplace ? published
                           : !partition.empty() ? file.file.partition == partition
                                                : file.slot == spec_.slot.id.text;
      if (of_slot) rows += file.file.rows;
    }
    return rows;
  }

  /// Where all partition names are parts of the slot, what they are for this one; else empty.
  lake::PartitionValues SlotPartitionOf(const core::PublishedTable& table) const {
    lake::PartitionValues values;
    for (const std::string& name : table.partition) {
      values.push_back(lake::SlotPartition(name, spec_.slot.start));
      if (!values.back()) return {};
    }
    return table.mode == core::TableMode::kPartition ? values : lake::PartitionValues();
  }

  Status CompareWithForeignFiles(const core::TableContract& contract, int64_t rows) {
    for (const core::PublishedTable& table : pipeline_.publish) {
      if (table.from != contract.table) continue;
      ASSIGN_OR_RETURN(const std::vector<ForeignFile> files,
                       ForeignFiles(spec_, services_, table.table));
      for (const ForeignFile& file : files) {
        Judge(contract, "shrink: " + file.path, rows >= file.rows,
              ForeignFileHasMore(file, fmt::format("{} {} of {} {}", rows, Noun(contract),
                                                   SubjectOf(spec_), spec_.slot.id.text)));
      }
    }
    return {};
  }

  static std::string Noun(const core::TableContract& contract) {
    return contract.complete_at_least.empty() ? "rows" : "items";
  }

  void Judge(const core::TableContract& contract, std::string check, bool passed,
             std::string message) {
    if (passed) message.clear();
    if (!passed) found_.held.push_back(message);
    found_.verdicts.push_back({contract.table, std::move(check), passed, 0, std::move(message)});
  }

  const core::PublishRequest& request_;
  const PublisherServices& services_;
  const Time now_;
  const core::RunSpec& spec_;
  const core::Pipeline& pipeline_;
  Comparison found_;
};

}  // namespace

Result<Comparison> CompareWithBefore(const core::PublishRequest& request,
                                     const PublisherServices& services, Time now) {
  return Comparer(request, services, now).Compare();
}

}  // namespace catchment::app
