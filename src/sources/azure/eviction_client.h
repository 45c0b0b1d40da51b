#pragma once

#include <cstdint>
#include <vector>

#include "sources/azure/eviction_parse.h"
#include "sources/azure/management_pages.h"

namespace catchment::sources::azure {

struct EvictionOptions : ManagementOptions {
  EvictionOptions() { retry.tries = 5; }
  int64_t max_rows = 2'000'000;
};

/// What the query gave.
struct EvictionCrawl : ManagementCrawl {
  std::vector<EvictionRow> rows;
};

/// Read the eviction rates of all SKUs in all regions, page after page. Complete when there are as
/// many rows as the service counts. Waits where the service's quota headers ask for it. Never an
/// error: what went wrong is `failure` (kDenied: the identity is refused; kUnavailable after the
/// tries, or rows are missing; kDeadline, kCancelled). Blocks. Source:
/// docs/pipelines/azure-spot.md, eviction rates.
EvictionCrawl CrawlEvictionRates(net::Transport& transport, const EvictionOptions& options,
                                 const OpContext& context);

}  // namespace catchment::sources::azure
