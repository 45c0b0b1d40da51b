#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lake/manifest.h"
#include "lake/store.h"

namespace catchment::lake {

/// `<dataset>/outbox/settled.json`: up to which publish everything is exported and delivered. It
/// only saves work: an absent or damaged one means that all publishes are looked at.
struct Settled {
  int64_t through = 0;
  std::set<int64_t> except;  ///< publishes at or below it that have parked items
};
Result<Settled> ReadSettled(const ReadStore& store, std::string_view dataset);
Status WriteSettled(WriteStore& store, std::string_view dataset, const Settled& settled);

/// The publishes not known to be settled, ascending.
Result<std::vector<Manifest>> UnsettledManifests(const ReadStore& store, std::string_view dataset);

/// `<dataset>/outbox/00000000000000000042/`
std::string OutboxFolder(std::string_view dataset, int64_t publish);

/// Of slotless exports only the newest publish's is owed; older ones of the same place are not.
bool Superseded(const std::vector<Manifest>& manifests, size_t at, const ExportRecord& record);

/// Whether an export is marked done.
Result<bool> IsExported(const ReadStore& store, std::string_view dataset, int64_t publish,
                        std::string_view export_id);

}  // namespace catchment::lake
