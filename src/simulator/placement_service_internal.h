#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/call_window_internal.h"
#include "simulator/offers_internal.h"
#include "simulator/service_internal.h"
#include "simulator/token_store_internal.h"

namespace catchment::simulator {

/// `POST /subscriptions/{sub}/providers/Microsoft.Compute/locations/{location}/placementScores/
/// spot/generate`. Scores depend on seed, region, SKU, zone of the machines, count and time only,
/// and never rise with the count. The bucket of a request is `subscription/location`.
class PlacementService final : public Service {
 public:
  /// `offers` and `tokens` outlive the service; `subscriptions` are those that may ask.
  PlacementService(const PlacementWorld& world, const std::vector<std::string>& subscriptions,
                   const Offers& offers, TokenStore& tokens, uint64_t seed);

  std::string_view name() const override { return "placement"; }
  FaultSubject Describe(const HttpRequest& request) const override;
  ServiceAnswer Answer(const HttpRequest& request, const ActiveFaults& active, Time now) override;
  std::string Count(const HttpRequest& request, Time now) override;

  /// Whether a path is this API's.
  static bool Owns(std::string_view path);

 private:
  struct Address {
    std::string subscription, location;  // lower case
    std::string Bucket() const { return subscription + "/" + location; }
  };
  struct Query {
    bool zones = false;
    int64_t count = 1;
    std::vector<std::string> regions, skus;  // as sent
    std::string problem;                     // empty: understood
  };
  struct Cell {
    const std::string& subscription;
    const std::string& region;  // lower case, like the SKU
    const std::string& sku;
  };

  static Address ReadAddress(const HttpRequest& request);
  Query ReadQuery(const std::string& body) const;
  CallWindow::Answer Take(const Address& address, Time now);
  std::optional<HttpResponse> RefuseCaller(const HttpRequest& request, const Address& address,
                                           const ActiveFaults& active, Time now);
  HttpResponse RefuseBucket(const ActiveFaults& active, int64_t seconds, bool tells) const;
  std::optional<HttpResponse> RefuseValues(const Query& query, const ActiveFaults& active) const;
  HttpResponse Scores(const Address& address, const Query& query, const ActiveFaults& active,
                      Time now) const;
  std::string_view ScoreIn(const Cell& cell, int physical_zone, int64_t count, Time now) const;
  std::string_view BestScore(const Cell& cell, int64_t count, Time now) const;

  // Constant after construction.
  const PlacementWorld world_;
  const Offers& offers_;
  const uint64_t seed_;
  std::set<std::string> subscriptions_;
  std::vector<std::string> locations_;
  // Thread-safe itself.
  TokenStore& tokens_;
  CallWindow window_;
};

}  // namespace catchment::simulator
