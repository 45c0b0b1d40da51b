#include "simulator/http_server_internal.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <queue>
#include <thread>
#include <unordered_map>

#include "base/mutex.h"
#include "base/text.h"
#include "simulator/http_request_reader_internal.h"

namespace catchment::simulator {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t kMaxConnections = 4096;
constexpr size_t kMakers = 4;          // threads
constexpr size_t kMaxAhead = 1 << 20;  // bytes taken while an answer is being made
constexpr auto kDrainFor = milliseconds(2000);
constexpr auto kTrickleEvery = milliseconds(50);

std::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Payload Too Large";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

// Threads started while this lives take no signals: those are for the thread that waits for them.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

// A connection and what it waits for. Owned by the loop's thread.
struct Connection {
  enum class Stage {
    kReading,
    kMaking,   // by another thread
    kWaiting,  // for the answer's time
    kSending,
    kDraining,  // all was sent: until the client ends it, or for a while
  };

  uint64_t id = 0;
  int socket = -1;
  size_t port = 0;
  Stage stage = Stage::kReading;
  uint32_t watched = 0;  // events asked of epoll
  HttpRequestReader reader;
  bool head_only = false, closes = false;
  HttpResponse response;
  std::string head;
  size_t head_sent = 0, body_sent = 0, body_end = 0;
  Clock::time_point began;  // making the answer, then sending it
};

std::string HeadOf(const HttpResponse& response, bool closes) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, Reason(response.status));
  const auto add = [&](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  if (!response.content_type.empty()) add("Content-Type", response.content_type);
  add("Content-Length", fmt::format_int(response.body.size()).c_str());
  for (const auto& [name, value] : response.headers) add(name, value);
  if (closes) add("Connection", "close");
  return head + "\r\n";
}

Result<int> ListenOnLoopback() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return Unavailable("open a socket: {}", strerror(errno));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener, 1024) != 0) {
    const int problem = errno;
    close(listener);
    return Unavailable("listen on 127.0.0.1: {}", strerror(problem));
  }
  return listener;
}

int PortOf(int listener) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

}  // namespace

std::string_view HttpRequest::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

std::string PercentDecode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr ==
            text.data() + i + 3) {
      decoded += static_cast<char>(value);
      i += 2;
    } else {
      decoded += text[i] == '+' && plus_is_space ? ' ' : text[i];
    }
  }
  return decoded;
}

std::vector<std::pair<std::string, std::string>> ParseQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (const std::string& part : Split(query, '&')) {
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    const std::string_view text = part;
    fields.emplace_back(
        PercentDecode(text.substr(0, equals), true),
        equals == std::string::npos ? "" : PercentDecode(text.substr(equals + 1), true));
  }
  return fields;
}

/// The threads: `loop_thread_` owns connections and timers, `makers_` take requests from a queue.
class HttpServer::Loop {
 public:
  Loop(Handler handler, Options options)
      : handler_(std::move(handler)), options_(std::move(options)) {}
  ~Loop() { Stop(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  Status Open();
  void StartThreads();
  void Stop();
  int port(size_t number) const { return ports_[number]; }

 private:
  struct Job {
    uint64_t connection = 0;
    size_t port = 0;
    HttpRequest request;
  };
  struct Made {
    uint64_t connection = 0;
    HttpResponse response;
    Clock::time_point began;
  };
  using Timer = std::pair<Clock::time_point, uint64_t>;  // of a connection

  // All of these run on the loop's thread.
  void Run(const std::stop_token& stop);
  int NextTimeout() const;
  void Accept(size_t port);
  void OnEvent(uint64_t id, uint32_t events);
  void OnTimers();
  void TakeMade();
  void Receive(Connection& connection);
  void NextRequest(Connection& connection);
  void Answer(Connection& connection, HttpResponse response);
  static void Announce(Connection& connection, bool sent);
  void BeginSending(Connection& connection);
  void Send(Connection& connection);
  void EndOfAnswer(Connection& connection);
  void Drain(Connection& connection);
  void Watch(Connection& connection, uint32_t events);
  void At(Clock::time_point time, const Connection& connection) {
    timers_.push({time, connection.id});
  }
  void Close(Connection& connection);

  void Make(const std::stop_token& stop);
  void Wake() const;

  // Constant after Open.
  const Handler handler_;
  const Options options_;
  int epoll_ = -1, wake_ = -1;
  std::vector<int> listeners_, ports_;
  // The loop's thread alone.
  std::unordered_map<uint64_t, Connection> connections_;
  uint64_t next_id_ = 0;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::vector<uint64_t> closed_;  // to be forgotten when nothing refers to them
  Mutex stopping_;                // held by Stop
  // Guarded by mutex_.
  Mutex mutex_;
  std::condition_variable_any work_;
  std::deque<Job> jobs_ GUARDED_BY(mutex_);
  std::vector<Made> made_ GUARDED_BY(mutex_);
  // Started last, ended first.
  std::vector<std::jthread> makers_;
  std::jthread loop_thread_;
};

constexpr uint64_t kWakeId = 0;
constexpr uint64_t kFirstListener = 1;
constexpr uint64_t kFirstConnection = 1 << 16;

Status HttpServer::Loop::Open() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_ < 0 || wake_ < 0) return Unavailable("open an event queue: {}", strerror(errno));
  const auto watch = [&](int descriptor, uint64_t id) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = id;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  };
  watch(wake_, kWakeId);
  for (size_t port = 0; port < options_.ports; ++port) {
    ASSIGN_OR_RETURN(const int listener, ListenOnLoopback());
    listeners_.push_back(listener);
    ports_.push_back(PortOf(listener));
    watch(listener, kFirstListener + port);
  }
  next_id_ = kFirstConnection;
  return {};
}

void HttpServer::Loop::StartThreads() {
  const SignalsBlocked blocked;
  for (size_t i = 0; i < kMakers; ++i) {
    makers_.emplace_back([this](const std::stop_token& stop) { Make(stop); });
  }
  loop_thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void HttpServer::Loop::Stop() {
  const MutexLock one_at_a_time(stopping_);
  if (loop_thread_.joinable()) {
    for (std::jthread& maker : makers_) maker.request_stop();
    loop_thread_.request_stop();
    Wake();
    loop_thread_.join();
    makers_.clear();  // joins
    TakeMade();       // what they made last reaches nobody
  }
  for (const int listener : std::exchange(listeners_, {})) close(listener);
  if (wake_ >= 0) close(std::exchange(wake_, -1));
  if (epoll_ >= 0) close(std::exchange(epoll_, -1));
}

void HttpServer::Loop::Wake() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof(one));
}

void HttpServer::Loop::Make(const std::stop_token& stop) {
  while (true) {
    Job job;
    {
      const MutexLock lock(mutex_);
      if (!work_.wait(mutex_, stop, [this]() REQUIRES(mutex_) { return !jobs_.empty(); })) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    const Clock::time_point began = Clock::now();
    HttpResponse response = handler_(job.request, job.port);
    {
      const MutexLock lock(mutex_);
      made_.push_back({job.connection, std::move(response), began});
    }
    Wake();
  }
}

int HttpServer::Loop::NextTimeout() const {
  if (timers_.empty()) return -1;
  const auto left = timers_.top().first - Clock::now();
  return static_cast<int>(
      std::clamp<int64_t>(std::chrono::ceil<milliseconds>(left).count(), 0, 60'000));
}

void HttpServer::Loop::Run(const std::stop_token& stop) {
  std::array<epoll_event, 256> events;
  while (!stop.stop_requested()) {
    const int count =
        epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), NextTimeout());
    for (int i = 0; i < count; ++i) {
      const uint64_t id = events[static_cast<size_t>(i)].data.u64;
      if (id >= kFirstConnection) {
        OnEvent(id, events[static_cast<size_t>(i)].events);
      } else if (id >= kFirstListener) {
        Accept(static_cast<size_t>(id - kFirstListener));
      } else {
        uint64_t times = 0;
        [[maybe_unused]] const ssize_t got = read(wake_, &times, sizeof(times));
        TakeMade();
      }
    }
    OnTimers();
    for (const uint64_t id : std::exchange(closed_, {})) connections_.erase(id);
  }
  for (auto& [id, connection] : connections_) Close(connection);
  connections_.clear();
}

void HttpServer::Loop::Accept(size_t port) {
  while (true) {
    const int socket = accept4(listeners_[port], nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) return;  // no further one; or out of descriptors, then it comes up again
    if (connections_.size() >= kMaxConnections) {
      close(socket);
      continue;
    }
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    Connection& connection = connections_[next_id_];
    connection.id = next_id_++;
    connection.socket = socket;
    connection.port = port;
    epoll_event event{};
    event.events = connection.watched = EPOLLIN;
    event.data.u64 = connection.id;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
  }
}

void HttpServer::Loop::Watch(Connection& connection, uint32_t events) {
  if (connection.watched == events || connection.socket < 0) return;
  connection.watched = events;
  epoll_event event{};
  event.events = events;
  event.data.u64 = connection.id;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.socket, &event);
}

void HttpServer::Loop::Close(Connection& connection) {
  if (connection.socket < 0) return;
  Announce(connection, false);
  close(std::exchange(connection.socket, -1));
  closed_.push_back(connection.id);
}

// A request whose answer nobody will get was asked all the same.
void HttpServer::Loop::Announce(Connection& connection, bool sent) {
  const auto announce = std::exchange(connection.response.before_sending, {});
  if (announce) announce(sent);
}

void HttpServer::Loop::OnEvent(uint64_t id, uint32_t events) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || found->second.socket < 0) return;
  Connection& connection = found->second;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) Receive(connection);
  if ((events & EPOLLOUT) != 0 && connection.stage == Connection::Stage::kSending) {
    Send(connection);
  }
  NextRequest(connection);
}

void HttpServer::Loop::Receive(Connection& connection) {
  std::array<char, 64 << 10> bytes;
  ssize_t count;
  do {
    count = recv(connection.socket, bytes.data(), bytes.size(), 0);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) return Close(connection);  // also while its answer waits: nobody will read it
  if (connection.stage == Connection::Stage::kDraining) return;
  connection.reader.Take({bytes.data(), static_cast<size_t>(count)});
  if (connection.stage != Connection::Stage::kReading && connection.reader.size() > kMaxAhead) {
    Watch(connection, connection.watched & ~uint32_t{EPOLLIN});
  }
}

// Takes up the requests that are there, until one has to wait.
void HttpServer::Loop::NextRequest(Connection& connection) {
  while (connection.socket >= 0 && connection.stage == Connection::Stage::kReading) {
    std::optional<HttpRequest> request = connection.reader.Next();
    if (connection.reader.TakeContinue()) {
      constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      send(connection.socket, kContinue.data(), kContinue.size(), MSG_NOSIGNAL);
    }
    if (!request && connection.reader.refusal() == 0) return;
    connection.began = Clock::now();
    connection.head_only = request && request->method == "HEAD";
    connection.closes = !request || ToLower(request->Header("connection")) == "close";
    if (!request) {
      HttpResponse refusal;
      refusal.status = connection.reader.refusal();
      refusal.content_type = "";
      Answer(connection, std::move(refusal));
    } else if (connection.port < options_.quick.size() && options_.quick[connection.port]) {
      Answer(connection, handler_(*request, connection.port));
    } else {
      connection.stage = Connection::Stage::kMaking;
      {
        const MutexLock lock(mutex_);
        jobs_.push_back({connection.id, connection.port, std::move(*request)});
      }
      work_.notify_one();
    }
  }
}

void HttpServer::Loop::TakeMade() {
  std::vector<Made> made;
  {
    const MutexLock lock(mutex_);
    made.swap(made_);
  }
  for (Made& one : made) {
    const auto found = connections_.find(one.connection);
    if (found == connections_.end() || found->second.socket < 0) {
      if (one.response.before_sending) one.response.before_sending(false);
      continue;
    }
    found->second.began = one.began;
    Answer(found->second, std::move(one.response));
    NextRequest(found->second);
  }
}

void HttpServer::Loop::Answer(Connection& connection, HttpResponse response) {
  connection.response = std::move(response);
  connection.stage = Connection::Stage::kWaiting;
  if (connection.response.ending == Ending::kNever) return;
  if (connection.response.delay.count() <= 0) return BeginSending(connection);
  At(connection.began + connection.response.delay, connection);
}

void HttpServer::Loop::OnTimers() {
  const Clock::time_point now = Clock::now();
  while (!timers_.empty() && timers_.top().first <= now) {
    const uint64_t id = timers_.top().second;
    timers_.pop();
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second.socket < 0) continue;
    Connection& connection = found->second;
    if (connection.stage == Connection::Stage::kWaiting) {
      // An older timer may have been left over.
      if (connection.began + connection.response.delay > now) continue;
      BeginSending(connection);
    } else if (connection.stage == Connection::Stage::kSending) {
      Send(connection);
    } else if (connection.stage == Connection::Stage::kDraining) {
      Close(connection);
    }
    NextRequest(connection);
  }
}

void HttpServer::Loop::BeginSending(Connection& connection) {
  Announce(connection, true);
  const HttpResponse& response = connection.response;
  connection.stage = Connection::Stage::kSending;
  if (response.ending == Ending::kClosed) return Drain(connection);
  if (response.ending == Ending::kReset) {
    const linger at_once{1, 0};
    setsockopt(connection.socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    return Close(connection);
  }
  connection.closes = connection.closes || response.ending == Ending::kTruncated;
  connection.head = HeadOf(response, connection.closes);
  connection.head_sent = connection.body_sent = 0;
  connection.body_end = connection.head_only ? 0 : response.body.size();
  if (response.ending == Ending::kTruncated) connection.body_end /= 2;
  connection.began = Clock::now();
  Send(connection);
}

void HttpServer::Loop::Send(Connection& connection) {
  const int64_t rate = connection.response.bytes_per_second;
  size_t may_send = connection.body_end;
  if (rate > 0) {
    const std::chrono::duration<double> since = Clock::now() - connection.began;
    may_send = std::min(may_send, static_cast<size_t>(since.count() * static_cast<double>(rate)));
  }
  while (connection.head_sent < connection.head.size() || connection.body_sent < may_send) {
    std::array<iovec, 2> parts{iovec{connection.head.data() + connection.head_sent,
                                     connection.head.size() - connection.head_sent},
                               iovec{connection.response.body.data() + connection.body_sent,
                                     may_send - std::min(may_send, connection.body_sent)}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent = sendmsg(connection.socket, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return Watch(connection, EPOLLIN | EPOLLOUT);
    if (sent <= 0) return Close(connection);
    const size_t of_head =
        std::min(connection.head.size() - connection.head_sent, static_cast<size_t>(sent));
    connection.head_sent += of_head;
    connection.body_sent += static_cast<size_t>(sent) - of_head;
  }
  if (connection.body_sent < connection.body_end) {
    Watch(connection, EPOLLIN);
    return At(Clock::now() + kTrickleEvery, connection);
  }
  EndOfAnswer(connection);
}

void HttpServer::Loop::EndOfAnswer(Connection& connection) {
  if (connection.closes) return Drain(connection);
  connection.response = {};
  connection.stage = Connection::Stage::kReading;
  Watch(connection, EPOLLIN);
}

// A socket that is closed while there is something to read resets the connection, and the client
// may lose the answer.
void HttpServer::Loop::Drain(Connection& connection) {
  shutdown(connection.socket, SHUT_WR);
  connection.stage = Connection::Stage::kDraining;
  Watch(connection, EPOLLIN);
  At(Clock::now() + kDrainFor, connection);
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(Handler handler, const Options& options) {
  auto loop = std::make_unique<Loop>(std::move(handler), options);
  RETURN_IF_ERROR(loop->Open());
  loop->StartThreads();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(loop)));
}

HttpServer::HttpServer(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

HttpServer::~HttpServer() { Stop(); }

int HttpServer::port(size_t number) const { return loop_->port(number); }

void HttpServer::Stop() { loop_->Stop(); }

}  // namespace catchment::simulator
