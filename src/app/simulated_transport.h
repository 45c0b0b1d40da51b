#pragma once

#include "net/transport.h"

namespace catchment::app {

/// Tells a simulator what time it is: adds `Catchment-Now` to each request while the run's clock is
/// simulated. Stands below the recording, so that neither vault keys nor recordings know of it.
/// `inner` outlives this.
class SimulatedTimeTransport final : public net::Transport {
 public:
  explicit SimulatedTimeTransport(net::Transport& inner) : inner_(inner) {}

  Result<net::Response> Send(const net::Request& request, const OpContext& context) override {
    return inner_.Send(WithTime(request, context), context);
  }
  void Start(net::Request request, const OpContext& context, Done done) override {
    inner_.Start(WithTime(std::move(request), context), context, std::move(done));
  }

 private:
  static net::Request WithTime(net::Request request, const OpContext& context) {
    if (context.clock->simulated())
      request.headers.Set("Catchment-Now", FormatTime(context.clock->Now()));
    return request;
  }

  net::Transport& inner_;
};

}  // namespace catchment::app
