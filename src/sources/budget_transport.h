#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "net/budget_store.h"
#include "net/transport.h"

namespace catchment::sources {

/// How long after its permit a request may reach the service. Whoever declares a limit of a service
/// that counts by itself adds this to the window, so that a place is free here only when it is
/// there.
inline constexpr std::chrono::seconds kPermitMargin{60};

/// Decides which calls may be made, and answers as a service does, so that every decision that
/// depends on the world (budgets, deadline, what other calls have learned meanwhile) is recorded
/// and a replay makes the same calls. It stands below the recording transport; all requests but
/// those to https://budget.invalid/ are passed on. Sources speak to it through CallBudget
/// (call_budget.h), which has the words; docs/formats/budget_questions.md has the bytes.
///
/// A bucket of the BudgetStore is `<purse>/<group>/<name>`: identity, subscription, location.
/// Permits are taken before they are handed out, durably, several in one transaction if more calls
/// of the group are announced; those not handed out within kPermitLife stay spent and are not used.
/// Lives as long as one run. Thread-safe.
class BudgetTransport final : public net::Transport {
 public:
  /// Both outlive this.
  BudgetTransport(net::Transport& inner, net::BudgetStore& store) : inner_(inner), store_(store) {}

  Result<net::Response> Send(const net::Request& request, const OpContext& context) override;
  void Start(net::Request request, const OpContext& context, Done done) override;

 private:
  struct Taken {
    std::string name;
    Time at;
  };
  struct Group {
    std::vector<int64_t> free;  ///< by name, as last looked at, less what was taken since
    bool looked = false;
    int64_t announced = 0;  ///< calls to come
    std::optional<Time> rests_until;
    bool denied = false;
    std::deque<Taken> taken;  ///< not handed out
  };
  struct Purse {
    std::vector<std::string> names;  ///< sorted
    std::map<std::string, Group> groups;
    std::optional<int64_t> left;  ///< of the run's ceiling
    std::vector<std::string> facts;
    bool denied = false;
  };
  using PurseKey = std::pair<std::string, std::string>;  // api, purse

  Result<nlohmann::json> Answer(const net::Request& request, const OpContext& context);
  Result<nlohmann::json> Allowance(const nlohmann::json& question, const PurseKey& key, Time now)
      REQUIRES(mutex_);
  Result<nlohmann::json> Permit(const nlohmann::json& question, const PurseKey& key, Time now,
                                int64_t left_ms) REQUIRES(mutex_);
  Result<nlohmann::json> Tell(const nlohmann::json& question, const PurseKey& key) REQUIRES(mutex_);
  Status Look(const PurseKey& key, const std::string& group_name, Time now) REQUIRES(mutex_);
  Status Refill(const PurseKey& key, const std::string& group_name, Time now) REQUIRES(mutex_);

  // Constant after construction.
  net::Transport& inner_;
  net::BudgetStore& store_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::map<PurseKey, Purse> purses_ GUARDED_BY(mutex_);
};

}  // namespace catchment::sources
