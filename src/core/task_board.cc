#include <algorithm>

#include "core/task_board_internal.h"

namespace catchment::core {
namespace {

std::string GapReason(const std::string& error_code) {
  if (error_code == CodeName(Code::kDenied)) return "credentials";
  if (error_code == CodeName(Code::kExhausted)) return "budget";
  if (error_code == CodeName(Code::kDeadline)) return "deadline";
  return "failed";
}

bool HasEnded(const TaskRecord& record) {
  return record.state != TaskState::kPending && record.state != TaskState::kRunning;
}

std::string FullName(const std::string& task, const std::string& table) {
  return table.empty() ? task : task + "." + table;
}

}  // namespace

TaskBoard::TaskBoard(const Pipeline& pipeline) : pipeline_(pipeline) {
  for (const TaskSpec& task : pipeline.tasks) {
    TaskRecord record;
    record.name = task.name;
    record.kind = TaskKindName(task.kind);
    records_.push_back(std::move(record));
  }
}

size_t TaskBoard::ended() const {
  return static_cast<size_t>(std::count_if(records_.begin(), records_.end(), HasEnded));
}

bool TaskBoard::Ready(size_t index) const {
  const TaskSpec& task = pipeline_.tasks[index];
  return std::all_of(task.needs.begin(), task.needs.end(), [&](const std::string& need) {
    const std::string name = TaskOf(need);
    const auto found = std::find_if(records_.begin(), records_.end(),
                                    [&](const TaskRecord& other) { return other.name == name; });
    return found == records_.end() || HasEnded(*found);
  });
}

Artifacts TaskBoard::NeedsOf(size_t index) const {
  Artifacts needs;
  for (const std::string& need : pipeline_.tasks[index].needs) {
    const std::string name = TaskOf(need);
    const auto found = tables_.find(name);
    if (found == tables_.end()) continue;
    for (const auto& [table, artifact] : found->second) {
      const std::string full = FullName(name, table);
      if (need == name || need == full) needs[full] = artifact;
    }
  }
  return needs;
}

void TaskBoard::Accept(size_t index, TaskOutput output) {
  const TaskSpec& task = pipeline_.tasks[index];
  TaskRecord& record = records_[index];
  record.state = TaskState::kDone;
  record.rows = 0;
  record.message.clear();
  for (const auto& [table, artifact] : output.tables) record.rows += artifact->rows();
  if (output.report) {
    if (output.report->state == SourceState::kUnavailable) {
      record.state = TaskState::kUnavailable;
      record.message = output.report->reason;
    }
    AcceptReport(task, std::move(*output.report));
  }
  tables_[task.name] = std::move(output.tables);
}

void TaskBoard::AcceptUnavailable(size_t index, const Error& error) {
  const TaskSpec& task = pipeline_.tasks[index];
  records_[index].state = TaskState::kUnavailable;
  SourceReport report;
  report.state = SourceState::kUnavailable;
  report.reason = error.message;
  report.error_code = CodeName(error.code);
  tables_.erase(task.name);
  AcceptReport(task, std::move(report));
}

void TaskBoard::AcceptReport(const TaskSpec& task, SourceReport report) {
  report.source = task.name;
  if (report.state == SourceState::kUnavailable && report.gaps.empty()) {
    int64_t units = 0;
    for (const CoverageRow& row : report.coverage)
      units += row.expected - row.answered - row.left_out;
    report.gaps.push_back(
        {task.name, GapReason(report.error_code), std::max<int64_t>(units, 1), report.reason});
  }
  reports_[task.name] = std::move(report);
}

const SourceReport* TaskBoard::ReportOf(const std::string& task) const {
  const auto found = reports_.find(task);
  return found == reports_.end() ? nullptr : &found->second;
}

std::vector<SourceReport> TaskBoard::Reports() const {
  std::vector<SourceReport> reports;
  for (const auto& [task, report] : reports_) reports.push_back(report);
  return reports;
}

std::vector<Gap> TaskBoard::Gaps() const {
  std::vector<Gap> gaps;
  for (const auto& [task, report] : reports_)
    gaps.insert(gaps.end(), report.gaps.begin(), report.gaps.end());
  return gaps;
}

Artifacts TaskBoard::Outputs() const {
  Artifacts outputs;
  for (const auto& [task, tables] : tables_) {
    for (const auto& [table, artifact] : tables) outputs[FullName(task, table)] = artifact;
  }
  return outputs;
}

std::vector<CollectOutcome> TaskBoard::Outcomes() const {
  std::vector<CollectOutcome> outcomes;
  for (const TaskSpec& task : pipeline_.tasks) {
    const SourceReport* report = ReportOf(task.name);
    if (task.collects() && report != nullptr) outcomes.push_back({report, task.required});
  }
  return outcomes;
}

std::string TaskBoard::UnavailableReasons() const {
  std::string reasons;
  for (const CollectOutcome& outcome : Outcomes()) {
    if (outcome.report->state != SourceState::kUnavailable) continue;
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", outcome.report->source,
                           outcome.report->reason);
  }
  return reasons;
}

}  // namespace catchment::core
