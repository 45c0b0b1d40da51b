#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "app/identity_tokens.h"
#include "app/lake_publisher.h"
#include "app/settings.h"
#include "app/simulated_transport.h"
#include "app/state_stores.h"
#include "app/task_bodies.h"
#include "app/work_folders.h"
#include "core/run_spec.h"
#include "lake/store.h"
#include "lake/vault_blob_store.h"
#include "net/aws_secrets.h"
#include "net/curl_transport.h"
#include "net/secrets.h"
#include "net/vault.h"
#include "sources/azure/subscription_transport.h"
#include "sources/budget_transport.h"
#include "sources/cmr/item_fetch.h"
#include "sources/earlier_answers.h"
#include "sources/generic/file_transport.h"

namespace catchment::app {

/// The world as a run reaches it, opened on first use: a run without requests starts no network
/// thread. Thread-safe.
class LazyTransport final : public net::Transport {
 public:
  Result<net::Response> Send(const net::Request& request, const OpContext& context) override;
  void Start(net::Request request, const OpContext& context, Done done) override;

 private:
  Result<net::Transport*> Open();
  // Guarded by mutex_.
  Mutex mutex_;
  std::unique_ptr<net::CurlTransport> curl_ GUARDED_BY(mutex_);
  std::unique_ptr<SimulatedTimeTransport> timed_ GUARDED_BY(mutex_);
};

/// The concrete classes of one run, put together. Not movable: parts point at each other.
class RunServices {
 public:
  /// Open everything that `spec` needs: the lake, the exchange log in the run's work folder,
  /// secrets. `spec` and `state` outlive it.
  static Result<std::unique_ptr<RunServices>> Open(const Settings& settings,
                                                   const core::RunSpec& spec, StateStores& state);
  /// Removes the work folder.
  ~RunServices();
  /// Leave the request ledger there for the next run of the slot.
  void KeepLedger() { kept_.ledger = true; }
  /// Leave there what says which packs of responses the run filled.
  void KeepPacks() { kept_.packs = true; }

  const TaskServices& tasks() const { return tasks_; }
  PublisherServices publisher();
  lake::WriteStore& store() { return *store_; }

 private:
  RunServices(const Settings& settings, const core::RunSpec& spec, StateStores& state);
  IdentityTokens* Tokens(const std::string& identity);

  // Constant after construction.
  const Settings& settings_;
  StateStores& state_;
  std::filesystem::path work_folder_;
  std::unique_ptr<lake::WriteStore> store_;
  net::LocalSecretStore local_secrets_;
  std::unique_ptr<net::ExchangeLog> log_;
  LazyTransport network_;
  net::AwsSecretStore secrets_{local_secrets_, network_};
  // What a source may ask, from the recording down: runs that died, items by the thousand, files,
  // budgets, then services.
  sources::azure::SubscriptionTransport subscriptions_;
  sources::BudgetTransport budgets_;
  sources::generic::FileTransport files_{budgets_};
  std::unique_ptr<lake::VaultBlobStore> vault_;
  sources::cmr::ItemFetchTransport items_;
  sources::EarlierTransport world_;
  TaskServices tasks_;
  // Used by the caller's thread alone.
  KeptWork kept_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::map<std::string, std::unique_ptr<IdentityTokens>> tokens_ GUARDED_BY(mutex_);
};

}  // namespace catchment::app
