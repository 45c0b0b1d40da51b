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
#include "sources/azure/eviction_parse.h"

namespace catchment::sources::azure {

struct EvictionOptions {
  std::string base_url = "https://management.azure.com";
  net::TokenSource* tokens = nullptr;  ///< null: no Authorization (replay)
  net::RetryPolicy retry = {.tries = 5};
  net::Jitter jitter = {};  ///< empty: random
  int64_t max_rows = 2'000'000;
};

/// What the query gave. Only a complete answer may be used.
struct EvictionCrawl {
  std::vector<EvictionRow> rows;
  std::optional<Error> failure;  ///< null: complete
  int64_t pages = 0;
  int64_t calls = 0;
  int64_t bytes = 0;
  std::optional<Time> oldest, newest;  ///< when the pages were received

  bool complete() const { return !failure.has_value(); }
};

/// Read the eviction rates of all SKUs in all regions, page after page. Complete when there are as
/// many rows as the service counts. Waits where the service's quota headers ask for it. Never an
/// error: what went wrong is `failure` (kDenied: the identity is refused; kUnavailable after the
/// tries, or rows are missing; kDeadline, kCancelled). Blocks. Source:
/// docs/pipelines/azure-spot.md, eviction rates.
EvictionCrawl CrawlEvictionRates(net::Transport& transport, const EvictionOptions& options,
                                 const OpContext& context);

}  // namespace catchment::sources::azure
