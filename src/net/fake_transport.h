#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "net/transport.h"

namespace catchment::net {

/// A function as the server, for tests of what uses a Transport. Keeps the requests it was sent.
/// Thread-safe as far as the function is.
///
///   FakeTransport service([](const Request& request) -> Result<Response> { return Answer(200,
///   "[]"); });
class FakeTransport final : public Transport {
 public:
  using Server = std::function<Result<Response>(const Request&)>;
  explicit FakeTransport(Server server) : server_(std::move(server)) {}

  Result<Response> Send(const Request& request, const OpContext& context) override;

  /// The requests so far, in the order they came.
  std::vector<Request> requests() const;

 private:
  // Constant after construction.
  const Server server_;
  // Guarded by mutex_.
  mutable Mutex mutex_;
  std::vector<Request> requests_ GUARDED_BY(mutex_);
};

/// A response; `received` is set by FakeTransport from the context's clock.
Response Answer(int status, std::string body = {}, Headers headers = {});

}  // namespace catchment::net
