#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/time.h"
#include "columnar/table.h"
#include "core/task.h"
#include "lake/history.h"
#include "lake/store.h"
#include "lake/table_read.h"

namespace catchment::app {

/// Of a table whose partition names are parts of the slot, the partition of a slot; names that are
/// not are left out.
lake::PartitionFilter SlotFilter(const lake::TableView& table, Time slot_time);

/// A dataset as one run sees it (lake::ViewForRun), with its tables read at most once each.
/// Thread-safe. `store` outlives it.
class LakeHead final : public core::Head {
 public:
  LakeHead(const lake::ReadStore& store, lake::ViewForRun views)
      : store_(store), views_(std::move(views)) {}

  int64_t number() const override { return views_.head.number; }
  const lake::ViewForRun& views() const { return views_; }

  /// A published table as derive tasks see it: `partition` tables of the newest publish, the others
  /// of the publish that this run's slot follows. Null: not published yet.
  Result<std::optional<columnar::Table>> Table(const std::string& name) const;
  /// Of a `partition` table of the newest publish, the rows that belong to the slot of `slot_time`;
  /// read anew by each call, since they may be many. Null: no such table, or nothing of the slot.
  Result<std::optional<columnar::Table>> Partition(const std::string& name, Time slot_time) const;
  /// Read tables on a thread of their own, for tasks that will ask for them. What fails is read,
  /// and said, again by Table. Once.
  void ReadAhead(std::vector<std::string> names);
  /// Whether Table(name) would give one.
  bool Has(const std::string& name) const;
  /// The state that this run's follows.
  const nlohmann::json& state() const { return views_.base.state; }

 private:
  const lake::View& ViewOf(const std::string& name) const;

  // Constant after construction.
  const lake::ReadStore& store_;
  const lake::ViewForRun views_;
  // Guarded by mutex_.
  mutable Mutex mutex_;
  mutable std::map<std::string, columnar::Table> read_ GUARDED_BY(mutex_);
  // Joined first: it uses all of the above.
  std::jthread ahead_;
};

/// The head of a run; every head of a run is one.
inline const LakeHead& HeadOf(const core::Head& head) { return static_cast<const LakeHead&>(head); }

}  // namespace catchment::app
