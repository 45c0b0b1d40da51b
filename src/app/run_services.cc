#include "app/run_services.h"

#include "lake/local_store.h"
#include "net/endpoints.h"

extern char** environ;

namespace catchment::app {
namespace {

/// Real hosts of the services that a simulator may stand in for.
std::vector<net::ServiceHost> ServiceHosts() {
  return {{"prices.azure.com", "prices"},
          {"management.azure.com", "management"},
          {"login.microsoftonline.com", "login"},
          {"hooks.slack.com", "slack"},
          {"cmr.earthdata.nasa.gov", "cmr"},
          {"data.lpdaac.earthdatacloud.nasa.gov", "lpdaac"},
          {"lp-prod-public.s3.us-west-2.amazonaws.com",
           "lpdaac"}};  // those of AWS are named by their requests
}

}  // namespace

Result<net::Transport*> LazyTransport::Open() {
  MutexLock lock(mutex_);
  if (!timed_) {
    net::CurlOptions options;
    ASSIGN_OR_RETURN(options.endpoints, net::Endpoints::FromEnvironment(environ, ServiceHosts()));
    options.user_agent = "catchment/" CATCHMENT_VERSION;
    ASSIGN_OR_RETURN(curl_, net::CurlTransport::Open(std::move(options)));
    timed_ = std::make_unique<SimulatedTimeTransport>(*curl_);
  }
  return timed_.get();
}

Result<net::Response> LazyTransport::Send(const net::Request& request, const OpContext& context) {
  ASSIGN_OR_RETURN(net::Transport * transport, Open());
  return transport->Send(request, context);
}

void LazyTransport::Start(net::Request request, const OpContext& context, Done done) {
  const Result<net::Transport*> transport = Open();
  if (!transport.ok()) return done(transport.error());
  (*transport)->Start(std::move(request), context, std::move(done));
}

RunServices::RunServices(const Settings& settings, const core::RunSpec& spec, StateStores& state)
    : settings_(settings),
      state_(state),
      local_secrets_(environ),
      subscriptions_(network_,
                     [this](const std::string& identity, const OpContext& context) {
                       return Tokens(identity)->Subscriptions(context);
                     }),
      budgets_(subscriptions_, state.budgets()),
      items_(
          files_,
          [this, &spec] { return OpenPacks(settings_, spec, state_, *vault_, work_folder_); },
          [this] { return Tokens("earthdata"); }),
      world_(items_, [this, &spec] { return FindEarlierRuns(settings_, spec, state_, *store_); }) {}

Result<std::unique_ptr<RunServices>> RunServices::Open(const Settings& settings,
                                                       const core::RunSpec& spec,
                                                       StateStores& state) {
  std::unique_ptr<RunServices> services(new RunServices(settings, spec, state));
  RunServices& made = *services;
  made.work_folder_ = WorkFolder(settings, spec.run);
  ASSIGN_OR_RETURN(made.store_, lake::LocalStore::OpenWrite(settings.lake_root));
  made.vault_ = std::make_unique<lake::VaultBlobStore>(*made.store_, spec.dataset.text);
  ASSIGN_OR_RETURN(made.log_, net::ExchangeLog::Open(made.work_folder_));
  made.tasks_.settings = &settings;
  made.tasks_.store = made.store_.get();
  made.tasks_.transport = [&made](const std::string& task) -> std::unique_ptr<net::Transport> {
    return std::make_unique<net::RecordingTransport>(made.world_, *made.log_, task);
  };
  made.tasks_.tokens = [&made](const std::string& identity) -> net::TokenSource* {
    return made.Tokens(identity);
  };
  made.tasks_.budgets = &state.budgets();
  made.tasks_.secrets = &made.secrets_;
  made.tasks_.work_folder = made.work_folder_;
  return services;
}

RunServices::~RunServices() {
  items_.StopAhead();
  log_.reset();
  if (!work_folder_.empty()) RemoveWork(work_folder_, kept_);
}

PublisherServices RunServices::publisher() {
  PublisherServices made;
  made.settings = &settings_;
  made.store = store_.get();
  made.leases = &state_.leases();
  made.machine = &state_.machine();
  made.log = log_.get();
  made.sinks = {&network_, &secrets_};
  return made;
}

IdentityTokens* RunServices::Tokens(const std::string& identity) {
  MutexLock lock(mutex_);
  const auto known = tokens_.find(identity);
  if (known != tokens_.end()) return known->second.get();
  core::Identity named;  // without references unless configured: every token is then denied
  named.name = identity;
  const auto configured = settings_.config.identities.find(identity);
  if (configured != settings_.config.identities.end()) named = configured->second;
  auto made = std::make_unique<IdentityTokens>(std::move(named), network_, secrets_);
  return tokens_.emplace(identity, std::move(made)).first->second.get();
}

}  // namespace catchment::app
