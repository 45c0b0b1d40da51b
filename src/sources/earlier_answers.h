#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/mutex.h"
#include "net/transport.h"
#include "net/vault.h"

namespace catchment::sources {

/// The request ledgers of runs of this run's slot that died.
struct EarlierRuns {
  struct Run {
    std::string run;
    std::unique_ptr<net::ExchangeLog> log;
  };
  std::vector<Run> runs;
  std::vector<std::string> problems;  ///< ledgers that cannot be read, one line each
};

/// Hands out what runs of the slot that died were told, so that no call is spent on it again.
///
/// It stands directly below the recording transport: which answers there are, and the answers
/// themselves, are recorded like any other, and a replay needs no ledger of a dead run. It answers
/// the question at https://earlier.invalid/ and requests marked by MarkEarlier; all else is passed
/// on. Bytes: docs/formats/budget_questions.md.
///
/// Only 2xx answers of the world serve: nothing of the hosts below `.invalid` (permits, lists of
/// subscriptions, files), which hold decisions of their moment. Thread-safe.
class EarlierTransport final : public net::Transport {
 public:
  /// Called once, at the first question: when the run holds its slot.
  using Find = std::function<Result<EarlierRuns>()>;

  /// `inner` outlives this.
  EarlierTransport(net::Transport& inner, Find find) : inner_(inner), find_(std::move(find)) {}

  /// kNotFound: a marked request that no question was answered for.
  Result<net::Response> Send(const net::Request& request, const OpContext& context) override;
  void Start(net::Request request, const OpContext& context, Done done) override;

 private:
  struct Answer {
    const EarlierRuns::Run* from;
    net::ExchangeKey key;
    Time received;
  };
  /// Task, method, digest of the body, headers that choose the answer.
  using Body = std::tuple<std::string, std::string, std::string, std::string>;

  Result<net::Response> Tell(const net::Request& request, Time now);
  Result<net::Response> Recall(const net::Request& request);
  Status Load() REQUIRES(mutex_);
  Result<nlohmann::json> Match(const nlohmann::json& question, Time now) REQUIRES(mutex_);

  // Constant after construction.
  net::Transport& inner_;
  const Find find_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::optional<EarlierRuns> runs_ GUARDED_BY(mutex_);
  std::map<Body, std::vector<Answer>> answers_ GUARDED_BY(mutex_);
  std::map<net::ExchangeKey, const Answer*> promised_ GUARDED_BY(mutex_);  // ordinal 0
};

/// What a source learns of earlier answers.
struct EarlierAnswers {
  std::map<std::string, std::string> found;  ///< by the request's name: what `*` stands for
  std::vector<std::string> runs;             ///< that died and left a ledger
  std::vector<std::string> problems;
};

/// Ask which of `requests`, by names of the caller's own, have an answer received at most `limit`
/// ago. A URL may have one `*` in its path, for any text without `/`; the newest answer serves. A
/// recording that knows no such question has none.
Result<EarlierAnswers> AskEarlier(net::Transport& transport, const std::string& task,
                                  const std::map<std::string, net::Request>& requests,
                                  std::chrono::milliseconds limit, const OpContext& context);

/// Have `request`, its URL as found, answered by what was found and never by the world.
void MarkEarlier(net::Request& request, const std::string& task);

}  // namespace catchment::sources
