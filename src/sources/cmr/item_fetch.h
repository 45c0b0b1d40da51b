#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "net/response_packs.h"
#include "net/retry.h"
#include "net/transport.h"
#include "sources/cmr/bucket_keys.h"
#include "sources/cmr/cmr_parse.h"

namespace catchment::sources::cmr {

/// One item to be had.
struct ItemWish {
  std::string id;    ///< what the item must call itself
  std::string url;   ///< https, or s3 of the archive's bucket
  Time updated{};    ///< of its granule: which revision is wanted
  std::string etag;  ///< of the body at hand; not empty: only if it is another
};

/// Some items, asked for together: those of a day, or those that failed before.
struct ItemBatch {
  std::string name;  ///< distinct within a run: `2024-01-17`, `pass 2`
  int in_flight = 50;
  int total_in_flight = 150;           ///< of all batches of the run together
  std::chrono::milliseconds pause{0};  ///< before the first request
  std::vector<ItemWish> wishes;
};

/// How the request for an item ended.
enum class ItemEnd {
  kStored,     ///< its body is kept
  kUnchanged,  ///< 304: the body at hand is the newest
  kBad,        ///< a body that is no item, twice: kept if it could be had, `reason` says why
  kRefused,    ///< an answer that does not get better by asking at once: 403, 404
  kFailed,     ///< no answer, or a server's error, after all tries
};

struct ItemOutcome {
  ItemEnd end = ItemEnd::kFailed;
  int status = 0;      ///< of the last answer; 0: there was none
  int tries = 0;       ///< requests sent; 0: a run that died was given the body
  std::string reason;  ///< of kBad: a reason of quarantine; of the others: `http_404`, `timeout`
  std::string sha256;  ///< of the body kept
  uint64_t bytes = 0;
  uint32_t pack = 0;  ///< number among the packs of the run
  uint64_t offset = 0, length = 0;
  std::string etag;
  Time received{};
};

/// Fetches items by the thousand and keeps their bodies in packs.
///
/// It stands below the recording transport: a batch is one question to https://items.invalid/, and
/// its outcomes are the recorded answer, so that a replay finds the bodies where this run put them.
/// All else is passed on. Bytes: docs/formats/item_questions.md. Each batch runs on its caller's
/// thread, several at once; the answers are kept on it too. What runs of the slot that died were
/// given is not asked for again if it is the revision that is wanted. A batch of FetchAhead is
/// fetched on threads of this transport, until someone asks for it.
///
/// In place 3 more tries after 429, 5xx, no answer in time (waits 0.2, 0.8, 3.2 s, jitter). When
/// over half of the last 200 requests failed so: a pause of 30 s, half as many in flight (at least
/// 4), and one more for every 50 that succeed. Thread-safe.
class ItemFetchTransport final : public net::Transport {
 public:
  struct Packs {
    std::unique_ptr<net::ResponsePacks> packs;
    std::vector<net::PackedResponse> earlier;  ///< taken over from runs that died
    std::vector<std::string> problems;
  };
  /// Called once, at the first question.
  using Open = std::function<Result<Packs>()>;

  /// `inner` and what `login` returns outlive this. Without a login links to the bucket are denied.
  ItemFetchTransport(net::Transport& inner, Open open, BucketKeys::Login login = {},
                     net::Jitter jitter = {});
  ~ItemFetchTransport() override;

  Result<net::Response> Send(const net::Request& request, const OpContext& context) override;
  void Start(net::Request request, const OpContext& context, Done done) override;

  /// Stop what is fetched ahead. Before the packs or their folder go.
  void StopAhead();

 private:
  struct Members;
  class Throttle;
  class Batch;
  std::unique_ptr<Members> members_;
};

/// Say that this batch will be asked for: it is fetched meanwhile, within `context`.
Status FetchAhead(net::Transport& transport, const ItemBatch& batch, const OpContext& context);

/// Ask for a batch; one outcome a wish, in order. kDeadline, kCancelled: what was had until then is
/// kept and serves the next run. kDenied: the login for the bucket is refused.
Result<std::vector<ItemOutcome>> FetchItems(net::Transport& transport, const ItemBatch& batch,
                                            const OpContext& context);

/// What the packs are, after the last batch.
struct FetchedPacks {
  std::vector<std::string> names;  ///< by number
  std::vector<std::string> problems;
};
Result<FetchedPacks> FinishFetch(net::Transport& transport, const OpContext& context);

}  // namespace catchment::sources::cmr
