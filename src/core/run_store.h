#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/coverage.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace catchment::core {

enum class RunState { kRunning, kDone, kFailed, kSkipped, kHeld, kDeferred, kCancelled, kLost };
enum class TaskState { kPending, kRunning, kDone, kFailed, kUnavailable, kSkipped };

/// `running`, `done`, …: as they stand in records and JSON.
std::string_view RunStateName(RunState state);
std::string_view TaskStateName(TaskState state);
std::optional<RunState> RunStateFromName(std::string_view name);
std::optional<TaskState> TaskStateFromName(std::string_view name);

struct TaskRecord {
  std::string name;
  std::string kind;  ///< `source`, `sql`, …
  TaskState state = TaskState::kPending;
  std::optional<Time> started;
  std::chrono::milliseconds duration{0};
  int64_t rows = 0;  ///< of all tables it gave
  std::string message;
  int attempts = 0;  ///< times it ran: 1, more after conflicts
};

/// The process's memory at one moment.
struct MemorySample {
  Time at;
  std::string tasks;  ///< those running, joined by `+`; empty: none
  int64_t rss = 0;    ///< bytes
  bool operator==(const MemorySample&) const = default;
};

struct RunRecord {
  RunId run;
  PipelineName pipeline;
  DatasetName dataset;
  SlotId slot;
  Time slot_start;
  std::string environment;
  Time started;
  std::optional<Time> ended;
  RunState state = RunState::kRunning;
  std::optional<int> exit_code;      ///< null while running
  std::string message;               ///< one line: how it ended
  std::optional<int64_t> published;  ///< number of the publish
  int64_t calls = 0;
  int64_t bytes = 0;
  int64_t peak_rss = 0;  ///< bytes
  bool simulated = false;
  int attempt = 1;
  int64_t expected = 0, answered = 0;  ///< units of all coverage rows
  int64_t gap_units = 0;               ///< of all gaps; also where `gaps` is left out
  std::vector<Gap> gaps;
  std::vector<TaskRecord> tasks;
  std::vector<SourceReport> reports;
  std::optional<int64_t> head;          ///< number of the head its tasks saw, 0: none
  std::map<std::string, int64_t> rows;  ///< published tables
  /// Who carries it out, as in leases, to tell a dead run from a running one.
  std::string host;
  int64_t pid = 0;
  std::string instance_type = "unknown";  ///< of the machine, e.g. `m5.large`
  /// Every ten seconds from the beginning until all is collected and derived.
  std::vector<MemorySample> memory;
};

nlohmann::json ToJson(const TaskRecord& task);
nlohmann::json ToJson(const RunRecord& record);
Result<RunRecord> RunRecordFromJson(const nlohmann::json& in);

/// Units of all gaps together.
int64_t GapUnits(const std::vector<Gap>& gaps);

/// One line of a run's log.
struct RunMessage {
  Time at;
  std::string level;  ///< `info`, `warning`, `error`
  std::string task;   ///< empty: of the run
  std::string text;
};

struct RunFilter {
  std::string pipeline, dataset, slot, environment;  ///< empty: any
  std::optional<RunState> state;
  std::optional<Time> since, before;  ///< of `started`
};

/// A pipeline's newest run and what is open, for `status`.
struct PipelineStatus {
  std::string pipeline, dataset, environment;
  std::optional<RunRecord> newest;  ///< without tasks, reports and gaps
  int64_t running = 0;
  int64_t runs = 0;
  std::optional<int64_t> published;  ///< newest publish number of any run
  std::optional<SlotId> published_slot;
  int64_t gap_units = 0;  ///< of the newest run that published
};

/// What became of runs. Each call is durable on return. Thread-safe. Implementations pass
/// core/run_store_contract.h.
class RunStore {
 public:
  virtual ~RunStore() = default;

  /// Record that a run begins. kExists: the id is known.
  virtual Status Begin(const RunRecord& record) = 0;
  /// Record the states of tasks, in one step; a later record of the same task replaces the earlier.
  /// kNotFound: no such run.
  virtual Status TasksDone(const RunId& run, std::span<const TaskRecord> tasks) = 0;
  /// Record how the run ended, with all that `record` holds. kNotFound: no such run.
  virtual Status Finish(const RunRecord& record) = 0;
  virtual Status AddMessage(const RunId& run, const RunMessage& message) = 0;

  /// kNotFound: no such run.
  virtual Result<RunRecord> Get(const RunId& run) const = 0;
  /// Newest first by id (ids are time-ordered), without tasks, reports, gaps (`gap_units` is there)
  /// and memory.
  virtual Result<std::vector<RunRecord>> List(const RunFilter& filter, size_t limit) const = 0;
  /// Oldest first.
  virtual Result<std::vector<RunMessage>> Logs(const RunId& run) const = 0;
  /// One row per pipeline, dataset and environment, by name.
  virtual Result<std::vector<PipelineStatus>> StatusOfPipelines() const = 0;
};

}  // namespace catchment::core
