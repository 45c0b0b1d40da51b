#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "base/mutex.h"
#include "simulator/http_server_internal.h"

namespace catchment::simulator {

/// What was asked of the HLS services, by day and by item, for assertions: unlike the trace it
/// forgets nothing. Thread-safe.
class RequestCounts {
 public:
  /// A request has come; `items`: to the hosts of items, else to the search.
  void Begin(bool items);
  /// It was answered, or its connection ended (status 0). `key`: a title; or what
  /// CmrService::CountedAs made.
  void End(bool items, const std::string& key, int status);

  /// GET gives the sums and the searches, `?item=TITLE` one item, `?items` all of them and
  /// `?repeated` those asked for more than once (one a line, by title); DELETE forgets.
  HttpResponse Answer(const HttpRequest& request);

 private:
  struct Counted {
    int64_t requests = 0, ok = 0, not_modified = 0, failed = 0;
    int last_status = 0;
    void Add(int status);
    std::string Fields() const;
  };
  struct Sums {
    Counted counted;
    int64_t in_flight = 0, most_in_flight = 0;
  };
  std::string Summary() const REQUIRES(mutex_);
  std::string Items(int64_t least) const REQUIRES(mutex_);

  // Guarded by mutex_.
  Mutex mutex_;
  Sums searches_ GUARDED_BY(mutex_), fetches_ GUARDED_BY(mutex_);
  std::map<std::string, Counted> by_search_ GUARDED_BY(mutex_);
  std::unordered_map<std::string, Counted> by_item_ GUARDED_BY(mutex_);
};

}  // namespace catchment::simulator
