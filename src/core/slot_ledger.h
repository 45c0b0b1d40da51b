#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "core/lease.h"
#include "core/pipeline.h"
#include "core/slot.h"

namespace catchment::core {

/// What became of a slot, as far as this machine knows; whether it is published is the lake's word.
enum class SlotState { kRunning, kPublished, kFailed, kSkipped, kHeld, kDeferred, kLost };
std::string_view SlotStateName(SlotState state);
std::optional<SlotState> SlotStateFromName(std::string_view name);

struct SlotRow {
  PipelineName pipeline;
  DatasetName dataset;
  SlotId slot;
  Time start;
  SlotState state = SlotState::kRunning;
  RunId run;                         ///< the last that touched it
  std::optional<int64_t> published;  ///< newest publish number
  std::string note;
};

struct SlotClaim {
  PipelineName pipeline;
  DatasetName dataset;
  Slot slot;
  LeaseHolder holder;  ///< `run` is the run's id
  std::chrono::milliseconds ttl{60'000};
  Overlap overlap = Overlap::kSkip;
};

struct ClaimResult {
  /// Null: not claimed, because another slot of the dataset is running and `overlap` is not allow.
  std::optional<Lease> lease;
  std::optional<StoredLease> other;  ///< of that other slot
  /// The dead holder whose lease this claim took over.
  std::optional<StoredLease> taken_over;
};

/// The durable list of each dataset's slots and what became of each, with the leases that keep two
/// runs off one slot. Each call is durable on return. Thread-safe. Implementations pass
/// core/slot_ledger_contract.h.
class SlotLedger {
 public:
  virtual ~SlotLedger() = default;

  /// Take the slot's lease; the slot is `running` then. kLocked: another run holds this slot; the
  /// message names it. A dead holder's lease is taken over.
  virtual Result<ClaimResult> Claim(const SlotClaim& claim) = 0;
  /// kNotFound: the lease was taken over.
  virtual Status Renew(const Lease& lease) = 0;
  /// Write what became of the slot and give the lease back, in one step. kNotFound: the lease was
  /// taken over; nothing is written.
  virtual Status Release(const Lease& lease, const SlotRow& outcome) = 0;
  /// Write what became of a slot without holding it (`skipped`, `lost`, published elsewhere). A
  /// published slot stays so, unless the row is `published` itself; a running one only becomes
  /// `lost`.
  virtual Status Mark(const SlotRow& row) = 0;

  /// kNotFound: nothing is known of the slot.
  virtual Result<SlotRow> Find(const DatasetName& dataset, const SlotId& slot) const = 0;
  /// Rows whose slot starts in [from, to), oldest first.
  virtual Result<std::vector<SlotRow>> List(const DatasetName& dataset, Time from,
                                            Time to) const = 0;
};

/// The name of a slot's lease: `slot:DATASET:SLOT`.
std::string SlotLeaseName(const DatasetName& dataset, const SlotId& slot);

/// Slots of [from, to) that have fallen due at `now` and are neither published nor lost, oldest
/// first: what `gaps` shows and `backfill` fills. `rows` as List gives them.
Result<std::vector<Slot>> MissingSlots(const Pipeline& pipeline, const std::vector<SlotRow>& rows,
                                       Time from, Time to, Time now, const std::string& each = "");

}  // namespace catchment::core
