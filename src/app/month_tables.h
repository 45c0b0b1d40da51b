#pragma once

#include <filesystem>

#include "app/month_items.h"
#include "base/result.h"
#include "columnar/table.h"

namespace catchment::app {

/// What a month's task says of the items besides their rows: docs/pipelines/hls-stac.md, Holes.
struct MonthTables {
  columnar::Table links, missing, quarantine;
};

/// The tables that came from a task of stac.items; null: that one is not there.
struct MonthTablesBefore {
  const columnar::Table* links = nullptr;  ///< never null
  const columnar::Table* missing = nullptr;
  const columnar::Table* quarantine = nullptr;
};

/// The tables with the verdict: in `links` a refused item is `quarantined`, and where an earlier
/// body is kept it stands as `stale`; such an item is in `missing` as `stale_revision`;
/// `quarantine` has every refused body. `file`: where the links are written if they change.
Result<MonthTables> FinishMonthTables(const MonthTablesBefore& before, const MonthItems& items,
                                      const MonthVerdict& verdict,
                                      const std::filesystem::path& file);

}  // namespace catchment::app
