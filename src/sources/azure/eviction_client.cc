#include "sources/azure/eviction_client.h"

#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"
#include "net/rate_limiter.h"

namespace catchment::sources::azure {
namespace {

constexpr std::string_view kQuery =
    "spotresources\n"
    "| where type =~ 'microsoft.compute/skuspotevictionrate/location'\n"
    "| extend sku_name = tostring(sku.name), old_name = tostring(properties.skuName)\n"
    "| project location, skuName = iff(isempty(sku_name), old_name, sku_name), "
    "evictionRate = tostring(properties.evictionRate)\n"
    "| where isnotempty(location) and isnotempty(skuName) and isnotempty(evictionRate)\n"
    "| order by location asc, skuName asc";

constexpr int kRowsPerPage = 1000;

net::Request PageRequest(const EvictionOptions& options, const std::string& skip_token) {
  nlohmann::ordered_json body = {
      {"query", kQuery}, {"options", {{"resultFormat", "objectArray"}, {"$top", kRowsPerPage}}}};
  if (!skip_token.empty()) body["options"]["$skipToken"] = skip_token;
  net::Request request;
  request.method = "POST";
  request.url =
      options.base_url + "/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01";
  request.headers.Add("Content-Type", "application/json");
  request.body = body.dump();
  request.service = "management";
  request.timeout = std::chrono::seconds(60);
  return request;
}

/// One crawl: the pages so far and the pace the service asks for.
class EvictionPager {
 public:
  EvictionPager(net::Transport& transport, const EvictionOptions& options, const OpContext& context)
      : transport_(transport), options_(options), context_(context) {}

  EvictionCrawl Run() {
    const Status status = Read();
    if (!status.ok()) {
      crawl_.failure = status.error();
      crawl_.rows.clear();
    }
    return std::move(crawl_);
  }

 private:
  Status Read() {
    std::string skip_token;
    int64_t total = 0;
    do {
      const auto ask = [&](const OpContext& context) { return AskPage(skip_token, context); };
      ASSIGN_OR_RETURN(EvictionPage page,
                       net::Retry(options_.retry, context_, ask, options_.RealJitter()),
                       "eviction rates, page {}", crawl_.pages + 1);
      ++crawl_.pages;
      total = page.total;
      std::move(page.rows.begin(), page.rows.end(), std::back_inserter(crawl_.rows));
      skip_token = std::move(page.skip_token);
      tokens_seen_.insert(skip_token);
      if (static_cast<int64_t>(crawl_.rows.size()) > options_.max_rows) {
        return Unavailable("eviction rates: more than {} rows", FormatCount(options_.max_rows));
      }
    } while (!skip_token.empty());
    if (static_cast<int64_t>(crawl_.rows.size()) == total) return {};
    return Unavailable("eviction rates: {} rows received, but the service counts {}",
                       FormatCount(crawl_.rows.size()), FormatCount(total));
  }

  /// One try. An answer of no use is kUnavailable, so that it is asked again.
  Result<EvictionPage> AskPage(const std::string& skip_token, const OpContext& context) {
    const net::Request request = PageRequest(options_, skip_token);
    RETURN_IF_ERROR(pace_.Wait(context));
    ASSIGN_OR_RETURN(const net::Response response,
                     SendCounted(transport_, request, options_, context, crawl_));
    if (const auto pause = net::PauseAskedFor(response))
      pace_.PauseUntil(context.clock->Now() + *pause);
    RETURN_IF_ERROR(net::StatusFromResponse(request, response));
    Result<EvictionPage> page = ParseEvictionPage(response.body);
    if (!page.ok()) return Unavailable("{}", page.error().message);
    if (page->truncated && page->skip_token.empty())
      return Unavailable("truncated without a token for the rest");
    if (page->rows.empty() && !page->skip_token.empty())
      return Unavailable("an empty page with a token for the next");
    if (!page->skip_token.empty() &&
        (page->skip_token == skip_token || tokens_seen_.contains(page->skip_token))) {
      return Unavailable("the token for the next page was given before");
    }
    CountPage(response, crawl_);
    return page;
  }

  net::Transport& transport_;
  const EvictionOptions& options_;
  const OpContext& context_;
  net::RateLimiter pace_{0};
  EvictionCrawl crawl_;
  std::set<std::string> tokens_seen_;
};

}  // namespace

EvictionCrawl CrawlEvictionRates(net::Transport& transport, const EvictionOptions& options,
                                 const OpContext& context) {
  return EvictionPager(transport, options, context).Run();
}

}  // namespace catchment::sources::azure
