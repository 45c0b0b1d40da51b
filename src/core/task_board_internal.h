#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/exit_code.h"
#include "core/run_store.h"
#include "core/task.h"

namespace catchment::core {

/// The tasks of a run: where each stands and what it gave. Decides nothing; for one thread.
class TaskBoard {
 public:
  /// `pipeline` outlives it.
  explicit TaskBoard(const Pipeline& pipeline);

  /// In the pipeline's order.
  const std::vector<TaskRecord>& records() const { return records_; }
  TaskRecord& record(size_t index) { return records_[index]; }
  size_t size() const { return records_.size(); }
  size_t ended() const;

  /// Whether everything that the task needs has ended.
  bool Ready(size_t index) const;
  /// The tables that the task needs.
  Artifacts NeedsOf(size_t index) const;

  /// Keep what a task gave.
  void Accept(size_t index, TaskOutput output);
  /// A task that failed, and that the run can go without.
  void AcceptUnavailable(size_t index, const Error& error);

  /// Null: the task has none.
  const SourceReport* ReportOf(const std::string& task) const;
  std::vector<SourceReport> Reports() const;  ///< by task's name
  std::vector<Gap> Gaps() const;              ///< of all reports
  Artifacts Outputs() const;                  ///< by `task` and `task.table`
  /// Let go of the tables that tasks gave; reports stay.
  void ForgetTables() { tables_.clear(); }
  /// What the sources obtained, for the exit code. Points into this.
  std::vector<CollectOutcome> Outcomes() const;
  /// `price: HTTP 503; interruption: …`: of the sources that obtained nothing.
  std::string UnavailableReasons() const;

 private:
  void AcceptReport(const TaskSpec& task, SourceReport report);

  const Pipeline& pipeline_;
  std::vector<TaskRecord> records_;
  std::map<std::string, Artifacts> tables_;  // by task, then by table
  std::map<std::string, SourceReport> reports_;
};

}  // namespace catchment::core
