// Reads the whole price list of the world that CATCHMENT_ENDPOINT_PRICES names, 8 requests at once,
// recorded as in a run. Prints seconds and requests. crawl_bench starts it under `simulate`.

#include <cstdio>

#include "base/clock.h"
#include "figures.h"
#include "net/curl_transport.h"
#include "net/endpoints.h"
#include "net/vault.h"
#include "rows.h"
#include "sources/azure/retail_client.h"

extern char** environ;

int main(int argc, char** argv) {
  using namespace catchment;
  using namespace catchment::bench;
  if (argc != 2) return 2;
  net::CurlOptions options;
  options.endpoints =
      Must(net::Endpoints::FromEnvironment(environ, {{"prices.azure.com", "prices"}}));
  const auto curl = Must(net::CurlTransport::Open(std::move(options)));
  const auto log = Must(net::ExchangeLog::Open(argv[1]));
  net::RecordingTransport transport(*curl, *log, "price");
  const SystemClock clock;
  OpContext context;
  context.clock = &clock;
  // The world sorts its catalogue by a filter when it first hears of it: its time, not ours.
  if (!curl->Send(sources::azure::RetailRequest({}, 0), context).ok()) return 1;
  sources::azure::RetailCrawl crawl;
  const double milliseconds = Milliseconds(
      [&] { crawl = sources::azure::CrawlRetail(transport, {.in_flight = 8}, context); });
  if (!crawl.complete()) {
    std::fprintf(stderr, "%s\n", crawl.failure->message.c_str());
    return 1;
  }
  std::printf("%.4f %lld\n", milliseconds / 1000, static_cast<long long>(crawl.calls));
  return 0;
}
