#include "simulator/placement_service_internal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "simulator/responses_internal.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMaxRegions = 8;
constexpr size_t kMaxSkus = 5;
constexpr std::string_view kNoData = "DataNotFoundOrStale";
constexpr std::string_view kRestricted = "RestrictedSkuNotAvailable";
constexpr std::array<std::string_view, 4> kScores = {"", "Low", "Medium", "High"};

std::string Dump(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string SwapCase(std::string text) {
  const bool has_upper = ToLower(text) != text;
  for (char& c : text) {
    if (!has_upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return has_upper ? ToLower(text) : text;
}

// The refusal of one value, in the forms that a caller may meet.
HttpResponse RefuseValue(std::string value, std::string_view parameter,
                         const ActiveFaults& active) {
  if (active.Find("changed_case") != nullptr) value = SwapCase(std::move(value));
  const std::string message = fmt::format(
      "The value '{}' provided for the input parameter '{}' is not valid.", value, parameter);
  if (active.Find("plain_text") != nullptr) return PlainText(400, message);
  HttpResponse response = AzureError(400, "InvalidParameter", message);
  if (active.Find("escaped_quotes") != nullptr) {
    std::string escaped;
    for (const char c : response.body) escaped += c == '\'' ? "\\u0027" : std::string(1, c);
    response.body = std::move(escaped);
  }
  return response;
}

constexpr std::string_view kRegionParameter = "desiredLocations";
constexpr std::string_view kSkuParameter = "SpotPlacementRecommenderInput.desiredSizes";

std::optional<std::vector<std::string>> TextList(const ordered_json& list, const char* key) {
  if (!list.is_array()) return std::nullopt;
  std::vector<std::string> texts;
  for (const ordered_json& entry : list) {
    const ordered_json* value = &entry;
    if (key != nullptr) {
      if (!entry.is_object() || !entry.contains(key)) return std::nullopt;
      value = &entry[key];
    }
    if (!value->is_string()) return std::nullopt;
    texts.push_back(value->get<std::string>());
  }
  return texts;
}

}  // namespace

PlacementService::PlacementService(const PlacementWorld& world,
                                   const std::vector<std::string>& subscriptions,
                                   const Offers& offers, TokenStore& tokens, uint64_t seed)
    : world_(world),
      offers_(offers),
      seed_(SeededHash(seed, "placement")),
      locations_(world.locations.empty() ? offers.regions() : world.locations),
      tokens_(tokens),
      window_(world.calls, world.window) {
  for (const std::string& subscription : subscriptions) {
    subscriptions_.insert(ToLower(subscription));
  }
  for (std::string& location : locations_) location = ToLower(location);
}

bool PlacementService::Owns(std::string_view path) {
  return GlobMatch(
      "/subscriptions/*/providers/microsoft.compute/locations/*/placementscores/spot/generate",
      ToLower(path));
}

PlacementService::Address PlacementService::ReadAddress(const HttpRequest& request) {
  const std::vector<std::string> parts = Split(ToLower(request.path), '/');
  if (parts.size() != 10) return {};
  return {parts[2], parts[6]};
}

FaultSubject PlacementService::Describe(const HttpRequest& request) const {
  // Which bucket a call goes to depends on the order of the answers; its body does not.
  return {.path = request.path,
          .target = ReadAddress(request).subscription + request.body,
          .skip = std::nullopt,
          .filter = ""};
}

PlacementService::Query PlacementService::ReadQuery(const std::string& body) const {
  Query query;
  const ordered_json document = ordered_json::parse(body, nullptr, false);
  const auto refuse = [&](std::string_view problem) {
    query.problem = problem;
    return query;
  };
  if (!document.is_object()) return refuse("The request body is no JSON object.");
  const ordered_json zones = document.value("availabilityZones", ordered_json(false));
  const ordered_json count = document.value("desiredCount", ordered_json());
  if (!zones.is_boolean()) return refuse("availabilityZones must be true or false.");
  if (!count.is_number_integer()) return refuse("desiredCount must be a whole number.");
  query.zones = zones.get<bool>();
  query.count = count.get<int64_t>();
  if (query.count < 1 || query.count > world_.max_count) {
    return refuse(fmt::format("desiredCount must be 1 to {}.", world_.max_count));
  }
  const auto regions = TextList(document.value("desiredLocations", ordered_json()), nullptr);
  const auto skus = TextList(document.value("desiredSizes", ordered_json()), "sku");
  if (!regions || regions->empty() || regions->size() > kMaxRegions) {
    return refuse(fmt::format("desiredLocations must name 1 to {} locations.", kMaxRegions));
  }
  if (!skus || skus->empty() || skus->size() > kMaxSkus) {
    return refuse(fmt::format("desiredSizes must name 1 to {} sizes.", kMaxSkus));
  }
  query.regions = *regions;
  query.skus = *skus;
  return query;
}

CallWindow::Answer PlacementService::Take(const Address& address, Time now) {
  int64_t foreign = 0;
  for (const ForeignUse& use : world_.foreign_use) {
    if (GlobMatch(ToLower(use.subscription), address.subscription) &&
        GlobMatch(ToLower(use.location), address.location) && (!use.since || now >= *use.since) &&
        (!use.until || now < *use.until)) {
      foreign += use.calls;
    }
  }
  return window_.Take(address.Bucket(), now, foreign);
}

std::string PlacementService::Count(const HttpRequest& request, Time now) {
  const Address address = ReadAddress(request);
  Take(address, now);
  return address.Bucket();
}

std::optional<HttpResponse> PlacementService::RefuseCaller(const HttpRequest& request,
                                                           const Address& address,
                                                           const ActiveFaults& active, Time now) {
  if (request.method != "POST") return AzureError(405, "MethodNotAllowed", "expected POST");
  if (request.query.find("api-version=") == std::string::npos) {
    return AzureError(
        400, "MissingApiVersionParameter",
        "The api-version query parameter (?api-version=) is required for all requests.");
  }
  if (active.Find("unauthorized") != nullptr) return RefuseToken(TokenStore::State::kUnknown);
  std::string client;
  const TokenStore::State state = tokens_.Check(request, now, client);
  if (state != TokenStore::State::kValid) return RefuseToken(state);
  if (active.Find("forbidden") != nullptr || !subscriptions_.contains(address.subscription)) {
    return AzureError(
        403, "AuthorizationFailed",
        fmt::format("The client '{}' does not have authorization to perform action "
                    "'Microsoft.Compute/locations/placementScores/generate/action' over "
                    "scope '/subscriptions/{}'.",
                    client, address.subscription));
  }
  if (const Fault* fault = active.Find("throttled")) {
    const int64_t seconds = fault->size.value_or(372);
    HttpResponse response = AzureError(
        429, "ResourceRequestsThrottled",
        fmt::format("Number of requests for action "
                    "'Microsoft.Compute/locations/placementScores/generate/action' exceeded the "
                    "limit of '50' for time interval '00:05:00'. Please try again after '{}' "
                    "seconds.",
                    seconds));
    if (fault->retry_after) response.headers.emplace_back("Retry-After", *fault->retry_after);
    return response;
  }
  return std::nullopt;
}

HttpResponse PlacementService::RefuseBucket(const ActiveFaults& active, int64_t seconds,
                                            bool tells) const {
  const Fault* fault = active.Find("bucket_full");
  std::string text = "You have reached the maximum number of requests allowed.";
  if (tells) text += fmt::format(" Please try again after {} seconds.", seconds);
  HttpResponse response = PlainText(429, std::move(text));
  if (fault != nullptr && fault->retry_after) {
    response.headers.emplace_back("Retry-After", *fault->retry_after);
  }
  return response;
}

// One value at a time: the first region that is not known, else the first SKU.
std::optional<HttpResponse> PlacementService::RefuseValues(const Query& query,
                                                           const ActiveFaults& active) const {
  if (const Fault* fault = active.Find("invalid_region")) {
    return RefuseValue(fault->body.value_or(query.regions.front()), kRegionParameter, active);
  }
  if (const Fault* fault = active.Find("invalid_sku")) {
    return RefuseValue(fault->body.value_or(query.skus.front()), kSkuParameter, active);
  }
  for (const std::string& region : query.regions) {
    if (!offers_.KnowsRegion(ToLower(region))) {
      return RefuseValue(region, kRegionParameter, active);
    }
  }
  for (const std::string& sku : query.skus) {
    if (!offers_.KnowsSku(ToLower(sku))) return RefuseValue(sku, kSkuParameter, active);
  }
  return std::nullopt;
}

ServiceAnswer PlacementService::Answer(const HttpRequest& request, const ActiveFaults& active,
                                       Time now) {
  const Address address = ReadAddress(request);
  const std::string bucket = address.Bucket();
  if (auto refusal = RefuseCaller(request, address, active, now)) return {*refusal, bucket};
  const CallWindow::Answer quota = Take(address, now);
  if (const Fault* fault = active.Find("bucket_full")) {
    return {RefuseBucket(active, fault->size.value_or(0), fault->size.has_value()), bucket};
  }
  if (!quota.allowed) {
    return {RefuseBucket(active, quota.wait.count(), world_.tells_seconds), bucket};
  }
  if (std::find(locations_.begin(), locations_.end(), address.location) == locations_.end()) {
    return {
        AzureError(400, "NoRegisteredProviderFound",
                   fmt::format("No registered resource provider found for location '{}' and API "
                               "version '2025-06-05' for type 'locations/placementScores'. The "
                               "supported api-versions are '2025-06-05'. The supported locations "
                               "are '{}'.",
                               address.location, fmt::join(locations_, ", "))),
        bucket};
  }
  if (active.Find("bad_gateway") != nullptr && active.Find("plain_text") != nullptr) {
    return {PlainText(502, "BadGatewayConnection"), bucket};
  }
  if (active.Find("bad_gateway") != nullptr) {
    return {AzureError(502, "BadGatewayConnection",
                       "The network connectivity issue encountered for 'Microsoft.Compute'; cannot "
                       "fulfill the request."),
            bucket};
  }
  const Query query = ReadQuery(request.body);
  if (!query.problem.empty()) return {AzureError(400, "BadRequest", query.problem), bucket};
  if (auto refusal = RefuseValues(query, active)) return {*refusal, bucket};
  return {Scores(address, query, active, now), bucket};
}

// From its own share of capacity, which changes now and then, follow the largest counts that are
// called High and Medium.
std::string_view PlacementService::ScoreIn(const Cell& cell, int physical_zone, int64_t count,
                                           Time now) const {
  if (offers_.Restricted(cell.subscription, cell.region, cell.sku)) return kRestricted;
  const std::string key = fmt::format("{}/{}/{}", cell.region, cell.sku, physical_zone);
  const double days =
      std::chrono::duration<double, std::ratio<86400>>(now.time_since_epoch()).count();
  const auto version =
      static_cast<int64_t>(std::floor(days * world_.drift + SeededShare(seed_, key + "/phase")));
  const std::string versioned = fmt::format("{}/{}", key, version);
  if (physical_zone > 0 && !offers_.InZone(cell.region, cell.sku, physical_zone)) return kNoData;
  // Where it is not sold, the service answers all the same.
  const double unknown = offers_.Offered(cell.region, cell.sku) ? world_.unknown : 0.5;
  if (SeededShare(seed_, versioned + "/unknown") < unknown) return kNoData;
  const double usual = SeededShare(seed_, key + "/usual");
  const double moved = SeededShare(seed_, versioned + "/moved") - 0.5;
  const double capacity = std::clamp(usual + 0.5 * moved, 0.0, 1.0);
  const double high = capacity < 0.2 ? 0 : 75 * (capacity - 0.2) + 1;
  const double medium = capacity < 0.1 ? 0 : high + 30 * SeededShare(seed_, key + "/medium") + 1;
  const auto wanted = static_cast<double>(count);
  return kScores[wanted <= high ? 3 : wanted <= medium ? 2 : 1];
}

// Of a whole region: what its best zone says.
std::string_view PlacementService::BestScore(const Cell& cell, int64_t count, Time now) const {
  if (!offers_.HasZones(cell.region)) return ScoreIn(cell, 0, count, now);
  const auto rank = [](std::string_view score) {
    return std::find(kScores.begin(), kScores.end(), score) - kScores.begin();
  };
  std::string_view best = ScoreIn(cell, 1, count, now);
  for (int zone = 2; zone <= 3; ++zone) {
    const std::string_view score = ScoreIn(cell, zone, count, now);
    const bool scored = rank(score) < 4;
    if (scored && (rank(best) == 4 || rank(score) > rank(best))) best = score;
  }
  return best;
}

HttpResponse PlacementService::Scores(const Address& address, const Query& query,
                                      const ActiveFaults& active, Time now) const {
  ordered_json sizes = ordered_json::array();
  for (const std::string& sku : query.skus) sizes.push_back({{"sku", sku}});
  std::string rows;
  const auto add = [&](const std::string& sku, const std::string& region, std::string_view zone,
                       std::string_view score, bool quota) {
    std::string text(score);
    if (const Fault* fault = active.Find("unknown_score"); fault != nullptr && rows.empty()) {
      text = fault->body.value_or("Excellent");
    }
    if (active.Find("changed_score_case") != nullptr) text = SwapCase(std::move(text));
    rows += fmt::format("{}{{\"sku\":{},\"region\":{},{}\"score\":{},\"isQuotaAvailable\":{}}}",
                        rows.empty() ? "" : ",", Dump(sku), Dump(region), zone, Dump(text), quota);
  };
  const Fault* omits = active.Find("omit_pairs");
  int64_t number = 0;
  for (const std::string& region_sent : query.regions) {
    for (const std::string& sku_sent : query.skus) {
      const int64_t pair = number++;
      const std::string region = ToLower(region_sent), sku = ToLower(sku_sent);
      const std::string key = region + "/" + sku;
      if (omits != nullptr && pair >= omits->at && pair < omits->at + omits->count) continue;
      if (SeededShare(seed_, key + "/omitted") < world_.omitted) continue;
      const Cell cell{address.subscription, region, sku};
      const bool quota =
          SeededShare(seed_, address.subscription + "/" + FactsOf(sku).family) * 1000 + 20 >=
          static_cast<double>(query.count);
      if (!query.zones || !offers_.HasZones(region)) {
        const bool null_zone = query.zones && active.Find("null_zone") != nullptr;
        add(sku_sent, region_sent, null_zone ? "\"availabilityZone\":null," : "",
            BestScore(cell, query.count, now), quota);
        continue;
      }
      for (int zone = 1; zone <= 3; ++zone) {
        const int physical = offers_.PhysicalZone(address.subscription, region, zone);
        add(sku_sent, region_sent, fmt::format("\"availabilityZone\":\"{}\",", zone),
            ScoreIn(cell, physical, query.count, now), quota);
      }
    }
  }
  HttpResponse response;
  response.body = fmt::format(
      "{{\"desiredLocations\":{},\"desiredSizes\":{},\"desiredCount\":{},\"availabilityZones\":{}",
      Dump(query.regions), Dump(sizes), query.count, query.zones);
  if (active.Find("no_scores") == nullptr) response.body += ",\"placementScores\":[" + rows + "]";
  response.body += "}";
  response.headers.emplace_back("api-supported-versions", "2025-06-05");
  response.headers.emplace_back("x-ms-ratelimit-remaining-subscription-writes",
                                active.Find("writes_used_up") != nullptr ? "0" : "1199");
  return response;
}

}  // namespace catchment::simulator
