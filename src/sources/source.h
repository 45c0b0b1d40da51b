#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/coverage.h"
#include "base/op_context.h"
#include "base/result.h"
#include "base/time.h"
#include "columnar/table.h"

namespace catchment::net {
class Transport;
class BudgetStore;
class SecretStore;
class TokenSource;
}  // namespace catchment::net

namespace catchment::sources {

/// The last complete answer of one unit of a source (`price`, `ondemand`), as the dataset's state
/// names it under `sources.<unit>`. The engine opens the recorded exchanges; the source decides
/// whether they still serve.
struct PriorAnswer {
  std::string run;
  Time slot;          ///< the slot whose run collected it; due when slot − this ≥ refresh
  Time collected_at;  ///< when its responses were received; the age compared with limits
  nlohmann::json facts = nlohmann::json::object();  ///< the whole entry of the state
  /// A transport that answers from that run's recording and never asks the world. Valid as long as
  /// the input. kNotFound, kCorrupt, kUnavailable: the recording is gone or damaged; the source
  /// then asks the world.
  std::function<Result<std::unique_ptr<net::Transport>>()> open;
};

enum class RefreshMode { kAuto, kAll, kNone };

/// All that a source may know and use in one run. References and pointers outlive the call.
struct SourceInput {
  std::string task;  ///< the task's name: `source` of coverage rows and gaps
  std::string run;   ///< this run's id
  Time slot;
  /// When the run began; deadlines for collecting count from here.
  OpContext::Steady::time_point started = OpContext::Steady::now();
  /// How old a prior answer may be before the world is asked again. 0: always due.
  std::chrono::milliseconds refresh{0};
  /// What the user asked for: the source's rules, every unit anew, or no unit that has a prior
  /// answer.
  RefreshMode refresh_mode = RefreshMode::kAuto;
  /// No publish of the slot's UTC day yet: prior answers are due whatever `refresh` says.
  bool first_of_day = false;

  /// `with:` of the task, placeholders resolved; an object.
  nlohmann::json parameters = nlohmann::json::object();
  /// Read a small text file of the pipeline's folder by its relative name, e.g. meter rules.
  std::function<Result<std::string>(const std::string& name)> pipeline_file;
  /// Where relative paths of parameters start (the `file` source).
  std::filesystem::path base_folder;

  /// Tables of the tasks in `needs`, by `task` or `task.table`.
  std::map<std::string, columnar::Table> needs;
  /// A published table of the dataset's head; null if there is none.
  std::function<Result<std::optional<columnar::Table>>(const std::string& table)> head_table;
  /// Of a `partition` table of the head, the partition of the slot; null if there is none. Rows may
  /// lie in files.
  std::function<Result<std::optional<columnar::Table>>(const std::string& table)> head_partition;
  std::optional<int64_t> head_number;
  nlohmann::json state = nlohmann::json::object();  ///< head's state; an empty object without head
  std::map<std::string, PriorAnswer> prior;         ///< by unit

  /// Records all it receives. Files, budgets and subscriptions are asked for through it too.
  net::Transport* transport = nullptr;
  net::BudgetStore* budgets = nullptr;  ///< null: the source has no budget
  net::SecretStore* secrets = nullptr;
  /// Of the task's identity, shared by all tasks of a run; fails with kDenied if the identity
  /// cannot be had. Null: requests carry no token (replay needs none).
  net::TokenSource* tokens = nullptr;
  std::filesystem::path work_folder;  ///< the run's own; for tables that are files
};

/// What a source obtained. `tables` has the source's own table under "" and named outputs under
/// their names; it may lack them if the report says `unavailable`.
struct SourceResult {
  std::map<std::string, columnar::Table> tables;
  SourceReport report;
};

/// Asks the world for tables. Stateless: the same object may serve several runs. Calls block until
/// the answer is complete, `context` expires or is cancelled.
class Source {
 public:
  virtual ~Source() = default;

  /// Collect. A world that does not answer is a fact, told by report.state, reason and error_code,
  /// never an error. kInvalid: parameters are wrong. kCancelled: stopped. kInternal: our bug.
  virtual Result<SourceResult> Collect(const SourceInput& input, const OpContext& context) = 0;
};

/// One key that `with:` may hold.
struct ParameterInfo {
  std::string name;
  std::string type;  ///< `text`, `bool`, `int`, `number`, `duration`, `list`, `map`, `any`
  bool required = false;
  std::string help;
};

/// What the engine must know of a source before it runs.
struct SourceInfo {
  std::string kind;  ///< `azure.retail_prices`
  std::string help;
  std::vector<ParameterInfo> parameters;
  std::vector<std::string> outputs;  ///< named tables beside the own one: `plan`, `scores`
  std::vector<std::string> units;    ///< units of the state whose prior answers it can use
  bool looks_back = false;           ///< whether a slot long past can still be collected
  bool needs_identity = false;
};

/// The columns of tables by output; the source's own table is "".
using TableColumns = std::map<std::string, std::shared_ptr<arrow::Schema>>;

struct SourceEntry {
  SourceInfo info;
  std::function<std::unique_ptr<Source>()> make;
  /// What can be said without asking the world: the tables whose columns are the same whatever it
  /// answers. Of the input only the task's name, parameters and base folder count. kInvalid:
  /// parameters that Collect would refuse, with its message. Null: nothing is known.
  std::function<Result<TableColumns>(const SourceInput& input)> columns = {};
  /// The state after a publish: `head_state` is that of the head at publish (an empty object
  /// without one), `patch` the report's state_patch, in the source's own form. Pure. kInvalid: a
  /// state of another version. Null: state_patch is an RFC 7396 merge patch.
  std::function<Result<nlohmann::json>(const nlohmann::json& head_state,
                                       const nlohmann::json& patch)>
      fold_state = {};
};

}  // namespace catchment::sources
