#include "sources/cmr/cmr_sources.h"

#include "sources/cmr/granule_days_source.h"
#include "sources/cmr/stac_items_source.h"

namespace catchment::sources::cmr {

std::vector<SourceEntry> CmrSources() { return {GranuleDays(), StacItems()}; }

}  // namespace catchment::sources::cmr
