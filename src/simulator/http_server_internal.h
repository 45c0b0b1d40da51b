#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace catchment::simulator {

struct HttpRequest {
  std::string method;
  std::string target;                                        ///< as sent: path and query
  std::string path;                                          ///< percent-decoded, without the query
  std::string query;                                         ///< as sent, without `?`
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;

  /// The first header of that lower-case name; empty if there is none.
  std::string_view Header(std::string_view name) const;
};

/// How an answer ends.
enum class Ending {
  kWhole,
  kTruncated,  ///< the headers promise all of the body, half of it is sent, the connection is
               ///< closed
  kReset,      ///< TCP reset, nothing sent
  kClosed,     ///< closed in order, nothing sent
  kNever,      ///< nothing is sent, and the connection stays open for as long as the client wants
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Ending ending = Ending::kWhole;
  std::chrono::microseconds delay{0};  ///< from the request's last byte to the answer's first
  int64_t bytes_per_second = 0;        ///< of the body; 0: as fast as it goes
  /// Called once: before the first byte is sent, or when the connection ends without one (false).
  std::function<void(bool sent)> before_sending = {};
};

/// An HTTP/1.1 server on free ports of 127.0.0.1, made to misbehave on request: a library's server
/// can neither reset a connection nor break off a body. Thousands of answers may be waiting at the
/// same time and cost nothing: one thread owns all sockets and timers, four make the answers that
/// take long. At most 4,096 connections, further ones are closed. Requests: 64 KiB of headers, 16
/// MiB of body, `Content-Length` or chunked; one after the other on a connection.
class HttpServer {
 public:
  /// Makes the answer to a request that came to port number `port`. Called by many threads; it
  /// should not wait (that is what `delay` is for).
  using Handler = std::function<HttpResponse(const HttpRequest& request, size_t port)>;

  struct Options {
    size_t ports = 1;
    /// Of each port: whether its answers are made at once, by the thread that owns the sockets.
    /// For those that take a few microseconds. Missing: no.
    std::vector<bool> quick = {};
  };

  static Result<std::unique_ptr<HttpServer>> Start(Handler handler, const Options& options);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port(size_t number) const;
  /// Close all connections and end all threads. Further calls do nothing.
  void Stop();

 private:
  class Loop;
  explicit HttpServer(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

/// Undo %XX; with `plus_is_space`, `+` too. A broken escape stays as it stands.
std::string PercentDecode(std::string_view text, bool plus_is_space);

/// The fields of a query or form, decoded, in order.
std::vector<std::pair<std::string, std::string>> ParseQuery(std::string_view query);

}  // namespace catchment::simulator
