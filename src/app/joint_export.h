#pragma once

#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>

#include "app/lake_publisher.h"
#include "lake/exports.h"

namespace catchment::app {

/// What became of an export.
struct WrittenExport {
  enum class Kind {
    kDone,   ///< as `outcome` says
    kWaits,  ///< for another dataset, or for another export of its publish
    kHeld,   ///< it would make a foreign file smaller
  };
  Kind kind = Kind::kDone;
  lake::ExportOutcome outcome = lake::ExportOutcome::kWritten;
  std::string why;  ///< kWaits, kHeld: one line
};

/// One file with the slot's rows of several datasets, as their heads have them (docs/adr/0156).
struct JointExport {
  lake::ExportRecord record;  ///< with `datasets`
  SlotId slot;
  Time slot_time{};
  /// Of the run that owes it: `compression` and `rowGroupRows` are looked at.
  nlohmann::json parameters = nlohmann::json::object();
  bool takeover = false;      ///< replace a file of other datasets
  bool allow_shrink = false;  ///< replace a foreign file with more rows
  bool again = false;         ///< write it even if it stands there already
};

/// Write it. Months of items are merged in their order, row group by row group; other tables are
/// put one after the other, in memory. Who owes what is the caller's to keep. kExists: the path
/// belongs to another dataset. kUnavailable: another process is writing it.
Result<WrittenExport> WriteJointExport(const JointExport& file, const std::string& run,
                                       const PublisherServices& services,
                                       const std::stop_token& stop);

}  // namespace catchment::app
