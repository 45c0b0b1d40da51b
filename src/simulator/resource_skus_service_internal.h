#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/offers_internal.h"
#include "simulator/service_internal.h"
#include "simulator/token_store_internal.h"

namespace catchment::simulator {

/// `GET /subscriptions/{sub}/providers/Microsoft.Compute/skus`: an entry per size and region, and
/// some that are no machines, in pages joined by `nextLink`.
class ResourceSkusService final : public Service {
 public:
  /// `offers` and `tokens` outlive the service.
  ResourceSkusService(const ResourceSkusWorld& world, const std::vector<std::string>& subscriptions,
                      const Offers& offers, TokenStore& tokens, uint64_t seed);

  std::string_view name() const override { return "resource_skus"; }
  FaultSubject Describe(const HttpRequest& request) const override;
  ServiceAnswer Answer(const HttpRequest& request, const ActiveFaults& active, Time now) override;

  /// Whether a path is this API's.
  static bool Owns(std::string_view path);

 private:
  std::string Machine(const std::string& subscription, const Offers::Pair& pair) const;
  std::string OtherResource(size_t number) const;
  std::string Entry(const std::string& subscription, size_t number) const;
  size_t Total() const;

  // Constant after construction.
  const size_t page_size_;
  const Offers& offers_;
  const uint64_t seed_;
  std::set<std::string> subscriptions_;
  // Thread-safe itself.
  TokenStore& tokens_;
};

}  // namespace catchment::simulator
