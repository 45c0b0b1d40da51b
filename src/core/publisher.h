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
#include "base/time.h"
#include "core/run_spec.h"
#include "core/run_store.h"
#include "core/task.h"

namespace catchment::core {

/// What the lake says of a slot before a run.
struct SlotStanding {
  std::vector<int64_t> publishes;    ///< numbers that published this slot, ascending
  std::optional<Time> published_at;  ///< of the last of them
  RunId published_by;                ///< of the last of them; empty: none
  int64_t published_gaps = 0;        ///< units missing from the last of them
  std::optional<Time> newest_slot;   ///< start of the newest slot the dataset has; null: none

  bool published() const { return !publishes.empty(); }
  /// A publish of `slot` now would be late: the dataset has a newer one.
  bool older_than_newest(Time slot_start) const {
    return newest_slot.has_value() && slot_start < *newest_slot;
  }
};

/// The outcome of one check of the contract.
struct ContractVerdict {
  std::string table;
  std::string check;
  bool passed = true;
  int64_t offending = 0;
  std::string explanation;  ///< one line
};

struct PublishRequest {
  const RunSpec* spec = nullptr;
  SlotStanding standing;
  std::shared_ptr<const Head> head;   ///< what the tasks saw
  Artifacts outputs;                  ///< all tasks' tables, by `task` and `task.table`
  std::vector<SourceReport> reports;  ///< by task's name
  std::vector<Gap> gaps;              ///< of all reports, and the run's own (`late`)
  RunRecord record;                   ///< as it stands: running, with tasks and memory
};

struct PublishResult {
  /// Null: nothing was published, because `held`, or because there is nothing to publish yet.
  std::optional<int64_t> number;
  bool held = false;    ///< the contract held it back: exit 4
  std::string message;  ///< one line for people: why held, why nothing yet; else empty
  std::vector<ContractVerdict> verdicts;
  std::map<std::string, int64_t> rows;  ///< by published table
  std::vector<Gap> gaps;                ///< found while publishing, beyond the request's
  std::vector<std::string> notes;       ///< one line each
};

/// What stands after exports and deliveries were tried.
struct FinishResult {
  int64_t exports_written = 0;
  int64_t exports_owed = 0;  ///< could not be written: exit 75
  int64_t exports_held = 0;  ///< would make a foreign file smaller: exit 4
  int64_t delivered = 0;
  int64_t waiting = 0;  ///< outbox items a sink would not take yet: no failure
  int64_t parked = 0;
  std::vector<std::string> notes;  ///< one line each: what is owed and why
};

/// What a run needs of the lake; `app` builds it. Calls come from one thread at a time.
class Publisher {
 public:
  virtual ~Publisher() = default;

  /// kUnavailable: cannot be read; never "absent" then.
  virtual Result<SlotStanding> Standing(const RunSpec& spec, const OpContext& context) = 0;
  /// The head that the run's tasks see: for a revision of the newest slot the publish before that
  /// slot's first, else the newest. kExhausted: the store's quota is used up, nothing may be
  /// collected. kInvalid: an export would go to a foreign file.
  virtual Result<std::shared_ptr<const Head>> LoadHead(const RunSpec& spec,
                                                       const SlotStanding& standing,
                                                       const OpContext& context) = 0;
  /// Check the contract, stage and publish. kExists: another run published first; load the head
  /// again and derive again.
  virtual Result<PublishResult> Publish(const PublishRequest& request,
                                        const OpContext& context) = 0;
  /// Write missing exports and deliver outbox items of everything published. A sink that is down is
  /// no error.
  virtual Result<FinishResult> Finish(const RunSpec& spec, const OpContext& context) = 0;
  /// Keep the record in the lake's `runs/`.
  virtual Status Record(const RunSpec& spec, const RunRecord& record, const OpContext& context) = 0;
};

}  // namespace catchment::core
