#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "simulator/records_internal.h"
#include "simulator/service_internal.h"
#include "simulator/token_store_internal.h"

namespace catchment::simulator {

/// `POST /providers/Microsoft.ResourceGraph/resources`: one query, that for the eviction rates.
class ResourceGraphService final : public Service {
 public:
  /// With no file of rows they are made up for `pairs` (region, SKU), in lower
  /// case. `tokens` outlives
  /// the service.
  static Result<std::unique_ptr<ResourceGraphService>> Load(
      const ResourceGraphWorld& world, uint64_t seed,
      const std::vector<std::pair<std::string, std::string>>& pairs, TokenStore& tokens);

  std::string_view name() const override { return "resource_graph"; }
  FaultSubject Describe(const HttpRequest& request) const override;
  ServiceAnswer Answer(const HttpRequest& request, const ActiveFaults& active, Time now) override;

  static constexpr std::string_view kPath = "/providers/microsoft.resourcegraph/resources";

 private:
  struct Quota {
    std::deque<Time> taken;
    std::deque<std::chrono::steady_clock::time_point> taken_really;
  };

  ResourceGraphService(const ResourceGraphWorld& world, RecordList records, TokenStore& tokens);
  /// Take one query of the client's window; sets the headers, false if none is left.
  bool TakeQuota(const std::string& client, Time now, const ActiveFaults& active,
                 HttpResponse& response);
  std::vector<std::string> Rows(const ActiveFaults& active, Time now);
  HttpResponse Page(const std::vector<std::string>& rows, int64_t offset, int64_t size,
                    const ActiveFaults& active) const;

  // Constant after construction.
  const RecordList records_;
  const int64_t page_size_;
  const int64_t queries_;
  const std::chrono::milliseconds window_;
  TokenStore& tokens_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::map<std::string, Quota> quotas_ GUARDED_BY(mutex_);
  std::vector<const Fault*> alterations_ GUARDED_BY(mutex_);
};

}  // namespace catchment::simulator
