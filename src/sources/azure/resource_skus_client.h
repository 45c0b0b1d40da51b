#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sources/azure/management_pages.h"
#include "sources/azure/resource_skus_parse.h"

namespace catchment::sources::azure {

struct ResourceSkusOptions : ManagementOptions {
  std::string subscription;  ///< its digest; see subscription_transport.h
  int64_t max_pages = 1'000;
};

/// What the list gave.
struct ResourceSkusCrawl : ManagementCrawl {
  std::vector<ResourceSku> rows;
  int64_t other_resources = 0;
  int64_t unreadable_values = 0;
};

/// Read the list of resource SKUs, page after page. Of the link to the next page only path and
/// query are used, and only if they lead to the same list: the token goes to no other place. Never
/// an error: what went wrong is `failure`. Blocks. Source: docs/pipelines/azure-spot.md, resource
/// SKUs.
ResourceSkusCrawl CrawlResourceSkus(net::Transport& transport, const ResourceSkusOptions& options,
                                    const OpContext& context);

}  // namespace catchment::sources::azure
