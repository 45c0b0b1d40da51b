#pragma once

#include "sources/source.h"

namespace catchment::sources::generic {

/// `file`: rows of files on this machine: CSV, a JSON array, NDJSON or Parquet, perhaps packed
/// (.gz, .zst).
///
/// All files that match `path` (wildcards `*` and `?`, relative to the base folder) are read in
/// order of their names and put under each other; each is one unit `file` of the coverage. No file
/// is `unavailable` (not_found), naming the pattern; a row that does not fit is `unavailable`
/// (invalid or corrupt), naming file, line, column and what was expected. Files are recorded, so
/// that a replay does not need them. An empty `path` with declared `columns` (a parameter that was
/// not given) is a table without rows.
SourceEntry FileSource();

}  // namespace catchment::sources::generic
