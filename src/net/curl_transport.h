#pragma once

#include <memory>
#include <string>

#include "net/endpoints.h"
#include "net/transport.h"

namespace catchment::net {

struct CurlOptions {
  Endpoints endpoints = {};
  std::string user_agent = "catchment";
  int max_connections = 256;           ///< in all; requests beyond wait for a free one
  int max_headers = 200;               ///< fields of one answer
  size_t max_header_bytes = 64 << 10;  ///< of one answer's header lines together
  /// PEM file of the authorities to trust instead of the system's.
  std::string authorities_file = {};
};

/// Transport over libcurl's multi interface: one thread (`net-http`) does all I/O, connections are
/// kept, HTTP/2 over TLS, gzip, br and zstd undone. TLS is always verified. Plain http only to
/// loopback addresses, checked on the connected socket too. Redirects stay on https (or on
/// loopback) and lose Authorization and Cookie when they leave the host. Proxies of the environment
/// (`https_proxy`) are honoured, except for loopback.
///
/// Thread-safe. The destructor cancels what is in flight, calls every `done`, and joins the thread.
class CurlTransport final : public Transport {
 public:
  /// kInternal: libcurl cannot be started or lacks TLS.
  static Result<std::unique_ptr<CurlTransport>> Open(CurlOptions options = {});
  ~CurlTransport() override;

  Result<Response> Send(const Request& request, const OpContext& context) override;
  /// `done` runs on the I/O thread.
  void Start(Request request, const OpContext& context, Done done) override;

 private:
  class Loop;
  explicit CurlTransport(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

}  // namespace catchment::net
