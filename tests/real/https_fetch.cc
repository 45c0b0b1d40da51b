// https_fetch URL [AUTHORITIES]: one GET through CurlTransport. Prints the status, or the error's
// code and message.
#include <cstdio>
#include <string>

#include "base/clock.h"
#include "net/curl_transport.h"

int main(int argc, char** argv) {
  using namespace catchment;  // NOLINT(google-build-using-namespace)
  if (argc < 2) return 2;
  net::CurlOptions options;
  if (argc > 2) options.authorities_file = argv[2];
  const auto transport = net::CurlTransport::Open(std::move(options));
  if (!transport.ok()) {
    std::printf("open: %s\n", transport.error().message.c_str());
    return 1;
  }
  SystemClock clock;
  OpContext context;
  context.clock = &clock;
  net::Request request;
  request.url = argv[1];
  request.timeout = std::chrono::seconds(10);
  const Result<net::Response> response = (*transport)->Send(request, context);
  if (!response.ok()) {
    std::printf("error %s: %s\n", std::string(CodeName(response.error().code)).c_str(),
                response.error().message.c_str());
    return 1;
  }
  std::printf("status %d\n", response->status);
  return 0;
}
