#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/op_context.h"
#include "base/result.h"
#include "base/time.h"
#include "net/retry.h"
#include "net/transport.h"
#include "sources/azure/retail_parse.h"

namespace catchment::sources::azure {

/// Which part of the price list is read.
enum class RetailList { kAll, kSpot };
/// `all`, `spot`: as the state names a crawl.
std::string_view RetailListName(RetailList list);

struct RetailCrawlOptions {
  std::string base_url = "https://prices.azure.com";
  RetailList list = RetailList::kAll;
  int in_flight = 8;
  net::RetryPolicy retry = {.tries = 5};
  net::Jitter jitter = {};        ///< empty: random
  int boundary_tries = 3;         ///< how often both pages of an unequal boundary are asked again
  int64_t max_items = 5'000'000;  ///< a list longer than this is taken for a loop of the service
};

/// What a crawl of the price list gave. Only a complete one may be used.
struct RetailCrawl {
  std::vector<RetailPage> pages;  ///< in order, each without the item that overlaps the page before
  std::optional<Error> failure;   ///< null: complete, no hole
  bool overlap_checked =
      true;  ///< false: the service rounds offsets, boundaries could not be compared
  int64_t items = 0;
  int64_t repeats = 0;                 ///< whole items that stand in the list more than once
  int64_t moved = 0;                   ///< boundaries that were unequal when first read
  int64_t asked_pages = 0;             ///< requests, without tries after a failure
  int64_t calls = 0;                   ///< tries
  int64_t bytes = 0;                   ///< of the bodies received
  std::optional<Time> oldest, newest;  ///< when the pages used were received

  bool complete() const { return !failure.has_value(); }
};

/// The request for the page at `skip`.
net::Request RetailRequest(const RetailCrawlOptions& options, int64_t skip);

/// Read the whole price list, pages overlapping by one item, and prove that there is no hole:
/// offsets are contiguous and each boundary is the same whole item on both pages. Never an error:
/// what went wrong is `failure` (kInvalid: the service refuses the filter; kDenied; kUnavailable:
/// pages missing or the list does not stand still; kDeadline, kCancelled). Blocks. Source:
/// docs/pipelines/azure-spot.md, paging.
RetailCrawl CrawlRetail(net::Transport& transport, const RetailCrawlOptions& options,
                        const OpContext& context);

}  // namespace catchment::sources::azure
