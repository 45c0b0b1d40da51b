// Drives the whole simulator over loopback sockets.
#include "simulator/simulator.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <map>
#include <thread>

#include "base/file.h"
#include "base/test.h"
#include "base/text.h"

namespace catchment::simulator {
namespace {

struct Reply {
  int status = 0;
  std::string head;
  std::string body;
  int problem = 0;  // errno of the read that ended the connection
};

int Connect(const std::string& endpoint) {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port =
      htons(static_cast<uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
  EXPECT_EQ(connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return descriptor;
}

// Sends the bytes as they stand and reads to the end of the connection.
Reply Exchange(const std::string& endpoint, const std::string& bytes) {
  const int descriptor = Connect(endpoint);
  send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  Reply reply;
  std::string all;
  char buffer[4096];
  ssize_t count;
  while ((count = recv(descriptor, buffer, sizeof(buffer), 0)) > 0) {
    all.append(buffer, static_cast<size_t>(count));
  }
  if (count < 0) reply.problem = errno;
  close(descriptor);
  const size_t end = all.find("\r\n\r\n");
  if (end == std::string::npos) return reply;
  reply.head = all.substr(0, end);
  reply.body = all.substr(end + 4);
  reply.status = std::stoi(all.substr(9, 3));
  return reply;
}

Reply Get(const std::string& endpoint, const std::string& target, const std::string& headers = "") {
  return Exchange(endpoint, fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}Connection: close\r\n\r\n",
                                        target, headers));
}

class SimulatorTest : public testing::Test {
 protected:
  // Starts a world of one file `a.txt` ("0123456789") with the given faults.
  void Start(std::string_view faults = "[]", std::string_view more = "") {
    ASSERT_OK(WriteFileAtomically(folder_.path / "served/a.txt", "0123456789"));
    const std::string text =
        fmt::format("{}\nservices: {{files: {{folder: served, faults: {}}}}}\n", more, faults);
    ASSERT_OK(WriteFileAtomically(folder_.path / "w.yaml", text));
    ASSERT_OK_AND_ASSIGN(World world, LoadWorld((folder_.path / "w.yaml").string(), {}));
    ASSERT_OK_AND_ASSIGN(simulator_,
                         Simulator::Start(std::move(world), {folder_.path / "trace.ndjson"}));
    for (const auto& [name, value] : simulator_->Environment()) environment_[name] = value;
    files_ = environment_["CATCHMENT_ENDPOINT_FILES"];
  }

  TemporaryFolder folder_;
  std::unique_ptr<Simulator> simulator_;
  std::map<std::string, std::string> environment_;
  std::string files_;
};

TEST_F(SimulatorTest, TheEnvironmentNamesLoopbackPortsAndDummyCredentials) {
  Start();
  std::set<std::string> endpoints;
  for (const char* name : {"PRICES", "MANAGEMENT", "LOGIN", "FILES"}) {
    const std::string value = environment_[std::string("CATCHMENT_ENDPOINT_") + name];
    EXPECT_THAT(value, testing::StartsWith("http://127.0.0.1:"));
    endpoints.insert(value);
  }
  EXPECT_EQ(endpoints.size(), 4u);
  EXPECT_FALSE(environment_.contains("CATCHMENT_CLOCK"));
  for (const char* name : {"TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "SUBSCRIPTIONS"}) {
    EXPECT_NE(environment_[std::string("AZURE_") + name], "");
  }
}

TEST_F(SimulatorTest, TheClockIsHandedOver) {
  Start("[]", "clock: slot");
  EXPECT_EQ(environment_["CATCHMENT_CLOCK"], "slot");
  Start("[]", "clock: 2026-08-02T08:00:00+02:00");
  EXPECT_EQ(environment_["CATCHMENT_CLOCK"], "2026-08-02T06:00:00Z");
}

TEST_F(SimulatorTest, AServiceTheWorldDoesNotHaveIs404) {
  Start();
  EXPECT_EQ(Get(environment_["CATCHMENT_ENDPOINT_PRICES"], "/api/retail/prices").status, 404);
  EXPECT_EQ(Get(environment_["CATCHMENT_ENDPOINT_MANAGEMENT"], "/subscriptions").status, 404);
}

TEST_F(SimulatorTest, EveryRequestIsTracedInMemoryAndInTheFile) {
  Start("[{answer: status, status: 503, nth: 2}]");
  EXPECT_EQ(Get(files_, "/a.txt?x=1", "Catchment-Now: 2026-08-02T00:00:00Z\r\n").body,
            "0123456789");
  EXPECT_EQ(Get(files_, "/a.txt").status, 503);
  const std::vector<TraceEntry> trace = simulator_->Trace();
  ASSERT_EQ(trace.size(), 2u);
  EXPECT_EQ(trace[0].service, "files");
  EXPECT_EQ(trace[0].method, "GET");
  EXPECT_EQ(trace[0].target, "/a.txt?x=1");
  EXPECT_EQ(trace[0].status, 200);
  EXPECT_EQ(trace[0].bytes, 10);
  EXPECT_EQ(FormatTime(trace[0].time), "2026-08-02T00:00:00Z");
  EXPECT_EQ(trace[1].fault, "status");
  ASSERT_OK_AND_ASSIGN(const std::string file, ReadFile(folder_.path / "trace.ndjson"));
  const std::vector<std::string> lines = Split(file, '\n');
  ASSERT_EQ(lines.size(), 3u);
  const auto line = nlohmann::json::parse(lines[0]);
  for (const char* key :
       {"time", "service", "method", "target", "status", "fault", "bytes", "ms", "bucket"}) {
    EXPECT_TRUE(line.contains(key)) << key;
  }
  EXPECT_TRUE(line["fault"].is_null());
}

TEST_F(SimulatorTest, AConnectionIsReset) {
  Start("[{answer: reset}]");
  const Reply reply = Get(files_, "/a.txt");
  EXPECT_EQ(reply.status, 0);
  EXPECT_EQ(reply.problem, ECONNRESET);
  EXPECT_EQ(simulator_->Trace().at(0).status, 0);
}

TEST_F(SimulatorTest, AConnectionIsClosedWithoutAnAnswer) {
  Start("[{answer: close}]");
  const Reply reply = Get(files_, "/a.txt");
  EXPECT_EQ(reply.status, 0);
  EXPECT_EQ(reply.problem, 0);
}

TEST_F(SimulatorTest, ABodyIsCutOff) {
  Start("[{answer: truncate}]");
  const Reply reply = Get(files_, "/a.txt");
  EXPECT_THAT(reply.head, testing::HasSubstr("Content-Length: 10"));
  EXPECT_EQ(reply.body, "01234");
  EXPECT_EQ(simulator_->Trace().at(0).bytes, 5);
}

TEST_F(SimulatorTest, SlowAnswersAreCompleteAndTraced) {
  Start("[{answer: slow, latency: 30ms}]");
  EXPECT_EQ(Get(files_, "/a.txt").body, "0123456789");
  EXPECT_GE(simulator_->Trace().at(0).ms, 30);
}

TEST_F(SimulatorTest, AGzipBombSaysItIsGzip) {
  Start("[{answer: gzip_bomb, size: 1048576}]");
  const Reply reply = Get(files_, "/a.txt");
  EXPECT_THAT(reply.head, testing::HasSubstr("Content-Encoding: gzip"));
  EXPECT_EQ(reply.body.substr(0, 2), "\x1f\x8b");
}

TEST_F(SimulatorTest, AConnectionServesSeveralRequests) {
  Start();
  const std::string one = "GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string last = "GET /b.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  Exchange(files_, one + one + last);
  EXPECT_EQ(simulator_->Trace().size(), 3u);
}

TEST_F(SimulatorTest, HeadHasNoBodyAndBodiesMayBeChunked) {
  Start();
  const Reply head =
      Exchange(files_, "HEAD /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(head.head, testing::HasSubstr("Content-Length: 10"));
  EXPECT_EQ(head.body, "");
  const Reply chunked =
      Exchange(files_,
               "POST /a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: "
               "close\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.status, 405);
}

TEST_F(SimulatorTest, WhatIsNoRequestIsRefused) {
  Start();
  EXPECT_EQ(Exchange(files_, "hello\r\n\r\n").status, 400);
  EXPECT_EQ(Exchange(files_, "GET http://elsewhere/ HTTP/1.1\r\n\r\n").status, 400);
  EXPECT_EQ(Exchange(files_, "GET / HTTP/1.1\r\nno colon\r\n\r\n").status, 400);
  EXPECT_EQ(Exchange(files_, "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n").status, 413);
  EXPECT_EQ(Exchange(files_, "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n").status, 400);
  EXPECT_EQ(Exchange(files_, "GET / HTTP/1.1\r\nA: " + std::string(80 << 10, 'a')).status, 400);
}

TEST_F(SimulatorTest, ManyConnectionsAtOnceAreServed) {
  Start("[{answer: slow, latency: 20ms}]");
  std::vector<std::future<std::string>> replies;
  for (int i = 0; i < 40; ++i) {
    replies.push_back(std::async(std::launch::async, [&] { return Get(files_, "/a.txt").body; }));
  }
  for (auto& reply : replies) EXPECT_EQ(reply.get(), "0123456789");
}

TEST_F(SimulatorTest, StopEndsSlowAnswersAndIdleConnectionsAtOnce) {
  Start("[{answer: slow, latency: 1h}]");
  const int idle = Connect(files_);
  const int slow = Connect(files_);
  const std::string whole = "GET /a.txt HTTP/1.1\r\nHost: files\r\n\r\n";
  send(slow, whole.data(), whole.size(), MSG_NOSIGNAL);
  const int busy = Connect(files_);
  send(busy, whole.data(), whole.size() / 2, MSG_NOSIGNAL);
  simulator_->Stop();
  char byte = 0;
  EXPECT_LE(recv(slow, &byte, 1, 0), 0);  // ended without an answer
  simulator_->Stop();
  close(idle);
  close(slow);
  close(busy);
}

TEST_F(SimulatorTest, AMissingDataFileIsNamedAtStart) {
  World world;
  world.name = "broken";
  world.prices.emplace();
  world.prices->items = folder_.path / "none.ndjson";
  EXPECT_ERROR(Simulator::Start(world, {}), Code::kNotFound, "none.ndjson");
  ASSERT_OK(WriteFileAtomically(world.prices->items, "{}\n[1]\n"));
  EXPECT_ERROR(Simulator::Start(world, {}), Code::kCorrupt, "none.ndjson:2: an item is no JSON");
}

TEST_F(SimulatorTest, PricesRatesAndTokensPlayTogether) {
  const std::vector<std::filesystem::path> folders = {std::filesystem::path(CATCHMENT_SOURCE_DIR) /
                                                      "worlds"};
  ASSERT_OK_AND_ASSIGN(World world, LoadWorld("azure-recorded", folders));
  const IdentityWorld identity = world.identity;
  ASSERT_OK_AND_ASSIGN(simulator_, Simulator::Start(std::move(world), {}));
  for (const auto& [name, value] : simulator_->Environment()) environment_[name] = value;
  const std::string form = fmt::format(
      "grant_type=client_credentials&client_id={}&client_secret={}&scope=https://"
      "management.azure.com/.default",
      identity.client_id, identity.client_secret);
  const Reply token = Exchange(
      environment_["CATCHMENT_ENDPOINT_LOGIN"],
      fmt::format("POST /{}/oauth2/v2.0/token HTTP/1.1\r\nContent-Length: {}\r\nConnection: "
                  "close\r\n\r\n{}",
                  identity.tenant_id, form.size(), form));
  ASSERT_EQ(token.status, 200) << token.body;
  const std::string bearer = nlohmann::json::parse(token.body)["access_token"];
  const std::string query = R"({"query":"spotresources | where type =~ 'microsoft.compute/)"
                            R"(skuspotevictionrate/location'","options":{"$top":1000}})";
  const std::string head =
      "POST /providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01 HTTP/1.1\r\n"
      "Connection: close\r\n";
  const std::string management = environment_["CATCHMENT_ENDPOINT_MANAGEMENT"];
  const Reply rates =
      Exchange(management, fmt::format("{}Authorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{}",
                                       head, bearer, query.size(), query));
  ASSERT_EQ(rates.status, 200) << rates.body;
  const auto document = nlohmann::json::parse(rates.body);
  EXPECT_GT(document["count"], 50);
  EXPECT_EQ(document["count"], document["totalRecords"]);
  EXPECT_EQ(Exchange(management, head + "\r\n").status, 401);
  EXPECT_EQ(simulator_->Trace().at(1).bucket, identity.client_id);
}

}  // namespace
}  // namespace catchment::simulator
