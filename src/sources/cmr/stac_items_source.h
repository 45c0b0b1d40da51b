#pragma once

#include "sources/source.h"

namespace catchment::sources::cmr {

/// `stac.items`: the STAC items of the granules that a task `cmr.granule_days` listed, as bodies in
/// the vault.
///
/// Tables: its own, `links` of the specification (one row a granule: where its body is, or why
/// not), as a Parquet file in the order of `granules`; `days`, as the need gives it; `missing`;
/// `quarantine`. Bodies are no column: net::PackReader reads them by `pack`, `pack_offset`,
/// `pack_length`, `body_sha256`, best in that order.
///
/// A body at hand, of the head's `links` or of a run of the slot that died, is not asked for again
/// while CMR's `updated` is not later. A newer revision that cannot be had leaves the older body,
/// state `stale`.
SourceEntry StacItems();

}  // namespace catchment::sources::cmr
