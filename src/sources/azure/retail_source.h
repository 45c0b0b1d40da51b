#pragma once

#include "sources/source.h"

namespace catchment::sources::azure {

/// `azure.retail_prices`: the spot and on-demand price of every VM size in every region.
///
/// The table, one row per (region, SKU) with any price, sorted by instance_tier, instance_type,
/// region_code:
///   instance_tier, instance_type, sku, region_code   text, not null
///   region_name                                      text?    null where the price list has none
///   spot_price, ondemand_price                       float64? Linux, USD per hour; null: none in
///   force windows_spot_price, windows_ondemand_price       float64? null unless
///   `operating_systems` lists windows price_at, ondemand_at                            ts? when
///   the lists were received; null: not available
/// Units of the state: `price` (spot) and `ondemand`. Spot prices are read with the list `all` when
/// the on-demand copy is due, else with the list `spot`; see docs/pipelines/azure-spot.md.
SourceEntry RetailPrices();

}  // namespace catchment::sources::azure
