#include "app/placement_forecast.h"

#include "app/identity_tokens.h"
#include "app/run_services.h"
#include "app/state_stores.h"
#include "lake/table_read.h"
#include "net/aws_secrets.h"
#include "sources/azure/subscription_transport.h"

extern char** environ;

namespace catchment::app {
namespace {

using sources::azure::PlacementForecast;
using sources::azure::PlacementSettings;

Result<std::vector<std::string>> SubscriptionDigests(const Settings& settings,
                                                     const std::string& name, Clock& clock) {
  const auto identity = settings.config.identities.find(name);
  if (identity == settings.config.identities.end())
    return Denied("there is no identity '{}' in the configuration", name);
  net::LocalSecretStore local(environ);
  LazyTransport network;
  net::AwsSecretStore secrets(local, network);
  OpContext context;
  context.clock = &clock;
  IdentityTokens tokens(identity->second, network, secrets);
  ASSIGN_OR_RETURN(const std::vector<std::string> ids, tokens.Subscriptions(context));
  std::vector<std::string> digests;
  for (const std::string& id : ids) digests.push_back(sources::azure::SubscriptionDigest(id));
  return digests;
}

/// Free calls of each subscription, over the locations that the state knows.
Result<std::map<std::string, int64_t>> FreeCalls(const Settings& settings,
                                                 const PlacementSettings& placement,
                                                 const std::vector<std::string>& digests,
                                                 const nlohmann::json& state, Time now) {
  std::map<std::string, int64_t> free;
  for (const std::string& digest : digests) free[digest] = 0;
  std::vector<std::string> locations;
  if (const auto known = state.find("locations"); known != state.end() && known->is_array()) {
    for (const nlohmann::json& location : *known) {
      if (location.is_string()) locations.push_back(location.get<std::string>());
    }
  }
  if (locations.empty() || digests.empty()) return free;
  ASSIGN_OR_RETURN(const auto stores, StateStores::Open(settings));
  const std::vector<net::BudgetKey> buckets =
      sources::azure::PlacementBuckets(placement.identity, digests, locations);
  ASSIGN_OR_RETURN(const std::vector<net::BudgetRoom> rooms, stores->budgets().Free(buckets, now));
  for (size_t at = 0; at < buckets.size(); ++at) {
    for (const std::string& digest : digests) {
      if (buckets[at].bucket.starts_with(placement.identity + "/" + digest + "/"))
        free[digest] += rooms[at].free;
    }
  }
  return free;
}

Result<std::optional<columnar::Table>> PublishedTable(const lake::ReadStore& store,
                                                      const lake::View& head,
                                                      const std::string& name) {
  if (!head.tables.contains(name)) return std::optional<columnar::Table>();
  ASSIGN_OR_RETURN(columnar::Table table, lake::ReadTable(store, head, name));
  return std::optional<columnar::Table>(std::move(table));
}

}  // namespace

Result<std::optional<PlacementForecast>> ForecastPlacement(const Settings& settings,
                                                           const core::RunSpec& spec,
                                                           const core::TaskSpec& task,
                                                           const lake::ReadStore& store,
                                                           const lake::View& head) {
  ASSIGN_OR_RETURN(const nlohmann::json with, core::ExpandDocument(task.with, spec.placeholders),
                   "task '{}'", task.name);
  ASSIGN_OR_RETURN(const PlacementSettings placement,
                   sources::azure::ReadPlacementSettings(with, task.name));
  ASSIGN_OR_RETURN(const auto snapshot, PublishedTable(store, head, "snapshot"));
  if (!snapshot) return std::optional<PlacementForecast>();
  ASSIGN_OR_RETURN(const auto plan, PublishedTable(store, head, "plan"));
  ASSIGN_OR_RETURN(const auto clock, MakeClock(settings, spec.slot.start));
  ASSIGN_OR_RETURN(const std::vector<std::string> digests,
                   SubscriptionDigests(settings, placement.identity, *clock));
  ASSIGN_OR_RETURN(const auto free,
                   FreeCalls(settings, placement, digests, head.state, clock->Now()));
  ASSIGN_OR_RETURN(PlacementForecast forecast,
                   sources::azure::PlanPlacement(placement, head.state, spec.slot.start, *snapshot,
                                                 snapshot, plan, free),
                   "task '{}'", task.name);
  return std::optional<PlacementForecast>(forecast);
}

}  // namespace catchment::app
