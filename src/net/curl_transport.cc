#include "net/curl_transport.h"

#include <pthread.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "net/curl_transfer_internal.h"

namespace catchment::net {

/// The I/O thread and what it owns.
class CurlTransport::Loop {
 public:
  explicit Loop(CurlOptions options) : options_(std::move(options)), multi_(curl_multi_init()) {
    const long most = options_.max_connections;
    curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, most);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, most);
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
    pthread_setname_np(thread_.native_handle(), "net-http");
  }

  ~Loop() {
    thread_.request_stop();
    curl_multi_wakeup(multi_);
    thread_.join();
    for (CURL* easy : idle_) curl_easy_cleanup(easy);
    curl_multi_cleanup(multi_);
    curl_global_cleanup();
  }

  void Submit(std::unique_ptr<CurlTransfer> transfer) {
    {
      MutexLock lock(mutex_);
      submitted_.push_back(std::move(transfer));
    }
    curl_multi_wakeup(multi_);
  }

  const CurlOptions& options() const { return options_; }

 private:
  void Run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      TakeSubmitted();
      CancelStopped();
      int running = 0;
      curl_multi_perform(multi_, &running);
      TakeFinished();
      bool idle;
      {
        MutexLock lock(mutex_);
        idle = submitted_.empty() && stopped_.empty();
      }
      if (idle) curl_multi_poll(multi_, nullptr, 0, 10'000, nullptr);
    }
    CancelAll();
  }

  void TakeSubmitted() {
    std::vector<std::unique_ptr<CurlTransfer>> submitted;
    {
      MutexLock lock(mutex_);
      submitted.swap(submitted_);
    }
    for (std::unique_ptr<CurlTransfer>& transfer : submitted) {
      CURL* easy = TakeHandle();
      Status status = transfer->Begin(easy);
      if (!status.ok()) {
        idle_.push_back(easy);
        transfer->done()(Result<Response>(std::move(status)));
        continue;
      }
      if (transfer->context().stop.stop_possible()) {
        transfer->stop_callback.emplace(transfer->context().stop, [this, easy] {
          {
            MutexLock lock(mutex_);
            stopped_.push_back(easy);
          }
          curl_multi_wakeup(multi_);
        });
      }
      curl_multi_add_handle(multi_, easy);
      transfers_.emplace(easy, std::move(transfer));
    }
  }

  void CancelStopped() {
    std::vector<CURL*> stopped;
    {
      MutexLock lock(mutex_);
      stopped.swap(stopped_);
    }
    for (CURL* easy : stopped) {
      // The handle may serve another transfer by now.
      const auto found = transfers_.find(easy);
      if (found == transfers_.end() || !found->second->context().stop.stop_requested()) continue;
      curl_multi_remove_handle(multi_, easy);
      Complete(easy, found->second->CancelledError());
    }
  }

  void TakeFinished() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* easy = message->easy_handle;
      const CURLcode code = message->data.result;  // the message dies with the removal
      curl_multi_remove_handle(multi_, easy);
      std::optional<Result<Response>> outcome = transfers_.at(easy)->Finish(code);
      if (outcome) {
        Complete(easy, *std::move(outcome));
      } else {
        curl_multi_add_handle(multi_, easy);
      }
    }
  }

  void Complete(CURL* easy, Result<Response> outcome) {
    const std::unique_ptr<CurlTransfer> transfer = std::move(transfers_.extract(easy).mapped());
    transfer->stop_callback.reset();
    idle_.push_back(easy);
    if (outcome.ok()) transfer->SayArrived();
    transfer->done()(std::move(outcome));
  }

  void CancelAll() {
    while (!transfers_.empty()) {
      CURL* easy = transfers_.begin()->first;
      curl_multi_remove_handle(multi_, easy);
      Complete(easy, transfers_.begin()->second->CancelledError());
    }
    std::vector<std::unique_ptr<CurlTransfer>> submitted;
    {
      MutexLock lock(mutex_);
      submitted.swap(submitted_);
    }
    for (const auto& transfer : submitted) transfer->done()(transfer->CancelledError());
  }

  CURL* TakeHandle() {
    if (idle_.empty()) return curl_easy_init();
    CURL* easy = idle_.back();
    idle_.pop_back();
    return easy;
  }

  // Constant after construction.
  const CurlOptions options_;
  CURLM* const multi_;
  // The I/O thread's own.
  std::map<CURL*, std::unique_ptr<CurlTransfer>> transfers_;
  std::vector<CURL*> idle_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::vector<std::unique_ptr<CurlTransfer>> submitted_ GUARDED_BY(mutex_);
  std::vector<CURL*> stopped_ GUARDED_BY(mutex_);
  // Last: it uses all of the above.
  std::jthread thread_;
};

CurlTransport::CurlTransport(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

CurlTransport::~CurlTransport() = default;

Result<std::unique_ptr<CurlTransport>> CurlTransport::Open(CurlOptions options) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return Internal("libcurl does not start");
  }
  if ((curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_SSL) == 0) {
    curl_global_cleanup();
    return Internal("this libcurl cannot do TLS; install one built with OpenSSL");
  }
  return std::unique_ptr<CurlTransport>(
      new CurlTransport(std::make_unique<Loop>(std::move(options))));
}

void CurlTransport::Start(Request request, const OpContext& context, Done done) {
  loop_->Submit(std::make_unique<CurlTransfer>(loop_->options(), std::move(request), context,
                                               std::move(done)));
}

Result<Response> CurlTransport::Send(const Request& request, const OpContext& context) {
  std::mutex mutex;
  std::condition_variable arrived;
  std::optional<Result<Response>> outcome;
  Start(request, context, [&](Result<Response> result) {
    std::lock_guard<std::mutex> lock(mutex);
    outcome = std::move(result);
    arrived.notify_one();  // under the lock: afterwards the waiting frame may be gone
  });
  std::unique_lock<std::mutex> lock(mutex);
  arrived.wait(lock, [&] { return outcome.has_value(); });
  return *std::move(outcome);
}

}  // namespace catchment::net
