#include "net/vault.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/digest.h"
#include "base/mutex.h"
#include "base/text.h"
#include "net/vault_internal.h"

namespace catchment::net {

namespace {

/// Does small works one after the other on a thread of its own, which starts with the first. Goes
/// when all are done.
class Worker {
 public:
  void Do(std::function<void()> work) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      works_.push_back(std::move(work));
      if (!thread_.joinable())
        thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
    }
    changed_.notify_one();
  }

 private:
  void Run(const std::stop_token& stop) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return !works_.empty(); })) {
      const std::function<void()> work = std::move(works_.front());
      works_.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }

  // Guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> works_;
  std::jthread thread_;  // last: it goes first
};

}  // namespace

struct RecordingTransport::Members {
  /// Write down what came back; the outcome as the caller sees it.
  Result<Response> Record(const ExchangeKey& key, Result<Response> outcome, Time now) {
    Exchange exchange;
    exchange.key = key;
    if (!outcome.ok()) {
      const Code code = outcome.error().code;
      if (code == Code::kDeadline || code == Code::kCancelled) return outcome;
      exchange.error = outcome.error();
      exchange.received = now;
      RETURN_IF_ERROR(Append(std::move(exchange), ""));
      return outcome;
    }
    Response& response = outcome.value();
    response.headers = FilterHeaders(response.headers);
    exchange.status = response.status;
    exchange.headers = response.headers;
    exchange.received = response.received;
    RETURN_IF_ERROR(Append(std::move(exchange), response.body));
    return outcome;
  }

  Status Append(Exchange exchange, std::string_view body) {
    Status status = log.Append(std::move(exchange), body);
    if (status.ok()) return status;
    MutexLock lock(mutex);
    if (broken.ok()) broken = status;
    return status;
  }

  Result<ExchangeKey> NextKey(const Request& request) {
    ASSIGN_OR_RETURN(ExchangeKey key, KeyOf(request, task));
    MutexLock lock(mutex);
    RETURN_IF_ERROR(broken);
    key.ordinal = asked[key]++;
    return key;
  }

  // Constant after construction.
  Transport& inner;
  ExchangeLog& log;
  const std::string task;
  // Guarded by mutex.
  Mutex mutex;
  std::map<ExchangeKey, int64_t> asked GUARDED_BY(mutex);  // with ordinal 0
  Status broken GUARDED_BY(mutex);  // why nothing can be recorded any more, a full disk for one
  // Compressing, hashing and writing would hold up the transport's thread, which serves all
  // requests.
  Worker worker;
};

RecordingTransport::RecordingTransport(Transport& inner, ExchangeLog& log, std::string task)
    : members_(new Members{inner, log, std::move(task), {}, {}, {}, {}}) {}
RecordingTransport::~RecordingTransport() = default;

namespace {

Time NowOf(const OpContext& context) {
  return context.clock != nullptr ? context.clock->Now() : SystemClock().Now();
}

}  // namespace

Result<Response> RecordingTransport::Send(const Request& request, const OpContext& context) {
  if (!request.record) return members_->inner.Send(request, context);
  ASSIGN_OR_RETURN(const ExchangeKey key, members_->NextKey(request));
  ASSIGN_OR_RETURN(std::optional<Response> recorded, members_->log.Reuse(key));
  if (recorded) return *std::move(recorded);
  Result<Response> outcome = members_->inner.Send(request, context);
  return members_->Record(key, std::move(outcome), NowOf(context));
}

void RecordingTransport::Start(Request request, const OpContext& context, Done done) {
  if (!request.record) {
    return members_->inner.Start(std::move(request), context, std::move(done));
  }
  Result<ExchangeKey> key = members_->NextKey(request);
  if (!key.ok()) return done(key.status());
  Result<std::optional<Response>> recorded = members_->log.Reuse(*key);
  if (!recorded.ok()) return done(recorded.status());
  if (*recorded) return done(**std::move(recorded));
  members_->inner.Start(std::move(request), context,
                        [members = members_.get(), key = *std::move(key), done = std::move(done),
                         clock = context.clock](Result<Response> outcome) {
                          OpContext at;
                          at.clock = clock;
                          members->worker.Do([members, key, done, outcome = std::move(outcome),
                                              now = NowOf(at)]() mutable {
                            done(members->Record(key, std::move(outcome), now));
                          });
                        });
}

struct ReplayTransport::Members {
  struct Row {
    std::vector<const Exchange*> exchanges;  // in order of ordinal
    size_t next = 0;
  };
  // Constant after construction.
  const BlobStore& vault;
  std::vector<Exchange> exchanges;
  const std::string task;
  // Guarded by mutex.
  Mutex mutex;
  std::map<ExchangeKey, Row> rows GUARDED_BY(mutex);  // keys with ordinal 0
};

ReplayTransport::ReplayTransport(const BlobStore& vault, std::span<const Exchange> exchanges,
                                 std::string task)
    : members_(new Members{vault, {}, std::move(task), {}, {}}) {
  for (const Exchange& exchange : exchanges) {
    if (exchange.key.task == members_->task) members_->exchanges.push_back(exchange);
  }
  std::sort(members_->exchanges.begin(), members_->exchanges.end(),
            [](const Exchange& a, const Exchange& b) { return a.key < b.key; });
  MutexLock lock(members_->mutex);
  for (const Exchange& exchange : members_->exchanges) {
    ExchangeKey key = exchange.key;
    key.ordinal = 0;
    members_->rows[key].exchanges.push_back(&exchange);
  }
}
ReplayTransport::~ReplayTransport() = default;

Result<Response> ReplayTransport::Send(const Request& request, const OpContext& context) {
  RETURN_IF_ERROR(context.Check(), "{}", request.Name());
  if (!request.record) {
    return NotFound("{}: such requests are never recorded; a replay asks none", request.Name());
  }
  ASSIGN_OR_RETURN(const ExchangeKey key, KeyOf(request, members_->task));
  const Exchange* exchange = nullptr;
  {
    MutexLock lock(members_->mutex);
    const auto row = members_->rows.find(key);
    if (row == members_->rows.end()) {
      return NotFound("{} {}: task {} did not ask this when it was recorded", key.method, key.url,
                      members_->task);
    }
    if (row->second.next == row->second.exchanges.size()) {
      return NotFound("{} {}: recorded {} times, asked once more", key.method, key.url,
                      row->second.next);
    }
    exchange = row->second.exchanges[row->second.next++];
  }
  if (exchange->error) return *exchange->error;
  ASSIGN_OR_RETURN(std::string body, ReadBody(members_->vault, *exchange));
  return Response{exchange->status, exchange->headers, std::move(body), exchange->received};
}

Result<std::vector<Exchange>> ReadExchanges(const BlobStore& vault, std::string_view list_sha256) {
  const std::string object = BodyObject(list_sha256);
  ASSIGN_OR_RETURN(const std::string frame, vault.Get(object));
  ASSIGN_OR_RETURN(const std::string list, Decompress(frame, kAnySize), "{}", object);
  if (Sha256Hex(list) != list_sha256)
    return Corrupt("{}: the bytes are not those that were recorded; restore it from a backup",
                   object);
  return ParseExchangeList(list, object);
}

Result<std::vector<Exchange>> ParseExchangeList(std::string_view list, std::string_view name) {
  const size_t first_end = list.find('\n');
  const auto head = nlohmann::json::parse(list.substr(0, first_end), nullptr, false);
  if (first_end == std::string_view::npos || !head.is_object() || !head.contains("format") ||
      !head.contains("exchanges") || !head["exchanges"].is_number_unsigned()) {
    return Corrupt("{}: no exchange list", name);
  }
  if (head["format"] != 1) {
    return Invalid("{}: an exchange list of format {}; this version reads 1", name,
                   head["format"].dump());
  }
  std::vector<Exchange> exchanges;
  for (std::string_view rest = list.substr(first_end + 1); !rest.empty();) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) return Corrupt("{}: is cut short", name);
    ASSIGN_OR_RETURN(Exchange exchange, ParseExchange(rest.substr(0, end)), "{}", name);
    exchanges.push_back(std::move(exchange));
    rest.remove_prefix(end + 1);
  }
  if (head["exchanges"] != exchanges.size()) {
    return Corrupt("{}: {} exchanges announced, {} there", name, head["exchanges"].dump(),
                   exchanges.size());
  }
  return exchanges;
}

Result<std::string> ReadBody(const BlobStore& vault, const Exchange& exchange) {
  if (exchange.object.empty()) {
    if (exchange.bytes == 0) return std::string();
    return Invalid("{} {}: is not sealed", exchange.key.method, exchange.key.url);
  }
  ASSIGN_OR_RETURN(const std::string frame,
                   vault.Get(exchange.object, exchange.offset, exchange.length));
  ASSIGN_OR_RETURN(std::string body, Decompress(frame, exchange.bytes), "{} at byte {}",
                   exchange.object, exchange.offset);
  if (Sha256Hex(body) != exchange.sha256) {
    return Corrupt("{} at byte {}: the body's digest is not {}", exchange.object, exchange.offset,
                   exchange.sha256);
  }
  return body;
}

Result<Exchange> StoreBody(BlobStore& vault, std::string_view body) {
  Exchange exchange;
  exchange.status = 200;
  exchange.sha256 = Sha256Hex(body);
  exchange.bytes = body.size();
  if (body.empty()) return exchange;
  const std::string frame = Compress(body);
  exchange.object = BodyObject(exchange.sha256);
  exchange.length = frame.size();
  RETURN_IF_ERROR(vault.Put(exchange.object, frame));
  return exchange;
}

}  // namespace catchment::net
