#include "sources/azure/azure_sources.h"

#include "sources/azure/eviction_source.h"
#include "sources/azure/placement_source.h"
#include "sources/azure/resource_skus_source.h"
#include "sources/azure/retail_source.h"

namespace catchment::sources::azure {

std::vector<SourceEntry> AzureSources() {
  return {RetailPrices(), EvictionRatesSource(), ResourceSkusSource(), PlacementScores()};
}

}  // namespace catchment::sources::azure
