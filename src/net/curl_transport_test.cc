// Loopback only: each test has a server of raw sockets, which answers as no honest one would.

#include "net/curl_transport.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/file.h"
#include "base/test.h"
#include "net/parallel.h"
#include "net/test.h"

namespace catchment::net {

using namespace std::chrono_literals;

namespace {

/// One accepted connection.
class Peer {
 public:
  Peer(int socket, const std::atomic<bool>& stop) : socket_(socket), stop_(stop) {}
  ~Peer() { close(socket_); }

  /// Read a request up to its empty line and body; empty at the end of the connection.
  std::string ReadRequest() {
    while (true) {
      const size_t end = buffer_.find("\r\n\r\n");
      if (end != std::string::npos) {
        size_t length = 0;
        const size_t header = buffer_.find("Content-Length: ");
        if (header < end) length = std::stoul(buffer_.substr(header + 16));
        if (buffer_.size() >= end + 4 + length) {
          std::string request = buffer_.substr(0, end + 4 + length);
          buffer_.erase(0, request.size());
          return request;
        }
      }
      pollfd event{socket_, POLLIN, 0};
      if (stop_ || poll(&event, 1, 20) < 0) return {};
      if (event.revents == 0) continue;
      char bytes[4096];
      const ssize_t got = recv(socket_, bytes, sizeof bytes, 0);
      if (got <= 0) return {};
      buffer_.append(bytes, got);
    }
  }
  /// False once the client has gone or the test is over.
  bool Write(std::string_view bytes) {
    while (!bytes.empty()) {
      if (stop_) return false;
      const ssize_t put = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (put > 0) {
        bytes.remove_prefix(put);
      } else if (errno == EAGAIN) {
        pollfd event{socket_, POLLOUT, 0};
        poll(&event, 1, 20);
      } else {
        return false;
      }
    }
    return true;
  }
  bool Pause(std::chrono::milliseconds duration) {
    for (auto left = duration; left > 0ms && !stop_; left -= 10ms)
      std::this_thread::sleep_for(10ms);
    return !stop_;
  }
  int socket() const { return socket_; }
  void Reset() {
    const linger hard{1, 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }

 private:
  const int socket_;
  const std::atomic<bool>& stop_;
  std::string buffer_;
};

/// Serves every connection on 127.0.0.1 with `serve`, in a thread of its own.
class Server {
 public:
  explicit Server(std::function<void(Peer&)> serve) : serve_(std::move(serve)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 64), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~Server() {
    stop_ = true;
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    close(listener_);
  }
  std::string Url(std::string_view path = "/") const {
    return fmt::format("http://127.0.0.1:{}{}", port, path);
  }
  int port = 0;
  std::atomic<int> connections = 0;

 private:
  void Accept() {
    while (!stop_) {
      pollfd event{listener_, POLLIN, 0};
      if (poll(&event, 1, 20) <= 0) continue;
      const int peer = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0) continue;
      ++connections;
      threads_.emplace_back([this, peer] {
        Peer one(peer, stop_);
        serve_(one);
      });
    }
  }
  const std::function<void(Peer&)> serve_;
  int listener_ = -1;
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> threads_;  // the acceptor's own until it is joined
  std::thread acceptor_;
};

/// Answers every request on a connection by a function of the request.
std::function<void(Peer&)> Answering(std::function<std::string(const std::string&)> answer) {
  return [answer = std::move(answer)](Peer& peer) {
    for (std::string request = peer.ReadRequest(); !request.empty(); request = peer.ReadRequest()) {
      if (!peer.Write(answer(request))) return;
    }
  };
}

std::string Http(int status, std::string_view body, std::string_view headers = "") {
  return fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(),
                     headers, body);
}

/// A certificate for 127.0.0.1, signed by itself, and a server's context with it.
struct TlsIdentity {
  TlsIdentity() {
    EVP_PKEY* key = EVP_RSA_gen(2048);
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION* address =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate, address, -1);
    X509_EXTENSION_free(address);
    X509_sign(certificate, key, EVP_sha256());
    context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, certificate);
    SSL_CTX_use_PrivateKey(context, key);
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(out, certificate);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out, &text);
    pem.assign(text, size);
    BIO_free(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ~TlsIdentity() { SSL_CTX_free(context); }
  SSL_CTX* context = nullptr;
  std::string pem;
};

/// Accept TLS on the connection and answer one request.
void ServeTls(const TlsIdentity& identity, const Peer& peer) {
  SSL* tls = SSL_new(identity.context);
  SSL_set_fd(tls, peer.socket());
  char bytes[4096];
  if (SSL_accept(tls) == 1 && SSL_read(tls, bytes, sizeof bytes) > 0) {
    const std::string answer = Http(200, "private", "Connection: close\r\n");
    SSL_write(tls, answer.data(), static_cast<int>(answer.size()));
    SSL_shutdown(tls);
  }
  SSL_free(tls);
}

class CurlTransportTest : public testing::Test {
 protected:
  void SetUp() override {
    auto transport = CurlTransport::Open();
    ASSERT_OK(transport);
    transport_ = *std::move(transport);
    context_.clock = &clock_;
  }
  Result<Response> Send(const Request& request) { return transport_->Send(request, context_); }
  Result<Response> Fetch(const Server& server, std::string_view path = "/") {
    return Send({.url = server.Url(path), .timeout = 5s});
  }

  SystemClock clock_;
  OpContext context_;
  std::unique_ptr<CurlTransport> transport_;
};

}  // namespace

TEST_F(CurlTransportTest, SendsAndReceives) {
  std::string seen;
  Server server(Answering([&](const std::string& request) {
    seen = request;
    return Http(201, "made", "ETag: \"1\"\r\nX-Twice: a\r\nx-twice: b\r\n");
  }));
  Request request{.method = "POST", .url = server.Url("/a/../b%2f?q='x'"), .body = "{}"};
  request.headers = {{"Content-Type", "application/json"}, {"X-Empty", ""}};
  ASSERT_OK_AND_ASSIGN(const Response response, Send(request));
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.body, "made");
  EXPECT_EQ(response.headers.Get("etag"), "\"1\"");
  EXPECT_EQ(response.headers.Get("X-TWICE"), "a");
  EXPECT_TRUE(seen.starts_with("POST /a/../b%2f?q='x' HTTP/1.1\r\n")) << seen;
  EXPECT_NE(seen.find("Content-Type: application/json\r\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find("X-Empty:\r\n"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("Expect:"), std::string::npos) << seen;
  EXPECT_TRUE(seen.ends_with("\r\n\r\n{}"));
}

TEST_F(CurlTransportTest, AnyStatusIsAResponse) {
  Server server(Answering([](const std::string&) { return Http(503, "busy"); }));
  ASSERT_OK_AND_ASSIGN(const Response response, Fetch(server));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "busy");
}

TEST_F(CurlTransportTest, ConnectionsAreKept) {
  Server server(Answering([](const std::string&) { return Http(200, "x"); }));
  for (int i = 0; i < 5; ++i) ASSERT_OK(Fetch(server));
  EXPECT_EQ(server.connections, 1);
}

TEST_F(CurlTransportTest, CompressedBodiesAreDecoded) {
  const std::string text(100'000, 'x');
  Server server(Answering([&](const std::string& request) {
    EXPECT_NE(request.find("Accept-Encoding: gzip, zstd\r\n"), std::string::npos);
    return Http(200, Gzip(text), "Content-Encoding: gzip\r\n");
  }));
  ASSERT_OK_AND_ASSIGN(const Response response, Fetch(server));
  EXPECT_EQ(response.body, text);
}

TEST_F(CurlTransportTest, ACompressedBodyThatIsCutShortIsUnavailable) {
  Server server(Answering([&](const std::string&) {
    const std::string gzip = Gzip(std::string(100'000, 'x'));
    return Http(200, gzip.substr(0, gzip.size() - 9), "Content-Encoding: gzip\r\n");
  }));
  EXPECT_ERROR(Fetch(server), Code::kUnavailable, "cut short");
}

TEST_F(CurlTransportTest, ABodyShorterThanAnnouncedIsUnavailable) {
  Server server([](Peer& peer) {
    peer.ReadRequest();
    peer.Write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
  });
  EXPECT_ERROR(Fetch(server), Code::kUnavailable, "GET http://127.0.0.1");
}

TEST_F(CurlTransportTest, AResetOrSilentConnectionIsUnavailable) {
  Server reset([](Peer& peer) {
    peer.ReadRequest();
    peer.Reset();
  });
  EXPECT_ERROR(Fetch(reset), Code::kUnavailable, "GET");
  Server silent([](Peer& peer) { peer.ReadRequest(); });
  EXPECT_ERROR(Fetch(silent), Code::kUnavailable, "GET");
  EXPECT_ERROR(Send({.url = "http://127.0.0.1:1/"}), Code::kUnavailable, "GET");
}

// A26: libcurl sent a request again by itself, and no budget knew.
TEST_F(CurlTransportTest, azure_A26_WhatIsPostedOverAKeptConnectionThatBreaksIsSentOnce) {
  std::atomic<int> posts = 0;
  Server server([&](Peer& peer) {
    for (std::string request = peer.ReadRequest(); !request.empty(); request = peer.ReadRequest()) {
      if (request.starts_with("POST")) {
        ++posts;
        return peer.Reset();
      }
      peer.Write(Http(200, "x"));
    }
  });
  ASSERT_OK(Fetch(server));
  EXPECT_ERROR(Send({.method = "POST", .url = server.Url(), .body = "{}"}), Code::kUnavailable,
               "the connection broke before an answer came");
  EXPECT_EQ(posts, 1);
  EXPECT_OK(Fetch(server));
}

TEST_F(CurlTransportTest, AnEndlessBodyStopsAtTheLimit) {
  Server server([](Peer& peer) {
    peer.ReadRequest();
    peer.Write("HTTP/1.1 200 OK\r\n\r\n");
    const std::string piece(1 << 16, 'x');
    while (peer.Write(piece)) {
    }
  });
  EXPECT_ERROR(Send({.url = server.Url(), .max_bytes = 1 << 20}), Code::kCorrupt, "1048576");
}

TEST_F(CurlTransportTest, ABodyAnnouncedTooLargeIsNotRead) {
  Server server([](Peer& peer) {
    peer.ReadRequest();
    peer.Write("HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n");
    peer.Pause(5s);
  });
  EXPECT_ERROR(Fetch(server), Code::kCorrupt, "larger");
}

TEST_F(CurlTransportTest, ADecompressionBombStops) {
  const std::string bomb = Gzip(std::string(50 << 20, '\0'));
  Server server(
      Answering([&](const std::string&) { return Http(200, bomb, "Content-Encoding: gzip\r\n"); }));
  EXPECT_ERROR(Fetch(server), Code::kCorrupt, "200 times");
  EXPECT_ERROR(Send({.url = server.Url(), .max_bytes = 2 << 20, .max_ratio = 1e6}), Code::kCorrupt,
               "2097152");
}

TEST_F(CurlTransportTest, FloodsOfHeadersStop) {
  Server many([](Peer& peer) {
    peer.ReadRequest();
    peer.Write("HTTP/1.1 200 OK\r\n");
    while (peer.Write("X: y\r\n")) {
    }
  });
  EXPECT_ERROR(Fetch(many), Code::kCorrupt, "200 headers");
  Server longer([](Peer& peer) {
    peer.ReadRequest();
    peer.Write("HTTP/1.1 200 OK\r\n");
    while (peer.Write("X: " + std::string(5000, 'y') + "\r\n")) {
    }
  });
  EXPECT_ERROR(Fetch(longer), Code::kCorrupt, "65536 bytes");
  Server interim([](Peer& peer) {
    peer.ReadRequest();
    while (peer.Write("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n")) {
    }
  });
  EXPECT_ERROR(Fetch(interim), Code::kCorrupt, "");
}

TEST_F(CurlTransportTest, WhatIsNotHttpIsCorrupt) {
  Server server([](Peer& peer) {
    peer.ReadRequest();
    peer.Write("SSH-2.0-OpenSSH_9.2\r\n");
  });
  EXPECT_ERROR(Fetch(server), Code::kCorrupt, "not HTTP");
}

TEST_F(CurlTransportTest, ASlowDripEndsWithTheTimeOut) {
  Server server([](Peer& peer) {
    peer.ReadRequest();
    peer.Write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    while (peer.Write("x") && peer.Pause(20ms)) {
    }
  });
  const auto begin = OpContext::Steady::now();
  EXPECT_ERROR(Send({.url = server.Url(), .timeout = 200ms}), Code::kUnavailable, "within 200ms");
  EXPECT_LT(OpContext::Steady::now() - begin, 2s);
  context_ = context_.Within(150ms);
  EXPECT_ERROR(Fetch(server), Code::kDeadline, "deadline");
  EXPECT_ERROR(Fetch(server), Code::kDeadline, "");
}

TEST_F(CurlTransportTest, AStopMidwayIsPrompt) {
  std::stop_source stop;
  Server server([&](Peer& peer) {
    peer.ReadRequest();
    peer.Write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx");
    peer.Pause(50ms);
    stop.request_stop();
    peer.Pause(10s);
  });
  context_.stop = stop.get_token();
  const auto begin = OpContext::Steady::now();
  EXPECT_ERROR(Send({.url = server.Url()}), Code::kCancelled, "stopped");
  EXPECT_LT(OpContext::Steady::now() - begin, 2s);
}

TEST_F(CurlTransportTest, TheDestructorCancelsWhatIsInFlight) {
  Server server([](Peer& peer) {
    peer.ReadRequest();
    peer.Pause(10s);
  });
  std::atomic<int> cancelled = 0;
  for (int i = 0; i < 3; ++i) {
    transport_->Start({.url = server.Url()}, context_, [&](const Result<Response>& result) {
      if (!result.ok() && result.error().code == Code::kCancelled) ++cancelled;
    });
  }
  transport_.reset();
  EXPECT_EQ(cancelled, 3);
}

TEST_F(CurlTransportTest, RedirectsAreFollowedWithinLimits) {
  Server server(Answering([](const std::string& request) {
    if (request.starts_with("GET /loop")) return Http(302, "", "Location: /loop\r\n");
    if (request.starts_with("GET /a")) return Http(302, "old", "Location: b?x=1\r\n");
    if (request.starts_with("GET /plain")) return Http(302, "", "Location: http://192.0.2.1/\r\n");
    if (request.starts_with("GET /file")) return Http(302, "", "Location: file:///etc/passwd\r\n");
    return Http(200, request.substr(0, request.find(" HTTP")));
  }));
  ASSERT_OK_AND_ASSIGN(const Response response, Fetch(server, "/a"));
  EXPECT_EQ(response.body, "GET /b?x=1");
  EXPECT_ERROR(Fetch(server, "/loop"), Code::kCorrupt, "more than 5 times");
  EXPECT_ERROR(Fetch(server, "/plain"), Code::kCorrupt, "plain http");
  EXPECT_ERROR(Fetch(server, "/file"), Code::kCorrupt, "bad URL");
  ASSERT_OK_AND_ASSIGN(const Response kept, Send({.url = server.Url("/a"), .max_redirects = 0}));
  EXPECT_EQ(kept.status, 302);
  ASSERT_OK_AND_ASSIGN(const Response post, Send({.method = "POST", .url = server.Url("/loop")}));
  EXPECT_EQ(post.status, 200);
}

TEST_F(CurlTransportTest, AnotherHostDoesNotSeeTheToken) {
  std::string seen;
  Server other(Answering([&](const std::string& request) {
    seen = request;
    return Http(200, "");
  }));
  Server server(Answering([&](const std::string& request) {
    if (request.starts_with("GET /same")) return Http(302, "", "Location: /keep\r\n");
    if (request.starts_with("GET /keep")) return Http(200, request);
    return Http(302, "", "Location: " + other.Url("/x") + "\r\n");
  }));
  Request request{.url = server.Url("/same")};
  request.headers = {{"Authorization", "Bearer t"}, {"X-Api-Key", "k"}, {"Accept", "text/csv"}};
  ASSERT_OK_AND_ASSIGN(const Response same, Send(request));
  EXPECT_NE(same.body.find("Authorization: Bearer t"), std::string::npos);
  request.url = server.Url("/other");
  ASSERT_OK(Send(request));
  EXPECT_EQ(seen.find("Authorization"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("X-Api-Key"), std::string::npos) << seen;
  EXPECT_NE(seen.find("Accept: text/csv"), std::string::npos) << seen;
}

TEST_F(CurlTransportTest, BadRequestsAreNotSent) {
  EXPECT_ERROR(Send({.url = "http://192.0.2.1/"}), Code::kInvalid, "plain http");
  EXPECT_ERROR(Send({.url = "ftp://127.0.0.1/"}), Code::kInvalid, "no URL");
  EXPECT_ERROR(Send({.method = "GET /x HTTP/1.1\r\nEvil:", .url = "http://127.0.0.1:1/"}),
               Code::kInvalid, "method");
  Request request{.url = "http://127.0.0.1:1/"};
  request.headers = {{"X", "a\r\nEvil: 1"}};
  EXPECT_ERROR(Send(request), Code::kInvalid, "header");
  Server server(Answering([](const std::string&) { return Http(200, ""); }));
  Request shop{.url = server.Url()};
  shop.public_only = true;
  EXPECT_ERROR(Send(shop), Code::kDenied, "private address");
}

TEST_F(CurlTransportTest, ASimulatedServiceSeesTheRealHost) {
  Server server(Answering([](const std::string& request) { return Http(200, request); }));
  auto endpoints =
      Endpoints::Make({{"prices", server.Url("/sim")}}, {{"prices.azure.com", "prices"}});
  ASSERT_OK(endpoints);
  auto transport = CurlTransport::Open({.endpoints = *endpoints});
  ASSERT_OK(transport);
  ASSERT_OK_AND_ASSIGN(
      const Response response,
      (*transport)->Send({.url = "https://prices.azure.com:443/api?$skip=1"}, context_));
  EXPECT_TRUE(response.body.starts_with("GET /sim/api?$skip=1 HTTP/1.1\r\n")) << response.body;
  EXPECT_NE(response.body.find("Host: prices.azure.com\r\n"), std::string::npos) << response.body;
  EXPECT_ERROR((*transport)->Send({.url = "https://example.com/"}, context_), Code::kInvalid,
               "simulated");
}

TEST_F(CurlTransportTest, CertificatesAreAlwaysChecked) {
  signal(SIGPIPE, SIG_IGN);
  TlsIdentity identity;
  Server server([&](Peer& peer) { ServeTls(identity, peer); });
  const std::string url = fmt::format("https://127.0.0.1:{}/", server.port);
  EXPECT_ERROR(Send({.url = url}), Code::kDenied, "certificate is not trusted");
  TemporaryFolder folder;
  ASSERT_OK(WriteFileAtomically(folder.path / "ca.pem", identity.pem));
  auto trusting = CurlTransport::Open({.authorities_file = (folder.path / "ca.pem").string()});
  ASSERT_OK(trusting);
  ASSERT_OK_AND_ASSIGN(const Response response, (*trusting)->Send({.url = url}, context_));
  EXPECT_EQ(response.body, "private");
  const std::string other = fmt::format("https://localhost:{}/", server.port);
  EXPECT_ERROR((*trusting)->Send({.url = other}, context_), Code::kDenied, "not trusted");
}

TEST_F(CurlTransportTest, ManyRequestsShareFewConnections) {
  Server server(Answering([](const std::string& request) {
    return Http(200, request.substr(0, request.find(" HTTP")));
  }));
  std::vector<Request> requests;
  for (int i = 0; i < 200; ++i) requests.push_back({.url = server.Url(fmt::format("/{}", i))});
  const auto results = SendAll(*transport_, std::move(requests), {.in_flight = 8}, context_);
  for (int i = 0; i < 200; ++i) {
    ASSERT_OK(results[i]);
    EXPECT_EQ(results[i]->body, fmt::format("GET /{}", i));
  }
  EXPECT_LE(server.connections, 8);
}

}  // namespace catchment::net
