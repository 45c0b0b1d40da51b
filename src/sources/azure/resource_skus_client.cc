#include "sources/azure/resource_skus_client.h"

#include <iterator>
#include <set>

#include "base/text.h"
#include "net/url.h"

namespace catchment::sources::azure {
namespace {

/// One crawl: the pages so far and where the next one is.
class SkuPager {
 public:
  SkuPager(net::Transport& transport, const ResourceSkusOptions& options, const OpContext& context)
      : transport_(transport),
        options_(options),
        context_(context),
        path_(fmt::format("/subscriptions/{}/providers/Microsoft.Compute/skus",
                          options.subscription)) {}

  ResourceSkusCrawl Run() {
    const Status status = Read();
    if (!status.ok()) {
      crawl_.failure = status.error();
      crawl_.rows.clear();
    }
    return std::move(crawl_);
  }

 private:
  Status Read() {
    std::string target = path_ + "?api-version=2021-07-01";
    while (!target.empty()) {
      if (crawl_.pages == options_.max_pages)
        return Unavailable("resource SKUs: more than {} pages", options_.max_pages);
      asked_.insert(target);
      const auto ask = [&](const OpContext& context) { return AskPage(target, context); };
      ASSIGN_OR_RETURN(ResourceSkusPage page,
                       net::Retry(options_.retry, context_, ask, options_.RealJitter()),
                       "resource SKUs, page {}", crawl_.pages + 1);
      ++crawl_.pages;
      crawl_.other_resources += page.other_resources;
      crawl_.unreadable_values += page.unreadable_values;
      std::move(page.rows.begin(), page.rows.end(), std::back_inserter(crawl_.rows));
      target = page.next_link.empty() ? "" : *Target(page.next_link);
    }
    return {};
  }

  /// Path and query of a link to a further page of this list.
  Result<std::string> Target(const std::string& link) const {
    const Result<net::Url> url = net::ParseUrl(link);
    if (!url.ok() || ToLower(url->path) != ToLower(path_) || !url->query)
      return Unavailable("the link to the next page does not lead to this list");
    std::string target = path_ + "?" + *url->query;
    if (asked_.contains(target)) return Unavailable("the link to the next page was given before");
    return target;
  }

  /// One try. An answer of no use is kUnavailable, so that it is asked again.
  Result<ResourceSkusPage> AskPage(const std::string& target, const OpContext& context) {
    net::Request request;
    request.url = options_.base_url + target;
    request.service = "management";
    request.timeout = std::chrono::seconds(120);
    request.max_bytes = uint64_t{256} << 20;
    ASSIGN_OR_RETURN(const net::Response response,
                     SendCounted(transport_, request, options_, context, crawl_));
    RETURN_IF_ERROR(net::StatusFromResponse(request, response));
    Result<ResourceSkusPage> page = ParseResourceSkusPage(response.body);
    if (!page.ok()) return Unavailable("{}", page.error().message);
    if (!page->next_link.empty()) {
      RETURN_IF_ERROR(Target(page->next_link).status());
    }
    CountPage(response, crawl_);
    return page;
  }

  net::Transport& transport_;
  const ResourceSkusOptions& options_;
  const OpContext& context_;
  const std::string path_;
  ResourceSkusCrawl crawl_;
  std::set<std::string> asked_;
};

}  // namespace

ResourceSkusCrawl CrawlResourceSkus(net::Transport& transport, const ResourceSkusOptions& options,
                                    const OpContext& context) {
  return SkuPager(transport, options, context).Run();
}

}  // namespace catchment::sources::azure
