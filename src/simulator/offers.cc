#include <algorithm>
#include <array>
#include <charconv>

#include "base/file.h"
#include "base/text.h"
#include "simulator/faults_internal.h"
#include "simulator/offers_internal.h"

namespace catchment::simulator {
namespace {

constexpr uint64_t kMaxListBytes = 1 << 20;

bool MatchesAny(const std::vector<std::string>& globs, std::string_view text) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return GlobMatch(glob, text); });
}

void LowerAll(std::vector<std::string>& texts) {
  for (std::string& text : texts) text = ToLower(text);
}

int LeadingNumber(std::string_view& text, int fallback) {
  int number = fallback;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc()) text.remove_prefix(static_cast<size_t>(end - text.data()));
  return std::clamp(number, 1, 10'000);
}

Result<std::vector<std::string>> ReadInvalidRegions(const std::filesystem::path& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxListBytes));
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (!document.is_object() || !document.contains("invalid_locations") ||
      !document["invalid_locations"].is_array()) {
    return Corrupt("{}: expected a list 'invalid_locations'", file.string());
  }
  std::vector<std::string> regions;
  for (const auto& region : document["invalid_locations"]) {
    if (!region.is_string()) return Corrupt("{}: a region must be text", file.string());
    regions.push_back(region.get<std::string>());
  }
  return regions;
}

}  // namespace

SizeFacts FactsOf(std::string_view sku) {
  SizeFacts facts;
  const std::string lower = ToLower(sku);
  std::string_view rest = lower;
  rest.remove_prefix(std::min(rest.size(), rest.find('_') + 1));
  std::string letters;
  while (!rest.empty() && (rest.front() < '0' || rest.front() > '9')) {
    letters += rest.front();
    rest.remove_prefix(1);
  }
  facts.vcpus = facts.usable_vcpus = LeadingNumber(rest, 1);
  if (rest.starts_with('-')) {
    rest.remove_prefix(1);
    facts.usable_vcpus = LeadingNumber(rest, facts.vcpus);
  }
  std::string suffix(rest.substr(0, rest.find('_')));
  std::string version(rest.substr(std::min(rest.size(), rest.find("_v"))));
  std::erase(version, '_');
  for (std::string* part : {&letters, &suffix}) {
    for (char& c : *part) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  facts.family = fmt::format("standard{}{}{}Family", letters, suffix, version);
  const double per_vcpu = letters.starts_with('E') || letters.starts_with('M') ? 8
                          : letters.starts_with('F')                           ? 2
                          : letters == "DS" || letters == "A"                  ? 3.5
                                                                               : 4;
  facts.memory_gib = facts.vcpus * per_vcpu;
  return facts;
}

Result<Offers> Offers::Make(const OffersWorld& world, std::vector<Pair> pairs, uint64_t seed) {
  Offers offers;
  offers.world_ = world;
  offers.seed_ = SeededHash(seed, "offers");
  if (!world.invalid_regions_file.empty()) {
    ASSIGN_OR_RETURN(const auto more, ReadInvalidRegions(world.invalid_regions_file), "offers");
    auto& invalid = offers.world_.invalid_regions;
    invalid.insert(invalid.end(), more.begin(), more.end());
  }
  LowerAll(offers.world_.invalid_regions);
  LowerAll(offers.world_.invalid_skus);
  LowerAll(offers.world_.zoneless_regions);
  for (Restriction& restriction : offers.world_.restrictions) {
    for (std::string* glob : {&restriction.subscription, &restriction.region, &restriction.sku}) {
      *glob = ToLower(*glob);
    }
  }
  std::set<std::string> regions;
  for (const auto& [region, sku] : pairs) {
    const Pair lower(ToLower(region), ToLower(sku));
    if (!MatchesAny(offers.world_.invalid_regions, lower.first)) regions.insert(lower.first);
    if (!MatchesAny(offers.world_.invalid_skus, lower.second)) offers.skus_.insert(lower.second);
    offers.offered_.insert(lower);
  }
  offers.regions_.assign(regions.begin(), regions.end());
  offers.pairs_ = std::move(pairs);
  return offers;
}

bool Offers::KnowsRegion(const std::string& region) const {
  return std::binary_search(regions_.begin(), regions_.end(), region);
}

bool Offers::KnowsSku(const std::string& sku) const { return skus_.contains(sku); }

bool Offers::Offered(const std::string& region, const std::string& sku) const {
  return offered_.contains({region, sku});
}

bool Offers::HasZones(std::string_view region) const {
  return !MatchesAny(world_.zoneless_regions, region);
}

bool Offers::InZone(const std::string& region, const std::string& sku, int physical) const {
  const uint64_t hash = SeededHash(seed_, fmt::format("zones {}/{}", region, sku));
  if (hash % 8 != 0) return true;  // most are everywhere
  const auto missing = static_cast<int>(hash / 8 % 3) + 1;
  return physical != missing;
}

int Offers::PhysicalZone(const std::string& subscription, const std::string& region,
                         int logical) const {
  constexpr std::array<std::array<int, 3>, 6> kOrders = {
      {{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}}};
  const uint64_t hash = SeededHash(seed_, fmt::format("order {}/{}", subscription, region));
  return kOrders[hash % kOrders.size()][static_cast<size_t>(logical - 1)];
}

bool Offers::Restricted(const std::string& subscription, const std::string& region,
                        const std::string& sku) const {
  for (const Restriction& restriction : world_.restrictions) {
    if (GlobMatch(restriction.subscription, subscription) &&
        GlobMatch(restriction.region, region) && GlobMatch(restriction.sku, sku)) {
      return true;
    }
  }
  if (world_.restricted <= 0) return false;
  const std::string key =
      fmt::format("restricted {}/{}/{}", subscription, region, FactsOf(sku).family);
  return SeededShare(seed_, key) < world_.restricted;
}

}  // namespace catchment::simulator
