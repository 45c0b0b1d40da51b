#pragma once

#include <vector>

#include "sources/source.h"

namespace catchment::sources::generic {

/// The sources of a user's own pipeline: `file` and `http`.
std::vector<SourceEntry> GenericSources();

}  // namespace catchment::sources::generic
