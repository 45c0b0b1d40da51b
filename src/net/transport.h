#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/op_context.h"
#include "base/result.h"
#include "base/time.h"

namespace catchment::net {

/// Header fields in the order they came. Names are compared without case.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;  ///< name, value

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  void Add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  /// Replace all fields of this name by one.
  void Set(std::string_view name, std::string value);
  void Remove(std::string_view name);
  /// The first field of this name; null if there is none. Valid until the headers change.
  const std::string* Find(std::string_view name) const;
  /// The first field of this name, or empty.
  std::string_view Get(std::string_view name) const;
  const std::vector<Field>& fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

/// One request. `url` is the real one (https, or http to loopback), even while a simulator answers.
struct Request {
  std::string method = "GET";
  std::string url;
  /// Authorization goes to the URL's own host only and is never recorded. A body without
  /// Content-Type is sent as application/octet-stream.
  Headers headers = {};
  std::string body = {};
  std::chrono::milliseconds timeout =
      std::chrono::seconds(60);  ///< the whole exchange, redirects included
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(10);
  uint64_t max_bytes = uint64_t{64} << 20;  ///< of the decompressed body
  double max_ratio = 200;    ///< decompressed by received bytes, looked at above 1 MiB
  int max_redirects = 5;     ///< followed for GET and HEAD only; 0: a 3xx is the response
  bool record = true;        ///< false for authentication and secrets: never reaches the vault
  bool public_only = false;  ///< refuse private, link-local and loopback addresses
  std::string service =
      {};  ///< for CATCHMENT_ENDPOINT_<SERVICE>, e.g. `prices`; empty: found by the URL's host
  /// Texts of the URL and what stands for them in vault, logs and messages (subscription id →
  /// digest).
  std::vector<std::pair<std::string, std::string>> redact = {};
  /// With Start: called at most once, on any thread, when the last byte of the answer is here,
  /// before what is done with it (recording) and before `done`. Another request may go out now.
  /// Short.
  std::function<void()> arrived = {};

  /// `GET https://host/path?query`, redacted: how messages name the request.
  std::string Name() const;
};

/// Replace each text by what stands for it.
std::string Redact(std::string text,
                   const std::vector<std::pair<std::string, std::string>>& replacements);

/// An answer of any status.
struct Response {
  int status = 0;
  Headers headers = {};
  std::string body = {};  ///< decompressed
  Time received{};        ///< when the last byte came, by OpContext.clock
};

/// Sends one request and receives one response. Thread-safe.
///
/// A response of any status is a Response. Errors, from every implementation:
///   kUnavailable  no connection, time-out of the request, connection lost, body shorter than
///   announced kDeadline, kCancelled  by the OpContext kCorrupt      an answer of no use: over
///   max_bytes or max_ratio, too many or too long headers, not HTTP, a
///                 redirect that may not be followed or too many; callers turn it into kUnavailable
///                 where trying again makes sense
///   kInvalid      a request that may not be sent: malformed URL, plain http beyond loopback
///   kDenied       the server's certificate is not trusted, or the address is refused
///   kNotFound     replay only: the request was not recorded
class Transport {
 public:
  using Done = std::function<void(Result<Response>)>;

  virtual ~Transport() = default;

  /// Send and wait.
  virtual Result<Response> Send(const Request& request, const OpContext& context) = 0;

  /// Send without waiting; `done` is called exactly once, on any thread, perhaps before Start
  /// returns. It must be short and must not call Send. This implementation sends and waits.
  virtual void Start(Request request, const OpContext& context, Done done);
};

}  // namespace catchment::net
