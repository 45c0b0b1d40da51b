#pragma once

#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
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
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Ending ending = Ending::kWhole;
};

/// An HTTP/1.1 server on a free port of 127.0.0.1, made to misbehave on request: a library's server
/// can neither reset a connection nor break off a body. One thread accepts, one per connection; at
/// most 512 connections, further ones are closed. Requests: 64 KiB of headers, 16 MiB of body,
/// `Content-Length` or chunked.
class HttpServer {
 public:
  /// Called by many threads. It may block; `stop` is requested by Stop().
  using Handler = std::function<HttpResponse(const HttpRequest&, const std::stop_token& stop)>;

  static Result<std::unique_ptr<HttpServer>> Start(Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const { return port_; }
  /// Close all connections and end all threads. Further calls do nothing.
  void Stop();

 private:
  struct Connection {
    int socket = -1;  // guarded by HttpServer::mutex_; -1 once closed
    bool done = false;
    std::jthread thread;
  };

  HttpServer(Handler handler, int listener, int port);
  void Accept(const std::stop_token& stop);
  void Serve(Connection& connection, int socket, const std::stop_token& stop);

  // Constant after construction.
  const Handler handler_;
  const int listener_;
  const int port_;
  // Guarded by mutex_.
  Mutex mutex_;
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::list<Connection> connections_ GUARDED_BY(mutex_);
  // Started last, ended first.
  std::jthread acceptor_;
};

/// Undo %XX; with `plus_is_space`, `+` too. A broken escape stays as it stands.
std::string PercentDecode(std::string_view text, bool plus_is_space);

/// The fields of a query or form, decoded, in order.
std::vector<std::pair<std::string, std::string>> ParseQuery(std::string_view query);

}  // namespace catchment::simulator
