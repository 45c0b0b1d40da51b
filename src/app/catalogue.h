#pragma once

#include <string>
#include <vector>

#include "core/catalogue.h"
#include "sources/source.h"

namespace catchment::app {

/// Every source of this build.
const std::vector<sources::SourceEntry>& AllSources();
/// The source of that kind; null if there is none.
const sources::SourceEntry* FindSource(const std::string& kind);

/// What pipeline files may name: the components of this build as plain data.
core::Catalogue MakeCatalogue();

}  // namespace catchment::app
