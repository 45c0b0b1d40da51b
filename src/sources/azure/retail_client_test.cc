#include "sources/azure/retail_client.h"

#include <algorithm>
#include <functional>
#include <map>

#include "base/test.h"
#include "base/text.h"
#include "net/fake_transport.h"
#include "net/url.h"

namespace catchment::sources::azure {
namespace {

using net::Answer;
using net::FakeTransport;
using net::Request;
using net::Response;

/// A price list of numbered items, served in pages at any offset. Tests change what it does by its
/// members.
struct PriceService {
  std::vector<int> items;
  int page_size = 10;
  std::map<int64_t, int> asked;  // by $skip
  /// Answers instead of the list; null: the list does.
  std::function<std::optional<Result<Response>>(int64_t skip, int nth)> fault;
  std::function<void(int64_t skip, int nth)> before;  // changes the list
  bool rounds = false;                                // $skip is rounded down to whole pages
  bool forgets_link = false;                          // the link of full pages is null

  explicit PriceService(int count) {
    for (int item = 0; item < count; ++item) items.push_back(item);
  }

  static std::string Item(int number) {
    return fmt::format(
        R"({{"meterId":"{}","retailPrice":1,"effectiveStartDate":"2025-10-01T00:00:00Z"}})",
        number);
  }
  static std::string Page(const std::vector<int>& numbers, std::optional<int64_t> next) {
    std::vector<std::string> texts;
    for (const int number : numbers) texts.push_back(Item(number));
    const std::string link =
        next ? fmt::format("\"https://prices.azure.com:443/api/retail/prices?$filter=x&$skip={}\"",
                           *next)
             : "null";
    return fmt::format(R"({{"Items":[{}],"NextPageLink":{},"Count":{}}})", fmt::join(texts, ","),
                       link, numbers.size());
  }

  Result<Response> operator()(const Request& request) {
    const net::Url url = *net::ParseUrl(request.url);
    const int64_t skip = std::stoll(**net::QueryValue(url, "$skip"));
    const int nth = asked[skip]++;
    if (before) before(skip, nth);
    if (fault) {
      if (auto answer = fault(skip, nth)) return *std::move(answer);
    }
    return Serve(skip, page_size);
  }

  Response Serve(int64_t skip, int size) const {
    const int64_t from = rounds ? skip / size * size : skip;
    const auto total = static_cast<int64_t>(items.size());
    if (from >= total) return Answer(400, R"({"Error":"out of range"})");
    const int64_t to = std::min<int64_t>(total, from + size);
    const bool link = to < total && !(forgets_link && to - from == size);
    return Answer(200, Page({items.begin() + from, items.begin() + to},
                            link ? std::optional(to) : std::nullopt));
  }
};

class RetailClientTest : public testing::Test {
 protected:
  RetailCrawl Crawl(PriceService& service, RetailCrawlOptions options = {}) {
    FakeTransport transport([&](const Request& request) { return service(request); });
    options.jitter = [] { return 0.5; };
    OpContext context;
    context.clock = &clock_;
    RetailCrawl crawl = CrawlRetail(transport, options, context);
    requests_ = transport.requests();
    return crawl;
  }

  static std::vector<int> Numbers(const RetailCrawl& crawl) {
    std::vector<int> numbers;
    for (const RetailPage& page : crawl.pages) {
      for (const RetailPage::Item& item : page.items) {
        numbers.push_back(std::stoi(std::string(page.Text(item, RetailField::kMeterId))));
      }
    }
    return numbers;
  }

  void ExpectWhole(const PriceService& service, const RetailCrawl& crawl) {
    ASSERT_TRUE(crawl.complete()) << crawl.failure->message;
    EXPECT_EQ(Numbers(crawl), service.items);
    EXPECT_EQ(crawl.items, static_cast<int64_t>(service.items.size()));
  }

  ManualClock clock_{std::chrono::sys_days{std::chrono::year(2026) / 1 / 28}};
  std::vector<Request> requests_;
};

TEST_F(RetailClientTest, TheRequestHasTheFilterAndNoPrimaryRegion) {
  const std::string all = RetailRequest({}, 297).url;
  EXPECT_EQ(
      all,
      "https://prices.azure.com/api/retail/"
      "prices?api-version=2023-01-01-preview&currencyCode='USD'&$filter="
      "serviceName%20eq%20'Virtual%20Machines'%20and%20priceType%20eq%20'Consumption'&$skip=297");
  const std::string spot = RetailRequest({.list = RetailList::kSpot}, 0).url;
  EXPECT_NE(spot.find("%20and%20contains(meterName,%20'Spot')&$skip=0"), std::string::npos) << spot;
  EXPECT_EQ(all.find("meterRegion"), std::string::npos);
}

TEST_F(RetailClientTest, ListsOfEveryLengthAreReadWholeAndOnce) {
  for (const int page_size : {1, 2, 3, 10}) {
    for (int count = 1; count <= 45; ++count) {
      PriceService service(count);
      service.page_size = page_size;
      const RetailCrawl crawl = Crawl(service, {.in_flight = 1 + count % 4});
      SCOPED_TRACE(fmt::format("{} items, {} a page", count, page_size));
      ExpectWhole(service, crawl);
      EXPECT_EQ(crawl.repeats, 0);
      EXPECT_EQ(crawl.moved, 0);
    }
  }
}

TEST_F(RetailClientTest, PagesOverlapByOneItem) {
  PriceService service(35);
  ExpectWhole(service, Crawl(service, {.in_flight = 1}));
  std::vector<int64_t> offsets;
  for (const auto& [offset, times] : service.asked) {
    offsets.push_back(offset);
    EXPECT_EQ(times, 1);
  }
  EXPECT_EQ(offsets, (std::vector<int64_t>{0, 9, 18, 27}));
}

// A15: a failed price page was dropped and the run called a success.
TEST_F(RetailClientTest, azure_A15_APageThatStaysAwayMakesTheCrawlIncomplete) {
  PriceService service(100);
  service.fault = [](int64_t skip, int) -> std::optional<Result<Response>> {
    if (skip == 45) return Answer(503);
    return std::nullopt;
  };
  const RetailCrawl crawl = Crawl(service);
  ASSERT_FALSE(crawl.complete());
  EXPECT_EQ(crawl.failure->code, Code::kUnavailable);
  EXPECT_NE(crawl.failure->message.find("$skip=45"), std::string::npos) << crawl.failure->message;
  EXPECT_NE(crawl.failure->message.find("5 tries"), std::string::npos) << crawl.failure->message;
  EXPECT_EQ(service.asked[45], 5);
  EXPECT_TRUE(crawl.pages.empty());
}

TEST_F(RetailClientTest, PassingFailuresAreTriedAgain) {
  const std::vector<Result<Response>> failures = {Answer(503),
                                                  Answer(429),
                                                  Answer(408),
                                                  Answer(200, "<html>busy</html>"),
                                                  Answer(200, R"({"Items":[{"a")"),
                                                  Unavailable("connection reset")};
  for (const Result<Response>& failure : failures) {
    PriceService service(60);
    service.fault = [&](int64_t skip, int nth) -> std::optional<Result<Response>> {
      if (skip == 18 && nth < 4) return failure;
      return std::nullopt;
    };
    ExpectWhole(service, Crawl(service));
    EXPECT_EQ(service.asked[18], 5);
  }
}

// A16: an empty page, or a page smaller than assumed, ended or holed the crawl.
TEST_F(RetailClientTest, azure_A16_AnEmptyPageInTheMiddleIsAFailedPageNotTheEnd) {
  PriceService service(60);
  service.fault = [](int64_t skip, int nth) -> std::optional<Result<Response>> {
    if (skip == 27 && nth < 2) return Answer(200, R"({"Items":[],"NextPageLink":null,"Count":0})");
    return std::nullopt;
  };
  ExpectWhole(service, Crawl(service));

  service.asked.clear();
  service.fault = [](int64_t skip, int) -> std::optional<Result<Response>> {
    if (skip == 27) return Answer(200, R"({"Items":[],"NextPageLink":null,"Count":0})");
    return std::nullopt;
  };
  const RetailCrawl crawl = Crawl(service);
  ASSERT_FALSE(crawl.complete());
  EXPECT_EQ(crawl.failure->code, Code::kUnavailable);
}

TEST_F(RetailClientTest, azure_A16_AShortPageGoesOnAtItsLink) {
  for (const int size : {1, 2, 4}) {
    PriceService service(60);
    service.fault = [&](int64_t skip, int) -> std::optional<Result<Response>> {
      if (skip == 18) return service.Serve(skip, size);
      return std::nullopt;
    };
    SCOPED_TRACE(size);
    ExpectWhole(service, Crawl(service));
  }
}

TEST_F(RetailClientTest, azure_A16_ThePageSizeMayChangeMidway) {
  for (const int size : {3, 7, 25}) {
    PriceService service(200);
    service.before = [&](int64_t skip, int) {
      if (skip > 50) service.page_size = size;
    };
    SCOPED_TRACE(size);
    ExpectWhole(service, Crawl(service, {.in_flight = 4}));
  }
}

TEST_F(RetailClientTest, A400BeforeTheEndIsAFailedPage) {
  PriceService service(60);
  service.fault = [](int64_t skip, int nth) -> std::optional<Result<Response>> {
    if (skip == 9 && nth == 0) return Answer(400);
    if (skip == 36 && nth == 0) return Answer(400);
    return std::nullopt;
  };
  ExpectWhole(service, Crawl(service));
}

TEST_F(RetailClientTest, AFullPageWithoutLinkIsNotTheEnd) {
  for (const int count : {10, 19, 28, 40, 55}) {
    PriceService service(count);
    service.forgets_link = true;
    SCOPED_TRACE(count);
    ExpectWhole(service, Crawl(service));
  }
}

TEST_F(RetailClientTest, WhatLiesBeyondTheEndDoesNotMatter) {
  PriceService service(25);
  service.fault = [](int64_t skip, int) -> std::optional<Result<Response>> {
    if (skip > 25) return Answer(404);
    return std::nullopt;
  };
  ExpectWhole(service, Crawl(service));
}

TEST_F(RetailClientTest, AnInsertionWhileReadingIsReadAgain) {
  PriceService service(100);
  bool inserted = false;
  service.before = [&](int64_t skip, int) {
    if (skip == 45 && !inserted) {
      service.items.insert(service.items.begin() + 20, 1000);
      inserted = true;
    }
  };
  const RetailCrawl crawl = Crawl(service);
  ExpectWhole(service, crawl);
  EXPECT_GT(crawl.moved, 0);
}

TEST_F(RetailClientTest, ARemovalWhileReadingIsReadAgain) {
  for (const int count : {95, 99, 100, 101}) {
    for (const int at : {0, 20, 93}) {
      PriceService service(count);
      bool removed = false;
      service.before = [&](int64_t skip, int) {
        if (skip == 81 && !removed) {
          service.items.erase(service.items.begin() + at);
          removed = true;
        }
      };
      SCOPED_TRACE(fmt::format("{} items, one removed at {}", count, at));
      ExpectWhole(service, Crawl(service));
    }
  }
}

TEST_F(RetailClientTest, TheListShrinksUnderItsLastPage) {
  // 28 items: the last page is the overlapping item alone, and is gone when it is asked for.
  PriceService service(28);
  service.before = [&](int64_t skip, int nth) {
    if (skip == 27 && nth == 0) service.items.resize(27);
  };
  ExpectWhole(service, Crawl(service));
}

TEST_F(RetailClientTest, AListThatNeverStandsStillIsIncomplete) {
  PriceService service(60);
  int next = 1000;
  service.before = [&](int64_t skip, int) {
    if (skip >= 18) service.items.insert(service.items.begin() + 12, next++);
  };
  const RetailCrawl crawl = Crawl(service);
  ASSERT_FALSE(crawl.complete());
  EXPECT_EQ(crawl.failure->code, Code::kUnavailable);
  EXPECT_NE(crawl.failure->message.find("moving"), std::string::npos) << crawl.failure->message;
}

TEST_F(RetailClientTest, RoundedOffsetsSwitchTheOverlapOff) {
  for (const int count : {10, 11, 40, 95}) {
    PriceService service(count);
    service.rounds = true;
    const RetailCrawl crawl = Crawl(service);
    SCOPED_TRACE(count);
    ExpectWhole(service, crawl);
    EXPECT_FALSE(crawl.overlap_checked);
  }
}

TEST_F(RetailClientTest, RoundedOffsetsStillNoticeAMissingPage) {
  PriceService service(95);
  service.rounds = true;
  service.fault = [](int64_t skip, int) -> std::optional<Result<Response>> {
    if (skip == 50) return Answer(500);
    return std::nullopt;
  };
  EXPECT_FALSE(Crawl(service).complete());
}

TEST_F(RetailClientTest, TrueRepeatsAreAskedOnceMoreAndCounted) {
  PriceService service(60);
  service.items[50] = 3;
  const RetailCrawl crawl = Crawl(service, {.in_flight = 1});
  ExpectWhole(service, crawl);
  EXPECT_EQ(crawl.repeats, 1);
  EXPECT_EQ(service.asked[0], 2);
  EXPECT_EQ(service.asked[45], 2);
  EXPECT_EQ(service.asked[18], 1);
}

TEST_F(RetailClientTest, ARepeatThatWasAMoveGoesAway) {
  // An item moves from the last page to the first between their readings and is seen twice.
  PriceService service(60);
  service.before = [&](int64_t skip, int nth) {
    if (skip == 18 && nth == 0)
      std::rotate(service.items.begin() + 2, service.items.begin() + 57,
                  service.items.begin() + 58);
  };
  ExpectWhole(service, Crawl(service, {.in_flight = 1}));
}

TEST_F(RetailClientTest, OtherClientErrorsFailAtOnce) {
  for (const auto& [status, code] : {std::pair(400, Code::kInvalid), std::pair(403, Code::kDenied),
                                     std::pair(404, Code::kInvalid)}) {
    PriceService service(60);
    service.fault = [status = status](int64_t, int) -> std::optional<Result<Response>> {
      return Answer(status);
    };
    const RetailCrawl crawl = Crawl(service);
    ASSERT_FALSE(crawl.complete());
    EXPECT_EQ(crawl.failure->code, code);
    EXPECT_EQ(requests_.size(), 1u);
  }
}

TEST_F(RetailClientTest, AnEmptyListIsNoList) {
  PriceService service(0);
  service.fault = [](int64_t, int) -> std::optional<Result<Response>> {
    return Answer(200, R"({"Items":[],"NextPageLink":null,"Count":0})");
  };
  const RetailCrawl crawl = Crawl(service);
  ASSERT_FALSE(crawl.complete());
  EXPECT_EQ(crawl.failure->code, Code::kUnavailable);
}

TEST_F(RetailClientTest, AListWithoutEndIsCutShort) {
  PriceService service(0);
  service.fault = [](int64_t skip, int) -> std::optional<Result<Response>> {
    std::vector<int> numbers;
    for (int item = 0; item < 10; ++item) numbers.push_back(static_cast<int>(skip) + item);
    return Answer(200, PriceService::Page(numbers, skip + 10));
  };
  const RetailCrawl crawl = Crawl(service, {.max_items = 1000});
  ASSERT_FALSE(crawl.complete());
  EXPECT_NE(crawl.failure->message.find("1,000"), std::string::npos);
}

TEST_F(RetailClientTest, AServiceThatIgnoresOffsetsIsNotReadForEver) {
  PriceService service(10);
  service.fault = [&](int64_t, int) { return service.Serve(0, 10); };
  const RetailCrawl crawl = Crawl(service);
  ASSERT_FALSE(crawl.complete());
  EXPECT_EQ(crawl.failure->code, Code::kUnavailable);
  EXPECT_NE(crawl.failure->message.find("ignores $skip"), std::string::npos);
  EXPECT_LT(crawl.asked_pages, 40);
}

TEST_F(RetailClientTest, ALinkThatDoesNotFitItsPageIsAFailedPage) {
  PriceService service(60);
  service.fault = [](int64_t skip, int nth) -> std::optional<Result<Response>> {
    if (skip == 27 && nth == 0) return Answer(200, PriceService::Page({27, 28, 29}, 37));
    return std::nullopt;
  };
  ExpectWhole(service, Crawl(service));
}

}  // namespace
}  // namespace catchment::sources::azure
