#include "sources/cmr/item_fetch.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <charconv>
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/digest.h"
#include "net/parallel.h"
#include "net/url.h"
#include "sources/cmr/ahead_internal.h"

namespace catchment::sources::cmr {
namespace {

using nlohmann::json;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr std::string_view kItemsHost = "https://items.invalid/";
constexpr std::string_view kFetchQuestion = "https://items.invalid/fetch";
constexpr std::string_view kAheadQuestion = "https://items.invalid/ahead";
constexpr std::string_view kPacksQuestion = "https://items.invalid/packs";
constexpr std::string_view kBucket = "s3://";
constexpr std::string_view kTooLarge = "too_large";
/// No status of HTTP: a later process must not take the answer for its own.
constexpr int kAnswerStatus = 600;
constexpr std::string_view kArchive = "https://data.lpdaac.earthdatacloud.nasa.gov/";
constexpr uint64_t kMostItemBytes = uint64_t{16} << 20;
constexpr size_t kWindow = 200;
constexpr int kLeastInFlight = 4;
constexpr int kSuccessesForOneMore = 50;
constexpr int kRestsUntilDown = 3;
constexpr std::chrono::seconds kLongestRetryAfterOfItem =
    30s;                             // what lasts longer is for a later pass
constexpr auto kLookAround = 200ms;  // whether there is still time to wait, or more to be had

std::string_view EndName(ItemEnd end) {
  switch (end) {
    case ItemEnd::kStored:
      return "stored";
    case ItemEnd::kUnchanged:
      return "unchanged";
    case ItemEnd::kBad:
      return "bad";
    case ItemEnd::kRefused:
      return "refused";
    case ItemEnd::kFailed:
      return "failed";
  }
  return "failed";
}

std::optional<ItemEnd> EndOf(std::string_view name) {
  for (const ItemEnd end : {ItemEnd::kStored, ItemEnd::kUnchanged, ItemEnd::kBad, ItemEnd::kRefused,
                            ItemEnd::kFailed}) {
    if (EndName(end) == name) return end;
  }
  return std::nullopt;
}

int64_t Microseconds(Time time) { return time.time_since_epoch().count(); }

/// One line an outcome: tab-separated, since there are hundreds of thousands.
void AppendOutcome(std::string& out, const ItemOutcome& outcome) {
  std::string etag = outcome.etag;
  std::replace_if(
      etag.begin(), etag.end(), [](unsigned char c) { return c < ' '; }, ' ');
  fmt::format_to(std::back_inserter(out), "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
                 EndName(outcome.end), outcome.status, outcome.tries, outcome.reason,
                 outcome.sha256, outcome.bytes, outcome.pack, outcome.offset, outcome.length,
                 Microseconds(outcome.received), etag);
}

template <typename Number>
bool ReadNumber(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

Result<ItemOutcome> ParseOutcome(std::string_view line) {
  std::array<std::string_view, 11> parts;
  size_t count = 0;
  for (; count < parts.size(); ++count) {
    const size_t tab = line.find('\t');
    parts[count] = line.substr(0, tab);
    if (tab == std::string_view::npos) {
      ++count;
      break;
    }
    line.remove_prefix(tab + 1);
  }
  ItemOutcome outcome;
  const std::optional<ItemEnd> end = EndOf(parts[0]);
  int64_t received = 0;
  const bool good = count == parts.size() && end && ReadNumber(parts[1], outcome.status) &&
                    ReadNumber(parts[2], outcome.tries) && ReadNumber(parts[5], outcome.bytes) &&
                    ReadNumber(parts[6], outcome.pack) && ReadNumber(parts[7], outcome.offset) &&
                    ReadNumber(parts[8], outcome.length) && ReadNumber(parts[9], received);
  if (!good) return Corrupt("an outcome of an item cannot be read");
  outcome.end = *end;
  outcome.reason = parts[3];
  outcome.sha256 = parts[4];
  outcome.received = Time(std::chrono::microseconds(received));
  outcome.etag = parts[10];
  return outcome;
}

std::string_view LookReason(ItemLook look) {
  switch (look) {
    case ItemLook::kBadUtf8:
      return "bad_utf8";
    case ItemLook::kNotAnItem:
      return "not_an_item";
    case ItemLook::kNoId:
      return "id_missing";
    default:
      return "bad_json";
  }
}

std::string StatusReason(int status) {
  if (status >= 500) return "http_5xx";
  return fmt::format("http_{}", status);
}

bool GetsBetter(int status) { return status == 429 || status == 408 || status >= 500; }

int64_t NumberOf(const net::Url& url, std::string_view name, int64_t otherwise) {
  const auto text = net::QueryValue(url, name);
  int64_t number = otherwise;
  if (text.ok() && *text && !ReadNumber(**text, number)) number = otherwise;
  return number;
}

/// A batch without its wishes.
Result<ItemBatch> BatchOfUrl(std::string_view text) {
  ASSIGN_OR_RETURN(const net::Url url, net::ParseUrl(text));
  ASSIGN_OR_RETURN(const auto name, net::QueryValue(url, "name"));
  ItemBatch batch;
  batch.name = name.value_or("");
  batch.in_flight = static_cast<int>(NumberOf(url, "in_flight", 1));
  batch.total_in_flight = static_cast<int>(NumberOf(url, "total_in_flight", 1));
  batch.pause = std::chrono::milliseconds(NumberOf(url, "pause_ms", 0));
  return batch;
}

/// What tells a batch from others: not how many are in flight.
std::string AheadKey(const ItemBatch& batch, std::string_view body) {
  return fmt::format("{} {}", batch.name, Sha256Hex(body));
}

Result<std::vector<ItemWish>> ParseWishes(std::string_view body) {
  const json items = json::parse(body, nullptr, false);
  if (!items.is_array()) return Internal("{}: no question", kFetchQuestion);
  std::vector<ItemWish> wishes;
  wishes.reserve(items.size());
  for (const json& item : items) {
    if (!item.is_array() || item.size() != 4) return Internal("{}: no item", kFetchQuestion);
    wishes.push_back({item[0].get<std::string>(), item[1].get<std::string>(),
                      Time(std::chrono::microseconds(item[2].get<int64_t>())),
                      item[3].get<std::string>()});
  }
  return wishes;
}

}  // namespace

/// How well the service does, and how much is asked of it at once. Thread-safe.
class ItemFetchTransport::Throttle {
 public:
  /// What a batch has and wants.
  struct Share {
    int in_flight = 0;  ///< sent, and not looked at yet
    int left = 0;       ///< not sent, or to be sent again
    int granted = 0;    ///< of what all batches may have in flight
  };

  /// How many a batch may have in flight, no more than it can use. Waits while it has none and all
  /// are taken by others.
  net::Pace Allow(const ItemBatch& batch, Share& share, const OpContext& context) {
    MutexLock lock(mutex_);
    most_ = batch.total_in_flight;
    const int wanted = std::min(batch.in_flight, share.in_flight + share.left);
    const auto find = [&]() REQUIRES(mutex_) {
      const int most = limit_ == 0 ? most_ : std::min(limit_, most_);
      const int free = most - (granted_ - share.granted);
      return std::max(share.in_flight, std::min(wanted, free));
    };
    int granted = find();
    while (granted == 0 && share.left > 0 && context.Check().ok()) {
      freed_.wait_for(mutex_, context.stop, kLookAround, [&]() REQUIRES(mutex_) {
        granted = find();
        return granted > 0;
      });
    }
    Grant(share, granted);
    net::Pace pace = {.in_flight = std::max(1, granted), .not_before = rests_until_};
    // Others may end while the few it has are slow.
    if (granted < wanted) pace.again = OpContext::Steady::now() + kLookAround;
    return pace;
  }
  /// The batch has ended.
  void GiveBack(Share& share) {
    MutexLock lock(mutex_);
    Grant(share, 0);
  }
  /// Whether nothing comes however long one rests: what is left is not asked for.
  bool IsDown() {
    MutexLock lock(mutex_);
    return rests_in_a_row_ >= kRestsUntilDown;
  }
  /// See whether it is so still, after a pause.
  void LookAgain() {
    MutexLock lock(mutex_);
    rests_in_a_row_ = std::min(rests_in_a_row_, kRestsUntilDown - 1);
    rests_until_ = OpContext::Steady::time_point::min();
  }
  /// A request ended.
  void End(bool failed) {
    MutexLock lock(mutex_);
    failures_ += static_cast<int>(failed) - static_cast<int>(last_[at_]);
    last_[at_] = failed;
    at_ = (at_ + 1) % kWindow;
    if (!failed) rests_in_a_row_ = 0;
    if (failed && failures_ * 2 > static_cast<int>(kWindow)) {
      ++rests_in_a_row_;
      limit_ = std::max(kLeastInFlight, (limit_ == 0 ? most_ : limit_) / 2);
      rests_until_ = OpContext::Steady::now() + 30s;
      last_.reset();
      failures_ = 0;
      successes_ = 0;
    }
    if (failed || limit_ == 0 || ++successes_ < kSuccessesForOneMore) return;
    successes_ = 0;
    if (++limit_ >= most_) limit_ = 0;
  }

 private:
  void Grant(Share& share, int granted) REQUIRES(mutex_) {
    const bool less = granted < share.granted;
    granted_ += granted - share.granted;
    share.granted = granted;
    if (less) freed_.notify_all();
  }

  // Thread-safe itself.
  std::condition_variable_any freed_;
  // Guarded by mutex_.
  Mutex mutex_;
  int granted_ GUARDED_BY(mutex_) = 0, most_ GUARDED_BY(mutex_) = 1;
  int rests_in_a_row_ GUARDED_BY(mutex_) = 0;
  int limit_ GUARDED_BY(mutex_) = 0;  // 0: as many as the batch says
  int successes_ GUARDED_BY(mutex_) = 0, failures_ GUARDED_BY(mutex_) = 0;
  std::bitset<kWindow> last_ GUARDED_BY(mutex_);
  size_t at_ GUARDED_BY(mutex_) = 0;
  OpContext::Steady::time_point rests_until_ GUARDED_BY(mutex_) =
      OpContext::Steady::time_point::min();
};

struct ItemFetchTransport::Members {
  /// The packs, opened at the first question.
  Result<net::ResponsePacks*> Opened() {
    MutexLock lock(mutex);
    if (!opened) {
      ASSIGN_OR_RETURN(opened, open());
      for (size_t i = 0; i < opened->earlier.size(); ++i) {
        const net::PackedResponse& response = opened->earlier[i];
        if (response.status == 200) earlier[response.key] = i;
      }
    }
    return opened->packs.get();
  }
  /// What a run that died was given for this revision of the item.
  std::optional<net::PackedResponse> Earlier(const ItemWish& wish) {
    MutexLock lock(mutex);
    const auto found = earlier.find(wish.id);
    if (found == earlier.end()) return std::nullopt;
    const net::PackedResponse& response = opened->earlier[found->second];
    if (response.revision != fmt::to_string(Microseconds(wish.updated)) || response.url != wish.url)
      return std::nullopt;
    return response;
  }

  /// The answers to the questions. Of a batch: one line for each wish.
  Result<std::string> Fetch(ItemBatch batch, const std::string& body, const OpContext& context);
  Result<std::string> FetchNamed(const std::string& question, const OpContext& context);
  Result<std::string> FetchNow(const net::Request& request, const OpContext& context);
  Result<std::string> FinishPacks();

  // Constant after construction.
  net::Transport& inner;
  const Open open;
  const net::Jitter jitter;
  // Thread-safe themselves.
  BucketKeys keys;
  Throttle throttle;
  // Guarded by mutex.
  Mutex mutex;
  std::optional<Packs> opened GUARDED_BY(mutex);
  std::unordered_map<std::string, size_t> earlier GUARDED_BY(mutex);
  // Thread-safe itself; last: its threads end before what they use goes. Its questions are the URL
  // and the body of one to `fetch`, with a line break between them.
  AheadAnswers ahead{[this](const std::string& question, const OpContext& context) {
    return FetchNamed(question, context);
  }};

  Members(net::Transport& inner_transport, Open open_packs, BucketKeys::Login login,
          net::Jitter of_waits)
      : inner(inner_transport),
        open(std::move(open_packs)),
        jitter(std::move(of_waits)),
        keys(inner_transport, std::move(login)) {}
};

/// One batch on its way.
class ItemFetchTransport::Batch {
 public:
  Batch(Members& shared, net::ResponsePacks& packs, const ItemBatch& batch)
      : shared_(shared), packs_(packs), batch_(batch), outcomes_(batch.wishes.size()) {
    share_.left = static_cast<int>(batch.wishes.size());
  }
  ~Batch() { shared_.throttle.GiveBack(share_); }

  Result<std::vector<ItemOutcome>> Run(const OpContext& context) {
    if (batch_.pause > 0ms && !context.clock->Sleep(batch_.pause, context.stop))
      return Cancelled("stopped while waiting to ask again");
    if (batch_.pause > 0ms) shared_.throttle.LookAgain();
    net::ParallelOptions options;
    options.retry = {.tries = 4, .first = 200ms, .factor = 4, .cap = 300s};
    options.jitter = shared_.jitter;
    net::ParallelWork work;
    work.next = [this] { return Next(); };
    work.before = [&](size_t index, net::Request& request) -> Status {
      if (batch_.wishes[wish_of_[index]].url.starts_with(kBucket)) {
        RETURN_IF_ERROR(shared_.keys.Sign(request, context));
      }
      --share_.left;
      ++share_.in_flight;
      return Status();
    };
    work.pace = [&] { return shared_.throttle.Allow(batch_, share_, context); };
    work.accept = [&](size_t index, const net::Request& request, Result<net::Response> answer) {
      --share_.in_flight;
      const Status status = Accept(wish_of_[index], request, std::move(answer), context);
      if (!status.ok()) ++share_.left;  // until it is sent again or given up
      return status;
    };
    work.give_up = [this](size_t index, const net::Request&, const Error& error) {
      --share_.left;
      if (error.code != Code::kUnavailable) return Status(error);
      std::string& reason = outcomes_[wish_of_[index]].reason;
      if (reason.empty()) reason = "no_keys";
      return Status();
    };
    RETURN_IF_ERROR(net::SendParallel(shared_.inner, options, context, work));
    return std::move(outcomes_);
  }

 private:
  std::optional<net::Request> Next() {
    for (; next_ < batch_.wishes.size(); ++next_, --share_.left) {
      const ItemWish& wish = batch_.wishes[next_];
      if (TakeEarlier(wish, outcomes_[next_])) continue;
      if (shared_.throttle.IsDown()) {
        outcomes_[next_].reason = "host_down";
        continue;
      }
      net::Request request;
      request.url = wish.url;
      const bool in_bucket = wish.url.starts_with(kBucket);
      if (in_bucket) {
        Result<std::string> url = BucketUrl(wish.url);
        if (!url.ok()) {
          outcomes_[next_].end = ItemEnd::kRefused;
          outcomes_[next_].reason = "other_bucket";
          continue;
        }
        request.url = *std::move(url);
      }
      wish_of_.push_back(next_++);
      // A listed link may name any host; the archive's own may be simulated.
      request.public_only = !in_bucket && !wish.url.starts_with(kArchive);
      request.timeout = 30s;
      request.connect_timeout = 5s;
      request.max_bytes = kMostItemBytes;
      if (!wish.etag.empty()) request.headers.Add("If-None-Match", wish.etag);
      return request;
    }
    return std::nullopt;
  }

  bool TakeEarlier(const ItemWish& wish, ItemOutcome& outcome) {
    const std::optional<net::PackedResponse> response = shared_.Earlier(wish);
    if (!response) return false;
    outcome.end = ItemEnd::kStored;
    outcome.status = response->status;
    Place(*response, outcome);
    return true;
  }

  static void Place(const net::PackedResponse& kept, ItemOutcome& outcome) {
    outcome.sha256 = kept.sha256;
    outcome.bytes = kept.bytes;
    outcome.pack = kept.pack;
    outcome.offset = kept.offset;
    outcome.length = kept.length;
    outcome.etag = kept.etag;
    outcome.received = kept.received;
  }

  Status Accept(size_t number, const net::Request& request, Result<net::Response> answer,
                const OpContext& context) {
    ItemOutcome& outcome = outcomes_[number];
    ++outcome.tries;
    if (!answer.ok()) return AcceptError(answer.error(), outcome);
    outcome.status = answer->status;
    // A bucket answers 400 to keys that have ended.
    const bool keys_ended = answer->status == 400 && batch_.wishes[number].url.starts_with(kBucket);
    if (keys_ended) shared_.keys.Doubt(context);
    const bool failed = keys_ended || GetsBetter(answer->status);
    shared_.throttle.End(failed);
    if (failed) {
      outcome.end = ItemEnd::kFailed;
      outcome.reason = StatusReason(answer->status);
      if (shared_.throttle.IsDown()) return {};
      if (keys_ended) return Unavailable("{}: the keys have ended", request.Name());
      Error error = net::StatusFromResponse(request, *answer).error();
      if (error.retry_after)
        error.retry_after = std::min(*error.retry_after, kLongestRetryAfterOfItem);
      return error;
    }
    if (answer->status == 304 && !batch_.wishes[number].etag.empty()) {
      outcome.end = ItemEnd::kUnchanged;
      outcome.received = answer->received;
      return {};
    }
    if (answer->status != 200) {
      outcome.end = ItemEnd::kRefused;
      outcome.reason = StatusReason(answer->status);
      return {};
    }
    return AcceptBody(number, *answer, outcome);
  }

  Status AcceptError(const Error& error, ItemOutcome& outcome) {
    shared_.throttle.End(error.code == Code::kUnavailable);
    if (error.code == Code::kCancelled || error.code == Code::kDeadline) return error;
    outcome.status = 0;
    outcome.end = ItemEnd::kFailed;
    if (error.code == Code::kUnavailable) {
      outcome.reason = "timeout";
      return shared_.throttle.IsDown() ? Status() : error;
    }
    const std::string reason(error.code == Code::kCorrupt ? kTooLarge : CodeName(error.code));
    // An answer beyond what is taken, nothing of which is here: once more, then it is what it is.
    const bool again = std::exchange(outcome.reason, reason) != reason;
    outcome.end = reason == kTooLarge && !again ? ItemEnd::kBad : ItemEnd::kRefused;
    if (reason != kTooLarge || !again) return {};
    return Unavailable("{}", error.message);
  }

  Status AcceptBody(size_t number, const net::Response& answer, ItemOutcome& outcome) {
    const ItemWish& wish = batch_.wishes[number];
    const ItemId item = looker_.Look(answer.body);
    std::string reason;
    if (item.look != ItemLook::kGood) {
      reason = LookReason(item.look);
    } else if (item.id != wish.id) {
      reason = "id_mismatch";
    }
    const bool no_json = item.look == ItemLook::kNotJson || item.look == ItemLook::kBadUtf8;
    if (no_json && outcome.reason != reason) {
      outcome.end = ItemEnd::kFailed;
      outcome.reason = reason;
      return Unavailable("{}: the answer is not JSON", wish.url);
    }
    net::PackedResponse facts;
    facts.key = wish.id;
    facts.revision = fmt::to_string(Microseconds(wish.updated));
    facts.url = wish.url;
    facts.received = answer.received;
    // What cannot be used is asked for again by the next run.
    facts.status = reason.empty() ? answer.status : kAnswerStatus;
    facts.etag = answer.headers.Get("etag");
    Result<net::PackedResponse> kept = packs_.Append(std::move(facts), answer.body);
    // Not to be tried again: what is not in the vault must not be used.
    if (!kept.ok()) return Internal("{}", kept.error().message);
    outcome.end = reason.empty() ? ItemEnd::kStored : ItemEnd::kBad;
    outcome.reason = std::move(reason);
    Place(*kept, outcome);
    return {};
  }

  Members& shared_;
  net::ResponsePacks& packs_;
  const ItemBatch& batch_;
  std::vector<ItemOutcome> outcomes_;
  std::vector<size_t> wish_of_;  // by index of the request
  size_t next_ = 0;
  Throttle::Share share_;
  ItemLooker looker_;
};

ItemFetchTransport::ItemFetchTransport(net::Transport& inner, Open open, BucketKeys::Login login,
                                       net::Jitter jitter)
    : members_(new Members(inner, std::move(open), std::move(login), std::move(jitter))) {}
ItemFetchTransport::~ItemFetchTransport() = default;
void ItemFetchTransport::StopAhead() { members_->ahead.Stop(); }

Result<std::string> ItemFetchTransport::Members::FetchNamed(const std::string& question,
                                                            const OpContext& context) {
  const size_t end = question.find('\n');
  ASSIGN_OR_RETURN(ItemBatch batch, BatchOfUrl(question.substr(0, end)));
  return Fetch(std::move(batch), question.substr(end + 1), context);
}

Result<std::string> ItemFetchTransport::Members::Fetch(ItemBatch batch, const std::string& body,
                                                       const OpContext& context) {
  ASSIGN_OR_RETURN(net::ResponsePacks * packs, Opened());
  ASSIGN_OR_RETURN(batch.wishes, ParseWishes(body));
  ASSIGN_OR_RETURN(const std::vector<ItemOutcome> outcomes,
                   Batch(*this, *packs, batch).Run(context), "{}", batch.name);
  std::string lines;
  for (const ItemOutcome& outcome : outcomes) AppendOutcome(lines, outcome);
  return lines;
}

Result<std::string> ItemFetchTransport::Members::FetchNow(const net::Request& request,
                                                          const OpContext& context) {
  ASSIGN_OR_RETURN(ItemBatch batch, BatchOfUrl(request.url));
  if (auto early = ahead.Take(AheadKey(batch, request.body), context)) return *std::move(early);
  return Fetch(std::move(batch), request.body, context);
}

Result<std::string> ItemFetchTransport::Members::FinishPacks() {
  ahead.Stop();
  ASSIGN_OR_RETURN(net::ResponsePacks * packs, Opened());
  RETURN_IF_ERROR(packs->Finish());
  MutexLock lock(mutex);
  return json{{"packs", packs->names()}, {"problems", opened->problems}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
}

Result<net::Response> ItemFetchTransport::Send(const net::Request& request,
                                               const OpContext& context) {
  if (!request.url.starts_with(kItemsHost)) return members_->inner.Send(request, context);
  net::Response response;
  response.status = kAnswerStatus;
  if (request.url.starts_with(kAheadQuestion)) {
    ASSIGN_OR_RETURN(const ItemBatch batch, BatchOfUrl(request.url));
    members_->ahead.Add(AheadKey(batch, request.body), request.url + "\n" + request.body,
                        std::max(1, batch.total_in_flight / std::max(1, batch.in_flight)), context);
  } else if (request.url.starts_with(kFetchQuestion)) {
    ASSIGN_OR_RETURN(response.body, members_->FetchNow(request, context));
  } else {
    ASSIGN_OR_RETURN(response.body, members_->FinishPacks());
  }
  response.received = context.clock->Now();
  return response;
}

void ItemFetchTransport::Start(net::Request request, const OpContext& context, Done done) {
  if (request.url.starts_with(kItemsHost)) return done(Send(request, context));
  members_->inner.Start(std::move(request), context, std::move(done));
}

namespace {

net::Request ItemQuestion(std::string url, std::string body) {
  net::Request question;
  question.method = "POST";
  question.url = std::move(url);
  question.service = "items";
  question.headers.Add("Content-Type", "application/json");
  question.body = std::move(body);
  return question;
}

net::Request BatchQuestion(std::string_view url, const ItemBatch& batch) {
  net::QueryBuilder query;
  query.Add("name", batch.name);
  query.Add("in_flight", fmt::to_string(batch.in_flight));
  query.Add("total_in_flight", fmt::to_string(batch.total_in_flight));
  query.Add("pause_ms", fmt::to_string(batch.pause.count()));
  json items = json::array();
  for (const ItemWish& wish : batch.wishes)
    items.push_back({wish.id, wish.url, Microseconds(wish.updated), wish.etag});
  return ItemQuestion(fmt::format("{}?{}", url, query.text()),
                      items.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

Status FetchAhead(net::Transport& transport, const ItemBatch& batch, const OpContext& context) {
  return transport.Send(BatchQuestion(kAheadQuestion, batch), context).status();
}

Result<std::vector<ItemOutcome>> FetchItems(net::Transport& transport, const ItemBatch& batch,
                                            const OpContext& context) {
  ASSIGN_OR_RETURN(const net::Response response,
                   transport.Send(BatchQuestion(kFetchQuestion, batch), context));
  std::vector<ItemOutcome> outcomes;
  outcomes.reserve(batch.wishes.size());
  for (std::string_view rest = response.body; !rest.empty();) {
    const size_t end = rest.find('\n');
    ASSIGN_OR_RETURN(ItemOutcome outcome, ParseOutcome(rest.substr(0, end)));
    outcomes.push_back(std::move(outcome));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  if (outcomes.size() != batch.wishes.size())
    return Corrupt("{}: {} outcomes of {} items", batch.name, outcomes.size(), batch.wishes.size());
  return outcomes;
}

Result<FetchedPacks> FinishFetch(net::Transport& transport, const OpContext& context) {
  ASSIGN_OR_RETURN(const net::Response response,
                   transport.Send(ItemQuestion(std::string(kPacksQuestion), "{}"), context));
  const json answer = json::parse(response.body, nullptr, false);
  if (!answer.is_object()) return Corrupt("{}: expected an object", kPacksQuestion);
  FetchedPacks packs;
  packs.names = answer.value("packs", packs.names);
  packs.problems = answer.value("problems", packs.problems);
  return packs;
}

}  // namespace catchment::sources::cmr
