#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/text.h"
#include "simulator/http_server_internal.h"

namespace catchment::simulator {
namespace {

constexpr size_t kMaxHeaderBytes = 64 << 10;
constexpr size_t kMaxBodyBytes = 16 << 20;
constexpr size_t kMaxConnections = 512;

std::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
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
    default:
      return "Status";
  }
}

// Reads requests from one socket, keeping what came after the last one.
class RequestReader {
 public:
  explicit RequestReader(int socket) : socket_(socket) {}

  // nullopt: the connection ended, or what came is no request. `refusal` is then a status to
  // answer, or 0.
  std::optional<HttpRequest> Next(int& refusal) {
    refusal = 0;
    size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (buffer_.size() > kMaxHeaderBytes) return refusal = 400, std::nullopt;
      if (!Receive()) return std::nullopt;
    }
    HttpRequest request;
    if (!ParseHead(std::string_view(buffer_).substr(0, end), request)) {
      return refusal = 400, std::nullopt;
    }
    buffer_.erase(0, end + 4);
    if (!ReadBody(request, refusal)) return std::nullopt;
    return request;
  }

 private:
  bool Receive() {
    std::array<char, 16384> bytes;
    ssize_t count;
    do {
      count = recv(socket_, bytes.data(), bytes.size(), 0);
    } while (count < 0 && errno == EINTR);
    if (count <= 0) return false;
    buffer_.append(bytes.data(), static_cast<size_t>(count));
    return true;
  }

  static bool ParseHead(std::string_view head, HttpRequest& request) {
    const std::vector<std::string> lines = Split(head, '\n');
    const std::vector<std::string> first = Split(Trim(lines.front()), ' ');
    if (first.size() != 3 || !first[2].starts_with("HTTP/1.") || !first[1].starts_with("/")) {
      return false;
    }
    request.method = first[0];
    request.target = first[1];
    const size_t mark = request.target.find('?');
    request.path = PercentDecode(std::string_view(request.target).substr(0, mark), false);
    if (mark != std::string::npos) request.query = request.target.substr(mark + 1);
    for (size_t i = 1; i < lines.size(); ++i) {
      const size_t colon = lines[i].find(':');
      if (colon == std::string::npos) return false;
      request.headers.emplace_back(ToLower(lines[i].substr(0, colon)),
                                   Trim(std::string_view(lines[i]).substr(colon + 1)));
    }
    return true;
  }

  bool ReadBody(HttpRequest& request, int& refusal) {
    if (request.Header("expect") == "100-continue") {
      constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      send(socket_, kContinue.data(), kContinue.size(), MSG_NOSIGNAL);
    }
    if (ToLower(request.Header("transfer-encoding")) == "chunked") {
      return ReadChunks(request, refusal);
    }
    const std::string_view text = request.Header("content-length");
    size_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (!text.empty() && (error != std::errc() || end != text.data() + text.size())) {
      return refusal = 400, false;
    }
    if (length > kMaxBodyBytes) return refusal = 413, false;
    return Take(length, request.body);
  }

  bool Take(size_t length, std::string& into) {
    while (buffer_.size() < length) {
      if (!Receive()) return false;
    }
    into.append(buffer_, 0, length);
    buffer_.erase(0, length);
    return true;
  }

  bool ReadChunks(HttpRequest& request, int& refusal) {
    while (true) {
      size_t end;
      while ((end = buffer_.find("\r\n")) == std::string::npos) {
        if (buffer_.size() > kMaxHeaderBytes) return refusal = 400, false;
        if (!Receive()) return false;
      }
      size_t length = 0;
      const auto [rest, error] = std::from_chars(buffer_.data(), buffer_.data() + end, length, 16);
      if (error != std::errc()) return refusal = 400, false;
      buffer_.erase(0, end + 2);
      if (length > kMaxBodyBytes - request.body.size()) return refusal = 413, false;
      std::string line_end;
      if (!Take(length, request.body) || !Take(2, line_end)) return false;
      if (length == 0) return true;
    }
  }

  const int socket_;
  std::string buffer_;
};

bool SendAll(int socket, std::string_view head, std::string_view body) {
  while (!head.empty() || !body.empty()) {
    std::array<iovec, 2> parts{iovec{const_cast<char*>(head.data()), head.size()},
                               iovec{const_cast<char*>(body.data()), body.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    const size_t of_head = std::min(head.size(), static_cast<size_t>(sent));
    head.remove_prefix(of_head);
    body.remove_prefix(static_cast<size_t>(sent) - of_head);
  }
  return true;
}

// Returns whether the connection can be used again.
bool SendResponse(int socket, const HttpRequest& request, const HttpResponse& response) {
  if (response.ending == Ending::kClosed) return false;
  if (response.ending == Ending::kReset) {
    const linger at_once{1, 0};
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    return false;
  }
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, Reason(response.status));
  if (!response.content_type.empty()) {
    head += fmt::format("Content-Type: {}\r\n", response.content_type);
  }
  head += fmt::format("Content-Length: {}\r\n", response.body.size());
  for (const auto& [name, value] : response.headers) head += fmt::format("{}: {}\r\n", name, value);
  const bool again = response.ending == Ending::kWhole &&
                     ToLower(request.Header("connection")) != "close" && !request.method.empty();
  head += again ? "\r\n" : "Connection: close\r\n\r\n";
  std::string_view body = response.body;
  if (request.method == "HEAD") body = {};
  if (response.ending == Ending::kTruncated) body = body.substr(0, body.size() / 2);
  return SendAll(socket, head, body) && again;
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

Result<std::unique_ptr<HttpServer>> HttpServer::Start(Handler handler) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return Unavailable("open a socket: {}", strerror(errno));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener, 256) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    const int problem = errno;
    close(listener);
    return Unavailable("listen on 127.0.0.1: {}", strerror(problem));
  }
  return std::unique_ptr<HttpServer>(
      new HttpServer(std::move(handler), listener, ntohs(address.sin_port)));
}

HttpServer::HttpServer(Handler handler, int listener, int port)
    : handler_(std::move(handler)), listener_(listener), port_(port) {
  const SignalsBlocked blocked;
  acceptor_ = std::jthread([this](const std::stop_token& stop) { Accept(stop); });
}

HttpServer::~HttpServer() { Stop(); }

void HttpServer::Accept(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (stop.stop_requested()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));  // out of descriptors
      continue;
    }
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    std::list<Connection> ended;
    const MutexLock lock(mutex_);
    for (auto it = connections_.begin(); it != connections_.end();) {
      const auto next = std::next(it);
      if (it->done) ended.splice(ended.end(), connections_, it);
      it = next;
    }
    if (stopped_ || connections_.size() >= kMaxConnections) {
      close(socket);
      continue;
    }
    Connection& connection = connections_.emplace_back();
    connection.socket = socket;
    connection.thread = std::jthread([this, &connection, socket](const std::stop_token& token) {
      Serve(connection, socket, token);
    });
  }
}

void HttpServer::Serve(Connection& connection, int socket, const std::stop_token& stop) {
  RequestReader reader(socket);
  bool again = true;
  while (again && !stop.stop_requested()) {
    int refusal = 0;
    const std::optional<HttpRequest> request = reader.Next(refusal);
    if (!request) {
      if (refusal != 0) {
        SendResponse(socket, {},
                     {.status = refusal, .content_type = "", .headers = {}, .body = ""});
      }
      break;
    }
    const HttpResponse response = handler_(*request, stop);
    again = !stop.stop_requested() && SendResponse(socket, *request, response);
  }
  const MutexLock lock(mutex_);
  close(socket);
  connection.socket = -1;
  connection.done = true;
}

void HttpServer::Stop() {
  std::list<Connection> ended;
  {
    const MutexLock lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  acceptor_.request_stop();
  shutdown(listener_, SHUT_RDWR);  // wakes accept
  acceptor_.join();
  close(listener_);
  {
    const MutexLock lock(mutex_);
    for (Connection& connection : connections_) {
      connection.thread.request_stop();
      if (connection.socket >= 0) shutdown(connection.socket, SHUT_RDWR);
    }
    ended.swap(connections_);
  }
  ended.clear();  // joins
}

}  // namespace catchment::simulator
