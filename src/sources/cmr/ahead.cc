#include "sources/cmr/ahead_internal.h"

namespace catchment::sources::cmr {

void AheadAnswers::Add(const std::string& key, std::string question, int threads,
                       const OpContext& context) {
  {
    MutexLock lock(mutex_);
    if (stopped_) return;
    auto work = std::make_shared<Work>();
    if (!by_key_.try_emplace(key, work).second) return;
    work->question = std::move(question);
    work->context = context;
    waiting_.push_back(std::move(work));
    const bool more = static_cast<int>(threads_.size()) < threads;
    if (free_threads_ == 0 && more) threads_.emplace_back([this] { Run(); });
  }
  changed_.notify_all();
}

void AheadAnswers::Run() {
  while (true) {
    std::shared_ptr<Work> work;
    {
      MutexLock lock(mutex_);
      ++free_threads_;
      const auto some = [&]() REQUIRES(mutex_) { return stopped_ || !waiting_.empty(); };
      changed_.wait(mutex_, some);
      --free_threads_;
      if (stopped_) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
      work->begun = true;
    }
    OpContext context = work->context;
    context.stop = stop_.get_token();
    const std::stop_callback forward(work->context.stop, [this] { stop_.request_stop(); });
    Result<std::string> answer = answer_(work->question, context);
    {
      MutexLock lock(mutex_);
      work->question = {};
      work->answer = std::move(answer);
    }
    changed_.notify_all();
  }
}

std::optional<Result<std::string>> AheadAnswers::Take(const std::string& key,
                                                      const OpContext& context) {
  MutexLock lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  const std::shared_ptr<Work> work = found->second;
  by_key_.erase(found);
  if (!work->begun) {
    std::erase(waiting_, work);
    return std::nullopt;
  }
  const auto done = [&]() REQUIRES(mutex_) { return work->answer.has_value(); };
  while (!done()) {
    const Status status = context.Check();
    if (!status.ok()) return Result<std::string>(status.error());
    if (context.deadline == OpContext::Steady::time_point::max()) {
      changed_.wait(mutex_, context.stop, done);
    } else {
      changed_.wait_until(mutex_, context.stop, context.deadline, done);
    }
  }
  return std::move(work->answer);
}

void AheadAnswers::Stop() {
  std::vector<std::jthread> threads;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    waiting_.clear();
    threads.swap(threads_);
  }
  stop_.request_stop();
  changed_.notify_all();
  threads.clear();  // joins
}

}  // namespace catchment::sources::cmr
