#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "simulator/world.h"

namespace catchment::simulator {

/// What the name of a size tells of it.
struct SizeFacts {
  std::string family;  ///< standardDSv3Family
  int vcpus = 1;
  int usable_vcpus = 1;  ///< fewer for constrained sizes: 2 of Standard_E8-2as_v5
  double memory_gib = 4;
};

/// `sku` in any case: Standard_E8-2as_v5.
SizeFacts FactsOf(std::string_view sku);

/// What is offered where, and to which subscription: the one truth behind placement scores and
/// resource SKUs. Regions, SKUs and subscriptions are asked for in lower case. Immutable.
class Offers {
 public:
  using Pair = std::pair<std::string, std::string>;  ///< region, SKU

  /// `pairs` are those of the price list, as it spells them. kNotFound, kCorrupt: the file of
  /// invalid regions.
  static Result<Offers> Make(const OffersWorld& world, std::vector<Pair> pairs, uint64_t seed);

  const std::vector<Pair>& pairs() const { return pairs_; }
  /// Regions of the price list that placement knows, lower case, sorted.
  const std::vector<std::string>& regions() const { return regions_; }

  bool KnowsRegion(const std::string& region) const;
  bool KnowsSku(const std::string& sku) const;
  bool Offered(const std::string& region, const std::string& sku) const;
  bool HasZones(std::string_view region) const;
  /// Whether the size stands in that zone of a region with zones, 1 to 3 as the machines see it.
  bool InZone(const std::string& region, const std::string& sku, int physical) const;
  /// The zone that a subscription calls `logical`.
  int PhysicalZone(const std::string& subscription, const std::string& region, int logical) const;
  bool Restricted(const std::string& subscription, const std::string& region,
                  const std::string& sku) const;

 private:
  Offers() = default;

  OffersWorld world_;  // globs in lower case
  uint64_t seed_ = 0;
  std::vector<Pair> pairs_;
  std::set<Pair> offered_;  // lower case
  std::set<std::string> skus_;
  std::vector<std::string> regions_;
};

}  // namespace catchment::simulator
