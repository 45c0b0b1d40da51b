#pragma once

#include "sources/source.h"

namespace catchment::sources::azure {

/// `azure.eviction_rates`: how often spot machines of each VM size are taken away in each region.
///
/// The table, one row per (region, SKU), sorted by region_code, sku:
///   region_code, sku      text, not null   in lower case
///   interruption_band     text, not null   the service's text
///   interruption_score    float64?         null: a band that is not known
///   interruption_at       ts, not null     when it was received
/// Without rows if the service is unavailable. Unit of the state: `interruption`.
SourceEntry EvictionRatesSource();

}  // namespace catchment::sources::azure
