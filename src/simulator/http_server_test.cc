#include "simulator/http_server_internal.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/test.h"
#include "simulator/http_request_reader_internal.h"

namespace catchment::simulator {
namespace {

using std::chrono::milliseconds;

class HttpServerTest : public testing::Test {
 protected:
  // Port 0 is quick, port 1 is not.
  void Start(HttpServer::Handler handler) {
    ASSERT_OK_AND_ASSIGN(
        server_, HttpServer::Start(std::move(handler), {.ports = 2, .quick = {true, false}}));
  }

  int Connect(size_t port) {
    const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(server_->port(port)));
    EXPECT_EQ(connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return descriptor;
  }

  static void Send(int descriptor, std::string_view text) {
    EXPECT_EQ(send(descriptor, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  static std::string Receive(int descriptor, size_t least) {
    std::string all;
    char bytes[65536];
    ssize_t count;
    while (all.size() < least && (count = recv(descriptor, bytes, sizeof(bytes), 0)) > 0) {
      all.append(bytes, static_cast<size_t>(count));
    }
    return all;
  }

  std::unique_ptr<HttpServer> server_;
};

constexpr std::string_view kRequest = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(HttpServerTest, HundredsOfAnswersWaitAtTheSameTime) {
  Start([](const HttpRequest& request, size_t port) {
    HttpResponse response;
    response.body = fmt::format("{} {}", port, request.path);
    response.delay = milliseconds(50);
    return response;
  });
  std::vector<int> sockets;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 300; ++i) {
    sockets.push_back(Connect(i % 2 == 0 ? 0 : 1));
    Send(sockets.back(), kRequest);
  }
  for (size_t i = 0; i < sockets.size(); ++i) {
    const std::string reply = Receive(sockets[i], 60);
    EXPECT_THAT(reply, testing::EndsWith(i % 2 == 0 ? "0 /a" : "1 /a"));
    close(sockets[i]);
  }
  // One after the other it would be 15 s; the bound is wide as machines are busy.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(HttpServerTest, LargeAnswersReachSlowReaders) {
  const std::string body(20 << 20, 'x');
  Start([&](const HttpRequest&, size_t) {
    HttpResponse response;
    response.body = body;
    return response;
  });
  for (const size_t port : {size_t{0}, size_t{1}}) {
    const int one = Connect(port);
    Send(one, std::string(kRequest) + std::string(kRequest));
    const std::string reply = Receive(one, 2 * body.size() + 1);
    EXPECT_GT(reply.size(), 2 * body.size());
    close(one);
  }
}

TEST_F(HttpServerTest, AnAnswerThatNeverComesEndsWithItsClient) {
  std::atomic<int> ended = 0, sent = 0;
  Start([&](const HttpRequest&, size_t) {
    HttpResponse response;
    response.ending = Ending::kNever;
    response.before_sending = [&](bool was_sent) { ++(was_sent ? sent : ended); };
    return response;
  });
  const int one = Connect(0), other = Connect(1);
  Send(one, kRequest);
  Send(other, kRequest);
  close(one);
  while (ended == 0) std::this_thread::yield();
  EXPECT_EQ(sent, 0);
  server_->Stop();
  EXPECT_EQ(ended, 2);
  close(other);
}

TEST_F(HttpServerTest, ATrickleIsWholeInTheEnd) {
  Start([](const HttpRequest&, size_t) {
    HttpResponse response;
    response.body = std::string(3000, 'y');
    response.bytes_per_second = 30'000;
    return response;
  });
  const int one = Connect(0);
  const auto begin = std::chrono::steady_clock::now();
  Send(one, "GET /a HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string reply = Receive(one, SIZE_MAX);
  EXPECT_THAT(reply, testing::EndsWith("yyy"));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(90));
  close(one);
}

TEST(HttpRequestReaderTest, PutsPiecesTogetherByteByByte) {
  const std::string text =
      "POST /x%20y?q=1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;name=value\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET /z HTTP/1.1\r\n\r\n";
  HttpRequestReader reader;
  std::vector<HttpRequest> requests;
  for (const char c : text) {
    reader.Take({&c, 1});
    while (auto request = reader.Next()) requests.push_back(std::move(*request));
  }
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].body, "abcde");
  EXPECT_EQ(requests[0].path, "/x y");
  EXPECT_EQ(requests[0].query, "q=1");
  EXPECT_EQ(requests[0].Header("host"), "h");
  EXPECT_EQ(requests[1].path, "/z");
  EXPECT_EQ(requests[1].body, "");
}

TEST(HttpRequestReaderTest, ARefusalIsForGood) {
  HttpRequestReader reader;
  reader.Take("GET nothing HTTP/1.1\r\n\r\n");
  EXPECT_FALSE(reader.Next());
  EXPECT_EQ(reader.refusal(), 400);
  reader.Take("GET / HTTP/1.1\r\n\r\n");
  EXPECT_FALSE(reader.Next());
  HttpRequestReader waits;
  waits.Take("POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_FALSE(waits.Next());
  EXPECT_TRUE(waits.TakeContinue());
  EXPECT_FALSE(waits.TakeContinue());
  waits.Take("abc");
  EXPECT_EQ(waits.Next()->body, "abc");
}

}  // namespace
}  // namespace catchment::simulator
