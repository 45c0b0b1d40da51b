#pragma once

#include <cstdint>
#include <optional>

#include "base/op_context.h"
#include "base/result.h"
#include "base/time.h"
#include "net/retry.h"
#include "net/token_source.h"
#include "net/transport.h"

namespace catchment::sources::azure {

/// What pages of the resource manager (management.azure.com) cost, and whether all came. Only a
/// complete crawl may be used.
struct ManagementCrawl {
  std::optional<Error> failure;  ///< null: complete
  int64_t pages = 0;
  int64_t calls = 0;
  int64_t bytes = 0;
  std::optional<Time> oldest, newest;  ///< when the pages were received

  bool complete() const { return !failure.has_value(); }
};

/// How they are asked for.
struct ManagementOptions {
  std::string base_url = "https://management.azure.com";
  net::TokenSource* tokens = nullptr;  ///< null: no Authorization (replay)
  net::RetryPolicy retry = {.tries = 3};
  net::Jitter jitter = {};  ///< empty: random

  net::Jitter RealJitter() const { return jitter ? jitter : net::RandomJitter(); }
};

/// Send one try with a token, and count it in `crawl`. A token that is refused is dropped. An
/// answer of any status is a Response. kUnavailable: also what was cut short, so that it is asked
/// again.
Result<net::Response> SendCounted(net::Transport& transport, net::Request request,
                                  const ManagementOptions& options, const OpContext& context,
                                  ManagementCrawl& crawl);

/// Note that `response` is a page that will be used.
void CountPage(const net::Response& response, ManagementCrawl& crawl);

}  // namespace catchment::sources::azure
