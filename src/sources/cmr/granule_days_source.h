#pragma once

#include "sources/source.h"

namespace catchment::sources::cmr {

/// `cmr.granule_days`: the granules of a month of one collection, a query for each of its days.
///
/// Tables: its own, `days` (day_list.h: DaysSchema), one row for each day of the month from the
/// collection's first on; `granules` (GranulesSchema), as Parquet files of a day each, sorted by id
/// within it. What the head's `days` and `links` say of settled days is used while the hits agree.
/// A day that cannot be listed keeps the head's granules, if it has any, and is a gap.
SourceEntry GranuleDays();

}  // namespace catchment::sources::cmr
