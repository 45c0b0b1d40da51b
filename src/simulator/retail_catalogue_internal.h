#pragma once

#include <filesystem>
#include <utility>
#include <vector>

#include "base/result.h"
#include "simulator/records_internal.h"
#include "simulator/world.h"

namespace catchment::simulator {

/// Read recorded pages (*.json, in the order of their names) and join their items. `page_size`
/// becomes the first page's number of items. kNotFound: no folder or no page in it. kCorrupt: a
/// page without `Items`.
Result<RecordList> ReadRecordedPages(const std::filesystem::path& folder, int64_t& page_size);

/// Read items, one a line.
Result<RecordList> ReadItems(const std::filesystem::path& file);

/// Make up a catalogue of exactly `pages` × `page_size` machine Consumption items (fewer, if the
/// pairs are too few to fill them), and 2% more of other types, which no crawl sees. For every pair
/// a current Linux spot price; for most a Linux on-demand price, which in one of ten cases has no
/// primary meter; as far as there is room Windows prices, low priority, expired and Cloud Services
/// meters of the same SKU, placeholders at 0 and 0.01 that ended before they began, periods to come
/// and periods gone by. Meters are in the order of their ids, as the service's mostly are. Regions
/// are real names, SKUs follow the real naming but are made up.
RecordList GeneratePrices(const GeneratedPrices& wanted, int64_t page_size, uint64_t seed);

}  // namespace catchment::simulator
