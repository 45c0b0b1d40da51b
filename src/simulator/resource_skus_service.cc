#include "simulator/resource_skus_service_internal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "simulator/responses_internal.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;

struct OtherKind {
  const char* type;
  const char* name;
};
// What the list holds beside machines, once a region.
constexpr std::array<OtherKind, 5> kOthers = {{{"availabilitySets", "Aligned"},
                                               {"disks", "Premium_LRS"},
                                               {"hostGroups/hosts", "DSv3-Type1"},
                                               {"snapshots", "Standard_ZRS"},
                                               {"galleries", "Standard"}}};

// eastus, EastUS-like or EASTUS: the service mixes them.
std::string SpellRegion(std::string region, uint64_t hash) {
  const size_t upper = hash % 4 == 0 ? region.size() : hash % 4 == 1 ? 1 : 0;
  for (size_t i = 0; i < std::min(upper, region.size()); ++i) {
    char& c = region[i];
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return region;
}

ordered_json Capability(const char* name, std::string value) {
  return {{"name", name}, {"value", std::move(value)}};
}

std::string SubscriptionOf(const HttpRequest& request) {
  const std::vector<std::string> parts = Split(ToLower(request.path), '/');
  return parts.size() > 2 ? parts[2] : "";
}

// nullopt: the parameter is not one of ours.
std::optional<size_t> OffsetOf(const HttpRequest& request) {
  for (const auto& [name, value] : ParseQuery(request.query)) {
    if (name != "$skiptoken") continue;
    size_t offset = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), offset);
    if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
    return offset;
  }
  return 0;
}

}  // namespace

ResourceSkusService::ResourceSkusService(const ResourceSkusWorld& world,
                                         const std::vector<std::string>& subscriptions,
                                         const Offers& offers, TokenStore& tokens, uint64_t seed)
    : page_size_(static_cast<size_t>(world.page_size)),
      offers_(offers),
      seed_(SeededHash(seed, "resource_skus")),
      tokens_(tokens) {
  for (const std::string& subscription : subscriptions) {
    subscriptions_.insert(ToLower(subscription));
  }
}

bool ResourceSkusService::Owns(std::string_view path) {
  return GlobMatch("/subscriptions/*/providers/microsoft.compute/skus", ToLower(path));
}

FaultSubject ResourceSkusService::Describe(const HttpRequest& request) const {
  return {.path = request.path,
          .target = request.target,
          .skip = static_cast<int64_t>(OffsetOf(request).value_or(0)),
          .filter = ""};
}

size_t ResourceSkusService::Total() const {
  return offers_.pairs().size() + kOthers.size() * offers_.regions().size();
}

std::string ResourceSkusService::Machine(const std::string& subscription,
                                         const Offers::Pair& pair) const {
  const std::string region = ToLower(pair.first), sku = ToLower(pair.second);
  const SizeFacts facts = FactsOf(sku);
  const std::string spelled = SpellRegion(region, SeededHash(seed_, pair.first + pair.second));
  ordered_json zones = ordered_json::array();
  for (int logical = 1; offers_.HasZones(region) && logical <= 3; ++logical) {
    const int physical = offers_.PhysicalZone(subscription, region, logical);
    if (!offers_.InZone(region, sku, physical)) continue;
    zones.insert(zones.begin() + (physical > 1 ? 0 : static_cast<int>(zones.size())),
                 std::to_string(logical));  // in no order, as the service gives them
  }
  ordered_json entry;
  entry["resourceType"] = "virtualMachines";
  entry["name"] = pair.second;
  entry["tier"] = pair.second.substr(0, pair.second.find('_'));
  entry["size"] = pair.second.substr(std::min(pair.second.size(), pair.second.find('_') + 1));
  entry["family"] = facts.family;
  entry["locations"] = {spelled};
  entry["locationInfo"] = ordered_json::array(
      {{{"location", spelled}, {"zones", zones}, {"zoneDetails", ordered_json::array()}}});
  entry["capabilities"] = ordered_json::array(
      {Capability("OSVhdSizeMB", "1047552"), Capability("vCPUs", std::to_string(facts.vcpus)),
       Capability("MemoryGB", fmt::format("{}", facts.memory_gib)),
       Capability("vCPUsAvailable", std::to_string(facts.usable_vcpus)),
       Capability("LowPriorityCapable", "True")});
  entry["restrictions"] = ordered_json::array();
  if (offers_.Restricted(subscription, region, sku)) {
    entry["restrictions"].push_back({{"type", "Location"},
                                     {"values", {spelled}},
                                     {"restrictionInfo", {{"locations", {spelled}}}},
                                     {"reasonCode", "NotAvailableForSubscription"}});
  }
  return entry.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string ResourceSkusService::OtherResource(size_t number) const {
  const OtherKind& kind = kOthers[number % kOthers.size()];
  const std::string& region = offers_.regions()[number / kOthers.size()];
  ordered_json entry;
  entry["resourceType"] = kind.type;
  entry["name"] = kind.name;
  entry["locations"] = {region};
  entry["locationInfo"] =
      ordered_json::array({{{"location", region}, {"zones", ordered_json::array()}}});
  entry["capabilities"] = ordered_json::array({Capability("MaximumPlatformFaultDomainCount", "3")});
  entry["restrictions"] = ordered_json::array();
  return entry.dump();
}

// The others stand first, as the service sorts by type.
std::string ResourceSkusService::Entry(const std::string& subscription, size_t number) const {
  const size_t others = kOthers.size() * offers_.regions().size();
  if (number < others) return OtherResource(number);
  return Machine(subscription, offers_.pairs()[number - others]);
}

ServiceAnswer ResourceSkusService::Answer(const HttpRequest& request, const ActiveFaults& active,
                                          Time now) {
  if (request.method != "GET") return {AzureError(405, "MethodNotAllowed", "expected GET"), ""};
  if (request.query.find("api-version=") == std::string::npos) {
    return {AzureError(400, "MissingApiVersionParameter",
                       "The api-version query parameter (?api-version=) is required."),
            ""};
  }
  std::string client;
  const TokenStore::State state = tokens_.Check(request, now, client);
  if (state != TokenStore::State::kValid) return {RefuseToken(state), ""};
  const std::string subscription = SubscriptionOf(request);
  if (!subscriptions_.contains(subscription)) {
    return {AzureError(403, "AuthorizationFailed",
                       fmt::format("The client '{}' does not have authorization over scope "
                                   "'/subscriptions/{}'.",
                                   client, subscription)),
            ""};
  }
  const std::optional<size_t> offset = OffsetOf(request);
  if (!offset) return {AzureError(400, "InvalidParameter", "$skiptoken is not one of ours"), ""};
  const size_t first = std::min(*offset, Total());
  const size_t last = std::min(Total(), first + page_size_);
  std::string entries;
  if (active.Find("empty_page") == nullptr) {
    for (size_t number = first; number < last; ++number) {
      entries += (entries.empty() ? "" : ",") + Entry(subscription, number);
    }
  }
  if (active.Find("repeat_entries") != nullptr && last > first) {
    entries += "," + Entry(subscription, last - 1);
  }
  HttpResponse response;
  response.body = "{";
  if (active.Find("no_value") == nullptr) response.body += "\"value\":[" + entries + "]";
  const bool loops = active.Find("link_loop") != nullptr;
  if (last < Total() || loops) {
    response.body += fmt::format(
        "{}\"nextLink\":\"https://management.azure.com/subscriptions/{}/providers/"
        "Microsoft.Compute/skus?api-version=2021-07-01&$skiptoken={}\"",
        response.body.size() > 1 ? "," : "", subscription, loops ? first : last);
  }
  response.body += "}";
  return {std::move(response), ""};
}

}  // namespace catchment::simulator
