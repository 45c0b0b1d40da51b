#include "sources/azure/retail_client.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "net/parallel.h"
#include "net/url.h"

namespace catchment::sources::azure {
namespace {

/// A page where it stands in the list.
struct PlacedPage {
  int64_t offset = 0;
  RetailPage page;
  Time received{};
  bool rechecked = false;  // asked again because of an item that stands on another page too

  int64_t size() const { return static_cast<int64_t>(page.items.size()); }
  int64_t end() const { return offset + size(); }
};

/// What came of asking for a page.
struct Fetched {
  enum class Kind { kPage, kPastEnd, kFailed } kind = Kind::kFailed;
  PlacedPage placed;
  std::optional<Error> error;
};

/// Whether the service says that the offset lies past the end: an empty page, or HTTP 400.
constexpr int kPastEndStatus = 400;

/// Pages made ready beyond those in flight, which go out while answers are received and read. One
/// at a time guesses nothing.
constexpr int kReadyPages = 2;

int PagesAhead(int in_flight) { return in_flight + std::min(kReadyPages, in_flight - 1); }

/// One crawl. The chain holds pages that follow each other by their offsets; Extension makes it
/// longer up to the end of the list, AskAgain() replaces pages whose boundaries or repeats say that
/// the list moved while it was read. The crawl is complete when the chain reaches the end and
/// nothing is left to ask again.
class RetailPager {
 public:
  RetailPager(net::Transport& transport, const RetailCrawlOptions& options,
              const OpContext& context)
      : transport_(transport), options_(options), context_(context) {}

  RetailCrawl Run() {
    const Status status = Read();
    if (!status.ok()) crawl_.failure = status.error();
    crawl_.overlap_checked = overlap_;
    if (!status.ok()) return std::move(crawl_);
    for (size_t number = chain_.size(); number-- > 0;) {
      if (OverlapsBefore(number))
        chain_[number].page.items.erase(chain_[number].page.items.begin());
    }
    for (PlacedPage& placed : chain_) {
      if (!crawl_.oldest || placed.received < *crawl_.oldest) crawl_.oldest = placed.received;
      if (!crawl_.newest || placed.received > *crawl_.newest) crawl_.newest = placed.received;
      crawl_.items += static_cast<int64_t>(placed.page.items.size());
      crawl_.pages.push_back(std::move(placed.page));
    }
    return std::move(crawl_);
  }

 private:
  Status Read() {
    ASSIGN_OR_RETURN(PlacedPage first, FetchExisting(0));
    step_ = first.size();
    overlap_ = step_ > 1;
    chain_.push_back(std::move(first));
    if (overlap_) RETURN_IF_ERROR(ProbeOverlap());
    while (true) {
      RETURN_IF_ERROR(CheckPatience());
      if (!AtEnd()) RETURN_IF_ERROR(Extension(*this).Run());
      if (vanished_) {
        RETURN_IF_ERROR(CountBoundary(*std::exchange(vanished_, std::nullopt)));
        RETURN_IF_ERROR(AskAgain({chain_.size() - 1}));
        continue;
      }
      if (const std::set<size_t> moved = UnequalBoundaries(); !moved.empty()) {
        std::set<size_t> pages;
        for (const size_t page : moved) {
          RETURN_IF_ERROR(CountBoundary(chain_[page].offset));
          pages.insert({page - 1, page});
        }
        RETURN_IF_ERROR(AskAgain(pages));
        continue;
      }
      const std::set<size_t> repeated = RepeatedItems();
      if (repeated.empty()) return {};
      for (const size_t page : repeated) chain_[page].rechecked = true;
      RETURN_IF_ERROR(AskAgain(repeated));
    }
  }

  /// Read the second page, which shows whether overlapping offsets are honoured. If the boundary
  /// stays unequal, offsets are rounded by the service: go on without overlap.
  Status ProbeOverlap() {
    for (int tries = 0; tries <= options_.boundary_tries; ++tries) {
      if (tries > 0) {
        ASSIGN_OR_RETURN(PlacedPage again, FetchExisting(0));
        if (again.size() < 2)
          return Unavailable("{}: the price list shrank to {} items", Name(0), again.size());
        chain_[0] = std::move(again);
        step_ = chain_[0].size();
      }
      strict_links_ = false;
      Result<PlacedPage> second = FetchExisting(NextOffset());
      strict_links_ = true;
      RETURN_IF_ERROR(second);
      const bool link_fits = !second->page.next || *second->page.next == second->end();
      if (link_fits && second->size() > 0 && Joins(chain_[0], *second)) {
        chain_.push_back(*std::move(second));
        return {};
      }
      ++crawl_.moved;
    }
    overlap_ = false;
    crawl_.moved = 0;
    return {};
  }

  /// Where the page after the chain's last begins: at its last item, so that the two can be
  /// compared. A page of one item cannot overlap both neighbours; after it the link's offset is
  /// taken.
  int64_t NextOffset() const { return FollowingOffset(chain_.back()); }
  int64_t FollowingOffset(const PlacedPage& page) const {
    const bool overlap = overlap_ && !(page.size() == 1 && page.page.next);
    return page.end() - (overlap ? 1 : 0);
  }
  bool OverlapsBefore(size_t page) const {
    return page > 0 && chain_[page].offset < chain_[page - 1].end();
  }
  /// Whether a page must exist at NextOffset(): the link says so, or an item is known to stand
  /// there.
  bool NextIsPromised() const {
    return chain_.back().page.next.has_value() || NextOffset() < chain_.back().end();
  }
  int64_t Advance(int64_t step) const { return std::max<int64_t>(1, step - (overlap_ ? 1 : 0)); }

  static bool Joins(const PlacedPage& before, const PlacedPage& after) {
    return before.page.items.back().digest == after.page.items.front().digest;
  }

  /// Whether a page that was asked for in case a link was missing is the page before once more: a
  /// service, or a cache before it, that ignores offsets would lead on for ever.
  static bool Repeats(const PlacedPage& before, const PlacedPage& after) {
    const auto same = [](const auto& a, const auto& b) { return a.digest == b.digest; };
    return !before.page.next && before.size() > 1 &&
           std::equal(before.page.items.begin(), before.page.items.end(), after.page.items.begin(),
                      after.page.items.end(), same);
  }

  /// Whether the chain's last page ends the list. A full page without link does not: the link may
  /// be missing by a fault, and the next offset tells.
  bool AtEnd() const {
    const PlacedPage& last = chain_.back();
    if (last.page.next || past_end_ == NextOffset()) return !last.page.next;
    if (overlap_ && chain_.size() > 1 && last.size() == 1)
      return true;  // only the overlapping item was left
    return chain_.size() > 1 && last.size() < step_;
  }

  /// Lengthens the chain to the end of the list, asking for several pages at once where they will
  /// probably begin. Guesses that turn out wrong, and whatever lies beyond the end, are left
  /// unused.
  class Extension {
   public:
    explicit Extension(RetailPager& pager) : pager_(pager) {}

    Status Run() {
      net::ParallelWork work;
      work.next = [this] { return Next(); };
      work.accept = [this](size_t index, const net::Request&, Result<net::Response> answer) {
        return Accept(offsets_[index], std::move(answer));
      };
      work.give_up = [this](size_t index, const net::Request&, const Error& error) {
        return GiveUp(offsets_[index], error);
      };
      RETURN_IF_ERROR(
          net::SendParallel(pager_.transport_, pager_.Parallel(), pager_.context_, work));
      if (failure_) return *failure_;
      if (done_) return {};
      return Internal("{}: the crawl stopped before its end", pager_.Name(pager_.NextOffset()));
    }

   private:
    /// The first page that is not asked for yet, of those that may be in flight or made ready to
    /// follow at once.
    std::optional<net::Request> Next() {
      if (done_ || failure_) return std::nullopt;
      int64_t offset = pager_.NextOffset();
      for (int ahead = 0; ahead < PagesAhead(pager_.options_.in_flight); ++ahead) {
        const auto found = asked_.find(offset);
        if (found == asked_.end()) return Ask(offset, ahead == 0 && pager_.NextIsPromised());
        if (found->second && found->second->kind == Fetched::Kind::kPastEnd) return std::nullopt;
        offset += pager_.Advance(pager_.step_);
      }
      return std::nullopt;
    }

    net::Request Ask(int64_t offset, bool promised) {
      asked_.emplace(offset, std::nullopt);
      if (promised) promised_.insert(offset);
      offsets_.push_back(offset);
      ++pager_.crawl_.asked_pages;
      return RetailRequest(pager_.options_, offset);
    }

    bool IsNeeded(int64_t offset) const {
      return !done_ && !failure_ && offset >= pager_.NextOffset();
    }

    Status Accept(int64_t offset, Result<net::Response> answer) {
      if (!IsNeeded(offset)) return {};
      Fetched fetched = pager_.Judge(offset, std::move(answer));
      const bool missing = fetched.kind == Fetched::Kind::kPastEnd && promised_.contains(offset);
      if (missing) pager_.missing_ = offset;
      if (missing || fetched.kind == Fetched::Kind::kFailed) return *fetched.error;
      asked_[offset] = std::move(fetched);
      Grow();
      return {};
    }

    Status GiveUp(int64_t offset, const Error& error) {
      if (error.code == Code::kDeadline || error.code == Code::kCancelled) return error;
      if (!IsNeeded(offset)) return {};
      if (pager_.missing_ == offset && offset == pager_.NextOffset() &&
          error.code == Code::kUnavailable) {
        // The list may have become shorter: see what the page before says now.
        pager_.vanished_ = offset;
        done_ = true;
        return {};
      }
      asked_[offset] = Fetched{Fetched::Kind::kFailed, {}, error};
      Grow();
      return failure_ ? Status(*failure_) : Status();
    }

    /// Move pages that have come to the chain, as long as they follow it.
    void Grow() {
      while (!done_ && !failure_) {
        const int64_t offset = pager_.NextOffset();
        const auto found = asked_.find(offset);
        if (found == asked_.end() || !found->second) return;
        Fetched fetched = *std::move(found->second);
        if (fetched.kind == Fetched::Kind::kPage) {
          Append(std::move(fetched.placed));
        } else if (fetched.kind == Fetched::Kind::kFailed) {
          failure_ = fetched.error;
        } else if (!pager_.NextIsPromised()) {
          pager_.past_end_ = offset;
          done_ = true;
        } else {
          asked_.erase(found);  // ask again, now knowing that it must exist
          return;
        }
      }
    }

    void Append(PlacedPage placed) {
      // The size of a page that goes on is the service's present page size; the last one's says
      // nothing.
      if (placed.page.next) pager_.step_ = placed.size();
      if (const PlacedPage& before = pager_.chain_.back(); Repeats(before, placed)) {
        failure_ = Unavailable("{}: the same items as at {}: the service ignores $skip",
                               pager_.Name(placed.offset), before.offset);
        return;
      }
      asked_.erase(asked_.begin(), asked_.upper_bound(placed.offset));
      pager_.chain_.push_back(std::move(placed));
      done_ = pager_.AtEnd();
      const PlacedPage& last = pager_.chain_.back();
      if (last.end() <= pager_.options_.max_items) return;
      failure_ = Unavailable("{}: more than {} items", pager_.Name(last.offset),
                             FormatCount(pager_.options_.max_items));
    }

    RetailPager& pager_;
    std::map<int64_t, std::optional<Fetched>> asked_;  // by offset; null: on its way
    std::vector<int64_t> offsets_;                     // by index of the request
    std::set<int64_t> promised_;  // asked when the page before had said that they exist
    std::optional<Error> failure_;
    bool done_ = false;
  };

  /// Turn an answer into a page. Of failures, only kUnavailable is worth another try.
  Fetched Judge(int64_t offset, Result<net::Response> answer) {
    ++crawl_.calls;
    const auto failed = [&](Error error) {
      return Fetched{Fetched::Kind::kFailed, {}, std::move(error)};
    };
    if (!answer.ok()) {
      Error error = answer.error();
      if (error.code == Code::kCorrupt) error.code = Code::kUnavailable;
      return failed(std::move(error));
    }
    crawl_.bytes += static_cast<int64_t>(answer->body.size());
    if (answer->status == kPastEndStatus && offset > 0) {
      return {Fetched::Kind::kPastEnd,
              {},
              Unavailable("{}: HTTP 400 before the end of the list", Name(offset))};
    }
    if (Status status = net::StatusFromResponse(RetailRequest(options_, offset), *answer);
        !status.ok()) {
      return failed(status.error());
    }
    Result<RetailPage> page = parser_.Parse(answer->body);
    if (!page.ok()) return failed(Unavailable("{}: {}", Name(offset), page.error().message));
    if (page->items.empty()) {
      if (offset == 0) return failed(Unavailable("{}: the price list is empty", Name(offset)));
      return {Fetched::Kind::kPastEnd,
              {},
              Unavailable("{}: an empty page before the end of the list", Name(offset))};
    }
    PlacedPage placed{offset, *std::move(page), answer->received};
    if (strict_links_ && placed.page.next && *placed.page.next != placed.end()) {
      return failed(Unavailable("{}: {} items, but the link continues at {}", Name(offset),
                                placed.size(), *placed.page.next));
    }
    return {Fetched::Kind::kPage, std::move(placed), std::nullopt};
  }

  net::ParallelOptions Parallel() const {
    return {.in_flight = options_.in_flight, .retry = options_.retry, .jitter = options_.jitter};
  }

  /// Ask for pages that must exist, several at once; in order of `wanted`. A page that lies past
  /// the end now is kPastEnd; any other failure is an error.
  Result<std::vector<Fetched>> FetchAll(const std::vector<int64_t>& wanted) {
    std::vector<Fetched> pages(wanted.size());
    size_t next = 0;
    net::ParallelWork work;
    work.next = [&]() -> std::optional<net::Request> {
      if (next == wanted.size()) return std::nullopt;
      ++crawl_.asked_pages;
      return RetailRequest(options_, wanted[next++]);
    };
    work.accept = [&](size_t index, const net::Request&, Result<net::Response> answer) -> Status {
      pages[index] = Judge(wanted[index], std::move(answer));
      return pages[index].kind == Fetched::Kind::kPage ? Status() : Status(*pages[index].error);
    };
    work.give_up = [&](size_t index, const net::Request&, const Error& error) -> Status {
      return pages[index].kind == Fetched::Kind::kPastEnd && error.code == Code::kUnavailable
                 ? Status()
                 : Status(error);
    };
    RETURN_IF_ERROR(net::SendParallel(transport_, Parallel(), context_, work));
    return pages;
  }

  Result<PlacedPage> FetchExisting(int64_t offset) {
    ASSIGN_OR_RETURN(std::vector<Fetched> pages, FetchAll({offset}));
    if (pages.front().kind != Fetched::Kind::kPage) return *pages.front().error;
    return std::move(pages.front().placed);
  }

  /// The pages of the chain whose first item is not the last one of the page before.
  std::set<size_t> UnequalBoundaries() const {
    std::set<size_t> pages;
    if (!overlap_) return pages;
    for (size_t page = 1; page < chain_.size(); ++page) {
      if (OverlapsBefore(page) && !Joins(chain_[page - 1], chain_[page])) pages.insert(page);
    }
    return pages;
  }

  Status CountBoundary(int64_t offset) {
    int& count = unequal_[offset];
    if (count == 0) ++crawl_.moved;
    if (++count <= options_.boundary_tries) return {};
    return Unavailable(
        "{}: the list keeps moving: two pages disagree about the item at {} after {} more tries",
        Name(offset), offset, options_.boundary_tries);
  }

  /// Give up on a list that never stands still, however it moves.
  Status CheckPatience() const {
    if (crawl_.asked_pages <= 8 * static_cast<int64_t>(chain_.size()) + 200) return {};
    return Unavailable("{}: the list keeps moving: {} pages were asked for a list of {}", Name(0),
                       crawl_.asked_pages, chain_.size());
  }

  /// Pages that share an item with another page, beyond the overlap, and were not asked again for
  /// it. Counts repeats.
  std::set<size_t> RepeatedItems() {
    std::vector<std::pair<uint64_t, size_t>> seen;  // digest, page
    for (size_t page = 0; page < chain_.size(); ++page) {
      const auto& items = chain_[page].page.items;
      for (size_t item = OverlapsBefore(page) ? 1 : 0; item < items.size(); ++item) {
        seen.emplace_back(items[item].digest, page);
      }
    }
    std::sort(seen.begin(), seen.end());
    std::set<size_t> again;
    crawl_.repeats = 0;
    for (size_t at = 1; at < seen.size(); ++at) {
      if (seen[at].first != seen[at - 1].first) continue;
      ++crawl_.repeats;
      if (seen[at].second == seen[at - 1].second) continue;
      for (const size_t page : {seen[at - 1].second, seen[at].second}) {
        if (!chain_[page].rechecked) again.insert(page);
      }
    }
    return again;
  }

  /// Replace pages of the chain by what the service says now. Where a page no longer reaches the
  /// next one, the chain is cut behind it.
  Status AskAgain(const std::set<size_t>& pages) {
    std::vector<int64_t> offsets;
    for (const size_t page : pages) offsets.push_back(chain_[page].offset);
    ASSIGN_OR_RETURN(std::vector<Fetched> fresh, FetchAll(offsets));
    size_t at = 0;
    size_t keep = chain_.size();
    for (const size_t page : pages) {
      Fetched& fetched = fresh[at++];
      if (fetched.kind == Fetched::Kind::kPastEnd) {
        if (page == 0) return *fetched.error;
        keep = std::min(keep, page);
        continue;
      }
      fetched.placed.rechecked = chain_[page].rechecked;
      chain_[page] = std::move(fetched.placed);
      if (page + 1 < chain_.size() && FollowingOffset(chain_[page]) != chain_[page + 1].offset) {
        keep = std::min(keep, page + 1);
      }
    }
    chain_.resize(keep);
    past_end_.reset();
    return {};
  }

  std::string Name(int64_t offset) const {
    return fmt::format("{} prices, $skip={}", RetailListName(options_.list), offset);
  }

  net::Transport& transport_;
  const RetailCrawlOptions& options_;
  const OpContext& context_;
  RetailParser parser_;
  RetailCrawl crawl_;
  std::vector<PlacedPage> chain_;
  std::map<int64_t, int> unequal_;   // boundaries found unequal, by offset of the later page
  std::optional<int64_t> past_end_;  // the offset found to lie past the end
  std::optional<int64_t>
      missing_;  // the offset last answered as past the end although it must exist
  std::optional<int64_t> vanished_;  // the same, after all tries
  int64_t step_ = 0;                 // items a page
  bool overlap_ = true;
  bool strict_links_ = true;
};

}  // namespace

std::string_view RetailListName(RetailList list) {
  return list == RetailList::kAll ? "all" : "spot";
}

net::Request RetailRequest(const RetailCrawlOptions& options, int64_t skip) {
  std::string filter = "serviceName eq 'Virtual Machines' and priceType eq 'Consumption'";
  if (options.list == RetailList::kSpot) filter += " and contains(meterName, 'Spot')";
  net::Request request;
  request.url = fmt::format(
      "{}/api/retail/prices?api-version=2023-01-01-preview&currencyCode='USD'&$filter={}&$skip={}",
      options.base_url, net::PercentEncode(filter, "'(),"), skip);
  request.service = "prices";
  request.timeout = std::chrono::seconds(60);
  return request;
}

RetailCrawl CrawlRetail(net::Transport& transport, const RetailCrawlOptions& options,
                        const OpContext& context) {
  return RetailPager(transport, options, context).Run();
}

}  // namespace catchment::sources::azure
