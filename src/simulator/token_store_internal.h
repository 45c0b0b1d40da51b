#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/time.h"
#include "simulator/http_server_internal.h"

namespace catchment::simulator {

/// The tokens that were issued. A token expires when its life has passed on the simulated clock or
/// on the machine's, whichever runs: a run's clock may stand still while it works. Thread-safe.
class TokenStore {
 public:
  explicit TokenStore(uint64_t seed) : seed_(seed) {}

  std::string Issue(const std::string& client, std::chrono::seconds life, Time now);

  enum class State { kValid, kMissing, kUnknown, kExpired };
  /// Check a request's `Authorization: Bearer …`; `client` becomes the token's.
  State Check(const HttpRequest& request, Time now, std::string& client);

 private:
  struct Issued {
    std::string client;
    Time ends;
    std::chrono::steady_clock::time_point ends_really;
  };
  // Constant after construction.
  const uint64_t seed_;
  // Guarded by mutex_.
  Mutex mutex_;
  int64_t count_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, Issued> issued_ GUARDED_BY(mutex_);
};

/// The service's answer to a request without a valid token.
HttpResponse RefuseToken(TokenStore::State state);

}  // namespace catchment::simulator
