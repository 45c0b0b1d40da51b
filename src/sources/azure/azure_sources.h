#pragma once

#include <vector>

#include "sources/source.h"

namespace catchment::sources::azure {

/// All sources whose kind begins with `azure.`.
std::vector<SourceEntry> AzureSources();

}  // namespace catchment::sources::azure
