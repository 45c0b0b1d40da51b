#include "net/curl_transport.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/descriptor.h"
#include "base/mutex.h"
#include "net/curl_transfer_internal.h"

namespace catchment::net {

namespace {

using Steady = OpContext::Steady;

uint32_t EventsFor(int what) {
  const uint32_t in = what == CURL_POLL_IN || what == CURL_POLL_INOUT ? uint32_t{EPOLLIN} : 0;
  const uint32_t out = what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? uint32_t{EPOLLOUT} : 0;
  return in | out;
}

/// A broken socket counts as ready for both: libcurl then meets the error itself, on that socket.
int ReadinessOf(uint32_t events) {
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  return (broken || (events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
         (broken || (events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0);
}

}  // namespace

/// The I/O thread and what it owns. It is told which sockets are ready, and looks at those alone:
/// asking all transfers at each answer costs as much as the answers do.
class CurlTransport::Loop {
 public:
  /// `ready`: an epoll descriptor; `wake`: an eventfd that does not block.
  Loop(CurlOptions options, Descriptor ready, Descriptor wake)
      : options_(std::move(options)),
        multi_(curl_multi_init()),
        ready_(std::move(ready)),
        wake_(std::move(wake)) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = wake_.number()}};
    epoll_ctl(ready_.number(), EPOLL_CTL_ADD, wake_.number(), &event);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Loop::OnSocket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Loop::OnTimer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    const long most = options_.max_connections;
    curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, most);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, most);
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
    pthread_setname_np(thread_.native_handle(), "net-http");
  }

  ~Loop() {
    thread_.request_stop();
    Wake();
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
    Wake();
  }

  const CurlOptions& options() const { return options_; }

 private:
  void Run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      TakeSubmitted();
      CancelStopped();
      WorkOnReady();
      TakeFinished();
    }
    CancelAll();
  }

  void Wake() const {
    const uint64_t one = 1;
    (void)!write(wake_.number(), &one, sizeof one);  // fails only if it is awake already
  }

  /// Wait until something is to be done, and let libcurl do it.
  void WorkOnReady() {
    std::array<epoll_event, 64> events;
    const int count = epoll_wait(ready_.number(), events.data(), events.size(), UntilTimer());
    int running = 0;
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == wake_.number()) {
        uint64_t times = 0;
        (void)!read(wake_.number(), &times, sizeof times);
      } else {
        curl_multi_socket_action(multi_, events[i].data.fd, ReadinessOf(events[i].events),
                                 &running);
        // A request that waited for this answer goes out now, not after all that are ready.
        TakeFinished();
        TakeSubmitted();
      }
    }
    if (UntilTimer() != 0) return;
    timer_.reset();
    curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
  }

  /// Milliseconds; -1: libcurl waits for no time.
  int UntilTimer() const {
    if (!timer_) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*timer_ - Steady::now());
    return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1 << 30));
  }

  // Callbacks of libcurl, on the I/O thread.

  static int OnSocket(CURL*, curl_socket_t socket, int what, void* self, void*) {
    const int ready = static_cast<Loop*>(self)->ready_.number();
    epoll_event event{.events = EventsFor(what), .data = {.fd = socket}};
    if (what == CURL_POLL_REMOVE) {
      epoll_ctl(ready, EPOLL_CTL_DEL, socket, &event);
    } else if (epoll_ctl(ready, EPOLL_CTL_MOD, socket, &event) != 0) {
      epoll_ctl(ready, EPOLL_CTL_ADD, socket, &event);
    }
    return 0;  // anything else would end all transfers; one that is not watched ends by its
               // time-out
  }

  static int OnTimer(CURLM*, long milliseconds, void* self) {
    auto& loop = *static_cast<Loop*>(self);
    loop.timer_.reset();
    if (milliseconds >= 0) {
      loop.timer_ = Steady::now() + std::chrono::milliseconds(milliseconds);
    }
    return 0;
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
          Wake();
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
  const Descriptor ready_;  // epoll: libcurl's sockets and wake_
  const Descriptor wake_;   // eventfd
  // The I/O thread's own.
  std::optional<Steady::time_point> timer_;  // when libcurl wants to be asked
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
  Descriptor ready(epoll_create1(EPOLL_CLOEXEC));
  Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!ready.open() || !wake.open()) {
    const int failure = errno;
    curl_global_cleanup();
    return Unavailable("cannot wait for answers: {}", std::strerror(failure));
  }
  return std::unique_ptr<CurlTransport>(new CurlTransport(
      std::make_unique<Loop>(std::move(options), std::move(ready), std::move(wake))));
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
