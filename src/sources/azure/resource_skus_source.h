#pragma once

#include "sources/source.h"

namespace catchment::sources::azure {

/// The source `azure.resource_skus`: family, size and zones of every VM size in every region, as
/// offered to the identity's first subscription.
///
/// Table: region_code text nn (lower case), sku text nn, instance_family text, vcpus int32,
/// memory_gib float64, offered_zones text nn (`1,2,3`; empty: no zones); one row a pair, sorted by
/// lower-case SKU and region. Without any usable answer the table is empty, and what is joined with
/// it becomes unknown. Unit of the state: `resource_skus`.
SourceEntry ResourceSkusSource();

}  // namespace catchment::sources::azure
