#include "core/lease_keeper.h"

namespace catchment::core {

LeaseKeeper::LeaseKeeper(std::chrono::milliseconds ttl, std::function<Status()> renew,
                         std::function<void(const Error&)> lost)
    : ttl_(ttl),
      renew_(std::move(renew)),
      lost_(std::move(lost)),
      thread_([this](const std::stop_token& stop) { Keep(stop); }) {}

void LeaseKeeper::Keep(const std::stop_token& stop) {
  auto renewed = std::chrono::steady_clock::now();
  while (true) {
    {
      MutexLock lock(mutex_);
      wake_.wait_for(mutex_, stop, ttl_ / 3, [] { return false; });
    }
    if (stop.stop_requested()) return;
    const auto now = std::chrono::steady_clock::now();
    const Status status = renew_();
    if (status.ok()) {
      renewed = now;
      continue;
    }
    const bool taken = status.error().code == Code::kNotFound;
    if (taken || std::chrono::steady_clock::now() - renewed > ttl_) {
      lost_(status.error());
      return;
    }
  }
}

}  // namespace catchment::core
