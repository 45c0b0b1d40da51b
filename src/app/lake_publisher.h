#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "app/settings.h"
#include "core/lease.h"
#include "core/publisher.h"
#include "lake/store.h"
#include "net/vault.h"
#include "sinks/sink.h"

namespace catchment::app {

/// Whether files of several datasets are written now, or left to whoever has waited for all.
struct JointTurn {
  bool write = false;
  /// Datasets and slots that have nothing yet: a file is whole without them.
  std::set<std::pair<std::string, SlotId>> nothing_yet;
};

/// What a publisher works with. All outlive it.
struct PublisherServices {
  const Settings* settings = nullptr;
  lake::WriteStore* store = nullptr;  ///< the environment's lake
  core::LeaseStore* leases = nullptr;
  const core::Machine* machine = nullptr;
  net::ExchangeLog* log = nullptr;  ///< what the run has received; null: nothing is collected
  sinks::SinkServices sinks;
  JointTurn joint;
};

/// What the tasks of one publish gave, as far as its exports show it: kept by the process that
/// published, so that it need not repeat them.
struct KeptTables {
  int64_t publish = 0;  ///< 0: none
  core::Artifacts tables;
};

/// Publishes runs to a lake: checks the contract, folds the state, seals the run's exchanges into
/// the vault, creates the manifest, then writes exports and delivers outbox items under a lease
/// each. One run's; not thread-safe.
class LakePublisher final : public core::Publisher {
 public:
  explicit LakePublisher(PublisherServices services) : services_(std::move(services)) {}

  Result<core::SlotStanding> Standing(const core::RunSpec& spec, const OpContext& context) override;
  Result<std::shared_ptr<const core::Head>> LoadHead(const core::RunSpec& spec,
                                                     const core::SlotStanding& standing,
                                                     const OpContext& context) override;
  Result<core::PublishResult> Publish(const core::PublishRequest& request,
                                      const OpContext& context) override;
  Result<core::FinishResult> Finish(const core::RunSpec& spec, const OpContext& context) override;
  Status Record(const core::RunSpec& spec, const core::RunRecord& record,
                const OpContext& context) override;

 private:
  Result<std::string> SealExchanges(const core::RunSpec& spec);
  /// Keep what a replay needs before the commit point: a process killed after it can say no more.
  Status RecordAhead(const core::PublishRequest& request, const OpContext& context);

  const PublisherServices services_;
  std::optional<std::string> sealed_;  ///< digest of the exchange list, once sealed
  bool recorded_ahead_ = false;
  KeptTables kept_;
};

}  // namespace catchment::app
