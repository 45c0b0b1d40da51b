// A page server on loopback: GET /page/N is answered after 30 ms with 100 kB of JSON. One thread,
// epoll. Prints its port and serves until its standard input ends.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <deque>
#include <string>
#include <unordered_map>

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kDelay{30};
constexpr size_t kBodyBytes = 100'000;

std::string MakeAnswer() {
  std::string body = R"({"type":"FeatureCollection","features":[)";
  for (int i = 0; body.size() < kBodyBytes - 60; ++i) {
    if (i > 0) body += ',';
    body +=
        "{\"id\":\"i" + std::to_string(i) + "\",\"v\":" + std::to_string(i * 7919 % 10007) + "}";
  }
  body += R"(],"pad":")";
  body.resize(kBodyBytes - 2, 'x');
  body += "\"}";
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Connection {
  std::string in;
  size_t unsent = 0;  // bytes of the answer still to send
};

struct Due {
  Clock::time_point at;
  int socket;
};

class Server {
 public:
  Server() : answer_(MakeAnswer()), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 512) != 0) {
      perror("listen");
      _exit(1);
    }
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    Watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
    Watch(STDIN_FILENO, EPOLLIN, EPOLL_CTL_ADD);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
  }

  void Run() {
    epoll_event events[256];
    while (true) {
      timespec wait = {10, 0};
      if (!due_.empty()) {
        const auto left = std::max(Clock::duration::zero(), due_.front().at - Clock::now());
        const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
        wait = {ns / 1'000'000'000, ns % 1'000'000'000};
      }
      const int count = epoll_pwait2(epoll_, events, 256, &wait, nullptr);
      for (int i = 0; i < count; ++i) {
        if (events[i].data.fd == STDIN_FILENO) return;
        if (events[i].data.fd == listener_) {
          Accept();
        } else if ((events[i].events & EPOLLOUT) != 0) {
          Send(events[i].data.fd);
        } else {
          Receive(events[i].data.fd);
        }
      }
      while (!due_.empty() && due_.front().at <= Clock::now()) {
        const int peer = due_.front().socket;
        due_.pop_front();
        if (!connections_.contains(peer)) continue;
        connections_[peer].unsent = answer_.size();
        Send(peer);
      }
    }
  }

 private:
  void Watch(int socket, uint32_t events, int operation) {
    epoll_event event = {};
    event.events = events;
    event.data.fd = socket;
    epoll_ctl(epoll_, operation, socket, &event);
  }
  void Accept() {
    for (int peer;
         (peer = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
      const int on = 1;
      setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connections_[peer] = {};
      Watch(peer, EPOLLIN, EPOLL_CTL_ADD);
    }
  }
  void Close(int peer) {
    connections_.erase(peer);
    close(peer);
  }
  void Receive(int peer) {
    char bytes[4096];
    const ssize_t got = recv(peer, bytes, sizeof bytes, 0);
    if (got <= 0) return Close(peer);
    std::string& in = connections_[peer].in;
    in.append(bytes, got);
    const size_t end = in.find("\r\n\r\n");
    if (end == std::string::npos) return;
    in.erase(0, end + 4);
    due_.push_back({Clock::now() + kDelay, peer});
  }
  void Send(int peer) {
    Connection& connection = connections_[peer];
    while (connection.unsent > 0) {
      const ssize_t put = send(peer, answer_.data() + answer_.size() - connection.unsent,
                               connection.unsent, MSG_NOSIGNAL);
      if (put < 0) {
        if (errno != EAGAIN) return Close(peer);
        return Watch(peer, EPOLLOUT, EPOLL_CTL_MOD);
      }
      connection.unsent -= put;
    }
    Watch(peer, EPOLLIN, EPOLL_CTL_MOD);
  }

  const std::string answer_;
  const int epoll_;
  int listener_ = -1;
  std::unordered_map<int, Connection> connections_;
  std::deque<Due> due_;  // soonest first: the delay is the same for all
};

}  // namespace

int main() { Server().Run(); }
