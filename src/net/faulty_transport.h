#pragma once

#include <functional>
#include <optional>

#include "base/mutex.h"
#include "net/transport.h"

namespace catchment::net {

/// Fails on demand, and otherwise passes requests on. Counts requests from 1. Thread-safe.
class FaultyTransport final : public Transport {
 public:
  /// What to answer instead of asking `inner`; null: ask. `nth` counts from 1.
  using Fault = std::function<std::optional<Result<Response>>(int64_t nth, const Request& request)>;

  /// `inner` outlives this.
  FaultyTransport(Transport& inner, Fault fault) : inner_(inner), fault_(std::move(fault)) {}

  Result<Response> Send(const Request& request, const OpContext& context) override;
  void Start(Request request, const OpContext& context, Done done) override;
  int64_t requests() const;

 private:
  std::optional<Result<Response>> Judge(const Request& request, const OpContext& context);

  // Constant after construction.
  Transport& inner_;
  const Fault fault_;
  // Guarded by mutex_.
  mutable Mutex mutex_;
  int64_t requests_ GUARDED_BY(mutex_) = 0;
};

/// Faults for the usual cases: the first `count` requests, or every request.
FaultyTransport::Fault FailFirst(int64_t count, Error error);
FaultyTransport::Fault AnswerFirst(int64_t count, Response response);
FaultyTransport::Fault FailAlways(Error error);

}  // namespace catchment::net
