#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/op_context.h"
#include "core/lease.h"
#include "core/publisher.h"
#include "core/run_spec.h"
#include "core/run_store.h"
#include "core/slot_ledger.h"
#include "core/task.h"

namespace catchment::core {

/// Something that happened in a run, for progress bars and logs.
struct RunEvent {
  enum class Kind { kStep, kTaskStarted, kTaskDone, kNote };
  Kind kind = Kind::kStep;
  std::string step;  ///< kStep: `claim`, `collect`, `derive`, `publish`, `export`, `record`
  std::string task;
  TaskState state = TaskState::kRunning;
  int64_t rows = 0;
  size_t done = 0, total = 0;  ///< tasks
  std::string text;
};

/// What a run works with. All outlive it.
struct RunDependencies {
  Publisher* publisher = nullptr;
  RunStore* runs = nullptr;
  SlotLedger* ledger = nullptr;
  const Machine* machine = nullptr;
  std::map<std::string, TaskBody*> bodies;  ///< by task name, one for each task
  /// Called from the run's own thread.
  std::function<void(const RunEvent&)> on_event;
  /// The signal that requested the stop, 0 if none did.
  std::function<int()> stop_signal;
  std::chrono::milliseconds lease_ttl{60'000};
  std::chrono::milliseconds queue_pause{500};  ///< between tries with `overlap: queue`
  /// Conflicts in a row before giving up with 75. In each of them another run got further, so that
  /// there are seldom more than runs of the dataset at once; the time limit holds too.
  int publish_tries = 100;
  std::chrono::milliseconds memory_period{10'000};  ///< between samples of the process's memory
  std::string instance_type = "unknown";            ///< of the machine
};

struct RunResult {
  int exit_code = 0;
  std::string message;               ///< one line, or several of wrong usage
  std::optional<int64_t> published;  ///< number of the publish, also of one found
  bool publishes = false;            ///< the publish is this run's
  RunRecord record;
};

/// Fill one slot: claim, finish what earlier runs left, collect, derive, publish, export and
/// deliver, record (architecture §2). Blocks; starts `spec.workers` threads and one that renews the
/// lease, all ended on return. `context` carries the clock of the data, the stop token and the
/// deadline; `spec.time_limit` narrows it. Never fails: what went wrong is in the result.
RunResult ExecuteRun(const RunSpec& spec, const RunDependencies& dependencies,
                     const OpContext& context);

}  // namespace catchment::core
