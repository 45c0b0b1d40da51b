#pragma once

#include <string>
#include <vector>

#include "base/coverage.h"
#include "columnar/table.h"
#include "core/run_spec.h"
#include "core/task.h"

namespace catchment::app {

/// A table as it goes to the lake.
struct PublishedRows {
  const core::PublishedTable* definition = nullptr;
  columnar::Table rows;          ///< with the contract's types, and `not null` where it says so
  std::vector<std::string> key;  ///< sorted by; empty: the task's own order
  bool from_diff = false;
  bool finished = false;  ///< the files of `rows` are published byte for byte
};

/// The key of the contract of a table that is published `from` this task; empty: there is none.
std::vector<std::string> ContractKey(const core::Pipeline& pipeline, const std::string& from);

/// The tables that a run publishes, in the pipeline's order: those whose task gave one, and
/// `run.coverage` made from the reports. A pure function: publish and replay share it. The key is
/// the contract's; an SQL task without one and without ORDER BY is sorted by all its columns.
/// kInvalid: a column does not have the type its contract gives.
Result<std::vector<PublishedRows>> CollectTables(const core::Pipeline& pipeline,
                                                 const core::Artifacts& outputs,
                                                 const std::vector<SourceReport>& reports,
                                                 Time slot);

/// The new state: `before` with each report's merge patch, in the order of the tasks' names; the
/// entries of `sources` that a patch touches name this run, its slot, the task and the exchange
/// list. `"version": 1` is always there.
Result<nlohmann::json> FoldState(const nlohmann::json& before, std::vector<SourceReport> reports,
                                 const core::RunSpec& spec, const std::string& exchanges);

}  // namespace catchment::app
