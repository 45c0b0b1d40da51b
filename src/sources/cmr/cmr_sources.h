#pragma once

#include <vector>

#include "sources/source.h"

namespace catchment::sources::cmr {

/// `cmr.granule_days`, `stac.items`.
std::vector<SourceEntry> CmrSources();

}  // namespace catchment::sources::cmr
