#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "app/settings.h"
#include "base/op_context.h"
#include "core/task.h"
#include "lake/store.h"
#include "net/budget_store.h"
#include "net/secrets.h"
#include "net/token_source.h"
#include "net/transport.h"
#include "net/vault.h"
#include "sources/source.h"

namespace catchment::app {

/// What the tasks of one run share. All outlive the bodies.
struct TaskServices {
  const Settings* settings = nullptr;
  const lake::ReadStore* store = nullptr;  ///< the environment's lake
  /// The transport of a task: records what it receives; in a replay, answers from the recording.
  std::function<std::unique_ptr<net::Transport>(const std::string& task)> transport;
  /// Tokens of a task's identity; null where no identity of that name is configured.
  std::function<net::TokenSource*(const std::string& identity)> tokens;
  net::BudgetStore* budgets = nullptr;
  net::SecretStore* secrets = nullptr;
  std::filesystem::path work_folder;  ///< the run's own
  /// When the run began: what tasks may take is counted from here.
  OpContext::Steady::time_point started = OpContext::Steady::now();
};

/// One body for each task of the pipeline, by name. kInvalid: a kind this version does not have, an
/// SQL file that cannot be read or parsed, `exec` in an environment that does not allow it.
Result<std::map<std::string, std::unique_ptr<core::TaskBody>>> MakeTaskBodies(
    const core::Pipeline& pipeline, const TaskServices& services);

/// Whether programs of `pipeline` may run: not in an environment with `reads:` unless it lists the
/// pipeline.
Status CheckProgramsAllowed(const core::Environment& environment, const std::string& pipeline,
                            const std::string& what);

}  // namespace catchment::app
