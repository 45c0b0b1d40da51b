#include "sources/generic/generic_sources.h"

#include "sources/generic/file_source.h"
#include "sources/generic/http_source.h"

namespace catchment::sources::generic {

std::vector<SourceEntry> GenericSources() { return {FileSource(), HttpSource()}; }

}  // namespace catchment::sources::generic
