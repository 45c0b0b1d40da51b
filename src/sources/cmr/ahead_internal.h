#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/op_context.h"
#include "base/result.h"

namespace catchment::sources::cmr {

/// Questions that are answered before they are asked, on threads of its own: those that take long
/// and are known early. Thread-safe.
class AheadAnswers {
 public:
  /// Runs on several threads at once.
  using Answer = std::function<Result<std::string>(const std::string& question, const OpContext&)>;

  explicit AheadAnswers(Answer answer) : answer_(std::move(answer)) {}
  ~AheadAnswers() { Stop(); }

  /// Let `question` be answered as soon as one of `threads` threads is free, and kept under `key`;
  /// `context` is that of the work.
  void Add(const std::string& key, std::string question, int threads, const OpContext& context);

  /// The answer under `key`, waited for if it is being made. Null: it was not added, or
  /// nobody has begun with it (and nobody will): the caller makes it. kDeadline, kCancelled: of
  /// `context`.
  std::optional<Result<std::string>> Take(const std::string& key, const OpContext& context);

  /// Begin no more, stop what is under way and wait for it.
  void Stop();

 private:
  struct Work {
    std::string question;
    OpContext context;
    bool begun = false;
    std::optional<Result<std::string>> answer;
  };
  void Run();

  // Constant after construction.
  const Answer answer_;
  // Thread-safe themselves.
  std::condition_variable_any changed_;
  std::stop_source stop_;
  // Guarded by mutex_.
  Mutex mutex_;
  bool stopped_ GUARDED_BY(mutex_) = false;
  int free_threads_ GUARDED_BY(mutex_) = 0;
  std::deque<std::shared_ptr<Work>> waiting_ GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<Work>> by_key_ GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_ GUARDED_BY(mutex_);
};

}  // namespace catchment::sources::cmr
