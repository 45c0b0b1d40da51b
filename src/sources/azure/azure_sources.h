#pragma once

#include <vector>

#include "sources/source.h"

namespace catchment::sources::azure {

/// `azure.retail_prices` and `azure.eviction_rates`.
std::vector<SourceEntry> AzureSources();

}  // namespace catchment::sources::azure
