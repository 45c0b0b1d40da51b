#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/op_context.h"
#include "base/result.h"
#include "base/time.h"
#include "net/retry.h"
#include "net/transport.h"
#include "sources/cmr/cmr_parse.h"

namespace catchment::sources::cmr {

inline constexpr int kMostOnPage = 2000;
inline constexpr int kLeastOnPage = 250;

struct CmrOptions {
  std::string base_url = "https://cmr.earthdata.nasa.gov";
  std::string concept_id;    ///< of the collection
  std::string bounding_box;  ///< `W,S,E,N`; empty: the whole earth
  std::string task;          ///< whose recording may hold answers of a run that died
  net::Jitter jitter = {};   ///< empty: random
  int free_retries = 50;     ///< of a run, besides a fifth of its calls
  int most_pages = 1000;     ///< of one listing
};

/// A window of time, both ends included, and what else is asked for.
struct CmrWindow {
  Time from{}, to{};
  std::optional<Time> updated_since;
};

/// What a listing gave.
struct CmrListing {
  std::vector<CmrEntry> entries;  ///< distinct by concept id, in the order they came
  int64_t hits = 0;               ///< `CMR-Hits` of the last page
  int64_t repeats = 0;            ///< entries that came more than once
  Time asked_at{};                ///< when the first page was received
  bool timed_out = false;         ///< a page was a part only: nothing of it is to be used
};

/// Asks CMR's granule search. Thread-safe: several days may be listed at once; pages are read one
/// at a time, since each takes tens of MB.
///
/// Tries again what may get better: 429 (after its Retry-After, at most 300 s), 5xx, no connection,
/// no answer in time, broken gzip or JSON, no `CMR-Hits`; 6 tries a page, and no more in a run than
/// `free_retries` and a fifth of its calls.
class CmrClient {
 public:
  /// `transport` outlives this.
  CmrClient(net::Transport& transport, CmrOptions options);

  /// Read all pages of a window. `use_earlier`: what a run of the slot that died was told serves
  /// too (see LookForEarlier). kUnavailable: a page could not be had; the message says why and how
  /// often it was tried. kInvalid: CMR refuses the query; its own words. kCorrupt: the pages do not
  /// end. kDeadline, kCancelled.
  Result<CmrListing> List(const CmrWindow& window, int page_size, bool use_earlier,
                          const OpContext& context);

  /// How many granules a window has, from a page of one entry. Errors as List.
  Result<int64_t> Hits(const CmrWindow& window, const OpContext& context);

  /// Find out whether runs of the slot died, and left answers. Call it once, before List. Returns
  /// ledgers that cannot be read, one line each.
  Result<std::vector<std::string>> LookForEarlier(const OpContext& context);

  int64_t calls() const;
  int64_t bytes() const;
  int64_t reused() const;  ///< pages that a run which died had been given

  /// The request for a page. `after`: the token of the page before, verbatim; empty: the first.
  net::Request PageRequest(const CmrWindow& window, int page_size, std::string_view after) const;

 private:
  struct Page {
    std::vector<CmrEntry> entries;
    int64_t hits = 0;
    std::string next;  ///< token; empty: none
    bool timed_out = false;
    Time received{};
  };
  Result<Page> Ask(const net::Request& request, bool use_earlier, const OpContext& context);
  Result<net::Response> Recall(const net::Request& request, const OpContext& context);
  Result<Page> Read(const net::Request& request, net::Response response);
  bool MayRetry();

  // Constant after construction.
  net::Transport& transport_;
  const CmrOptions options_;
  // Guarded by mutex_.
  mutable Mutex mutex_;
  int64_t calls_ GUARDED_BY(mutex_) = 0, bytes_ GUARDED_BY(mutex_) = 0;
  int64_t retries_ GUARDED_BY(mutex_) = 0, reused_ GUARDED_BY(mutex_) = 0;
  bool earlier_ GUARDED_BY(mutex_) = false;
  // Guarded by parse_mutex_.
  Mutex parse_mutex_;
  CmrPageParser parser_ GUARDED_BY(parse_mutex_);
};

/// A box as CMR and the digest of a dataset's name want it: `W,S,E,N`, shortest decimals. Takes
/// commas, spaces, `/` or `:` between the numbers. kInvalid: says the rule.
Result<std::string> CanonicalBox(std::string_view text);

}  // namespace catchment::sources::cmr
