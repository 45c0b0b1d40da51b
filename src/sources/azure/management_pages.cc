#include "sources/azure/management_pages.h"

#include <algorithm>

namespace catchment::sources::azure {

Result<net::Response> SendCounted(net::Transport& transport, net::Request request,
                                  const ManagementOptions& options, const OpContext& context,
                                  ManagementCrawl& crawl) {
  net::Secret token;
  if (options.tokens != nullptr) {
    ASSIGN_OR_RETURN(token, options.tokens->Token(context));
    request.headers.Add("Authorization", "Bearer " + token.Reveal());
  }
  ++crawl.calls;
  Result<net::Response> response = transport.Send(request, context);
  if (!response.ok()) {
    Error error = response.error();
    if (error.code == Code::kCorrupt) error.code = Code::kUnavailable;
    return error;
  }
  crawl.bytes += static_cast<int64_t>(response->body.size());
  if (response->status == 401 && options.tokens != nullptr) options.tokens->Drop(token);
  return response;
}

void CountPage(const net::Response& response, ManagementCrawl& crawl) {
  crawl.oldest = std::min(crawl.oldest.value_or(response.received), response.received);
  crawl.newest = std::max(crawl.newest.value_or(response.received), response.received);
}

}  // namespace catchment::sources::azure
