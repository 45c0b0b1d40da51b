#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/op_context.h"
#include "base/result.h"
#include "base/time.h"
#include "net/retry.h"
#include "net/token_source.h"
#include "net/transport.h"
#include "sources/azure/resource_skus_parse.h"

namespace catchment::sources::azure {

struct ResourceSkusOptions {
  std::string base_url = "https://management.azure.com";
  std::string subscription;            ///< its digest; see subscription_transport.h
  net::TokenSource* tokens = nullptr;  ///< null: no Authorization (replay)
  net::RetryPolicy retry = {.tries = 3};
  net::Jitter jitter = {};  ///< empty: random
  int64_t max_pages = 1'000;
};

/// What the list gave. Only a complete one may be used.
struct ResourceSkusCrawl {
  std::vector<ResourceSku> rows;
  std::optional<Error> failure;  ///< null: complete
  int64_t pages = 0;
  int64_t calls = 0;
  int64_t bytes = 0;
  int64_t other_resources = 0;
  int64_t unreadable_values = 0;
  std::optional<Time> oldest, newest;  ///< when the pages were received

  bool complete() const { return !failure.has_value(); }
};

/// Read the list of resource SKUs, page after page. Of the link to the next page only path and
/// query are used, and only if they lead to the same list: the token goes to no other place. Never
/// an error: what went wrong is `failure`. Blocks. Source: docs/pipelines/azure-spot.md, resource
/// SKUs.
ResourceSkusCrawl CrawlResourceSkus(net::Transport& transport, const ResourceSkusOptions& options,
                                    const OpContext& context);

}  // namespace catchment::sources::azure
