#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/coverage.h"
#include "base/op_context.h"
#include "base/result.h"
#include "core/run_spec.h"

namespace catchment::core {

/// What flows between tasks; `app` knows it to be a table.
class Artifact {
 public:
  virtual ~Artifact() = default;
  virtual int64_t rows() const = 0;
};
using ArtifactPtr = std::shared_ptr<const Artifact>;
using Artifacts = std::map<std::string, ArtifactPtr>;

/// A dataset as it was published, at one moment.
class Head {
 public:
  virtual ~Head() = default;
  virtual int64_t number() const = 0;  ///< 0: no publish yet
};

struct TaskInput {
  /// Tables by `task` and `task.table`, of the tasks in `needs`: a need on `task` gives all of its
  /// tables. A task that gave none (an unavailable source) is absent.
  Artifacts needs;
  std::shared_ptr<const Head> head;
  const RunSpec* spec = nullptr;
  const TaskSpec* task = nullptr;
};

struct TaskOutput {
  Artifacts tables;                    ///< "" is the task's own table
  std::optional<SourceReport> report;  ///< of collect tasks
  std::vector<std::string> notes;      ///< one line each, for the run's log
};

/// What a task does. Called from a worker thread, several bodies at once, each at most once at a
/// time; outlives the run.
class TaskBody {
 public:
  virtual ~TaskBody() = default;

  /// Blocks until done, or `context` ends. A derive body is called again with a new head when
  /// another run published first. For collect tasks an unavailable world is a report, not an error.
  virtual Result<TaskOutput> Run(const TaskInput& input, const OpContext& context) = 0;

  /// Whether it is a function of tables, head and slot alone, and is repeated after a conflict; the
  /// outputs of others are kept.
  virtual bool derives() const = 0;
};

}  // namespace catchment::core
