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
  for (const char* name : {"PRICES", "MANAGEMENT", "LOGIN", "FILES", "DYNAMODB", "SSM",
                           "TIMESTREAM", "LOGS", "INFLUX", "SLACK", "CMR", "LPDAAC"}) {
    const std::string value = environment_[std::string("CATCHMENT_ENDPOINT_") + name];
    EXPECT_THAT(value, testing::StartsWith("http://127.0.0.1:"));
    endpoints.insert(value);
  }
  EXPECT_EQ(endpoints.size(), 12u);
  EXPECT_FALSE(environment_.contains("CATCHMENT_CLOCK"));
  for (const char* name : {"TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "SUBSCRIPTIONS"}) {
    EXPECT_NE(environment_[std::string("AZURE_") + name], "");
  }
  for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION",
                           "EARTHDATA_TOKEN", "INFLUX_TOKEN"}) {
    EXPECT_NE(environment_[name], "");
  }
  EXPECT_EQ(environment_["error_notification_slack_webhook_url"],
            environment_["CATCHMENT_ENDPOINT_SLACK"] + "/services/simulated");
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
  for (const char* key : {"time", "service", "method", "target", "status", "fault", "bytes", "ms",
                          "bucket", "asked"}) {
    EXPECT_TRUE(line.contains(key)) << key;
  }
  EXPECT_TRUE(line["fault"].is_null());
  EXPECT_TRUE(line["asked"].is_null());  // a digest, of requests with a body
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

Reply Post(const std::string& endpoint, const std::string& target, const std::string& headers,
           const std::string& body) {
  return Exchange(endpoint,
                  fmt::format("POST {} HTTP/1.1\r\nHost: x\r\n{}Content-Length: {}\r\nConnection: "
                              "close\r\n\r\n{}",
                              target, headers, body.size(), body));
}

// One of the project's own worlds.
class OwnWorldTest : public testing::Test {
 protected:
  void Start(std::string_view name, const std::vector<std::string>& settings = {}) {
    ASSERT_OK_AND_ASSIGN(World world, LoadWorld(name, kFolders, settings));
    identity_ = world.identity;
    ASSERT_OK_AND_ASSIGN(simulator_,
                         Simulator::Start(std::move(world), {folder_.path / "trace.ndjson"}));
    for (const auto& [variable, value] : simulator_->Environment()) environment_[variable] = value;
    management_ = environment_["CATCHMENT_ENDPOINT_MANAGEMENT"];
  }

  // The header of a token that the world has issued.
  std::string Bearer() {
    const std::string form = fmt::format(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https://"
        "management.azure.com/.default",
        identity_.client_id, identity_.client_secret);
    const Reply token = Post(environment_["CATCHMENT_ENDPOINT_LOGIN"],
                             fmt::format("/{}/oauth2/v2.0/token", identity_.tenant_id), "", form);
    EXPECT_EQ(token.status, 200) << token.body;
    const std::string bearer = nlohmann::json::parse(token.body)["access_token"];
    return fmt::format("Authorization: Bearer {}\r\nCatchment-Now: 2026-08-02T00:00:00Z\r\n",
                       bearer);
  }

  std::string PlacementTarget(const std::string& location) const {
    return fmt::format(
        "/subscriptions/{}/providers/Microsoft.Compute/locations/{}/placementScores/spot/"
        "generate?api-version=2025-06-05",
        identity_.subscriptions.front(), location);
  }

  const std::vector<std::filesystem::path> kFolders = {std::filesystem::path(CATCHMENT_SOURCE_DIR) /
                                                       "worlds"};
  TemporaryFolder folder_;
  IdentityWorld identity_;
  std::unique_ptr<Simulator> simulator_;
  std::map<std::string, std::string> environment_;
  std::string management_;
};

TEST_F(OwnWorldTest, EveryWorldStarts) {
  for (const std::string& name : WorldNames(kFolders)) Start(name);
}

TEST_F(OwnWorldTest, PricesRatesAndTokensPlayTogether) {
  Start("azure-recorded");
  const std::string query = R"({"query":"spotresources | where type =~ 'microsoft.compute/)"
                            R"(skuspotevictionrate/location'","options":{"$top":1000}})";
  const std::string target = "/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01";
  const Reply rates = Post(management_, target, Bearer(), query);
  ASSERT_EQ(rates.status, 200) << rates.body;
  const auto document = nlohmann::json::parse(rates.body);
  EXPECT_GT(document["count"], 50);
  EXPECT_EQ(document["count"], document["totalRecords"]);
  EXPECT_EQ(Post(management_, target, "", query).status, 401);
  EXPECT_EQ(simulator_->Trace().at(1).bucket, identity_.client_id);
}

TEST_F(OwnWorldTest, RecordedRegionsAreScoredOrRefusedByName) {
  Start("azure-recorded");
  const std::string bearer = Bearer();
  const auto body = [](const char* region) {
    return fmt::format(R"({{"availabilityZones":true,"desiredCount":1,"desiredLocations":["{}"],)"
                       R"("desiredSizes":[{{"sku":"Standard_DS2_v2"}}]}})",
                       region);
  };
  const Reply refused = Post(management_, PlacementTarget("eastus"), bearer, body("sgxsingapore1"));
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, testing::HasSubstr("The value 'sgxsingapore1' provided"));
  EXPECT_EQ(Post(management_, PlacementTarget("eastus"), bearer, body("eastus")).status, 200);
  const Reply skus = Get(management_,
                         fmt::format("/subscriptions/{}/providers/Microsoft.Compute/skus"
                                     "?api-version=2021-07-01",
                                     identity_.subscriptions.front()),
                         bearer);
  EXPECT_EQ(skus.status, 200);
  EXPECT_EQ(nlohmann::json::parse(skus.body)["value"].size(), 100u);
}

TEST_F(OwnWorldTest, EveryPlacementRequestIsTracedWithItsBucketWhateverAnswersIt) {
  Start("azure-small", {"placement.faults=[{answer: reset, nth: 1}, {answer: status, nth: 2},"
                        " {answer: status, status: 429, match: {body: '*desiredCount*:5,*'}}]"});
  const std::string bearer = Bearer();
  const std::string target = PlacementTarget("WestEurope");
  EXPECT_EQ(Post(management_, target, bearer, "{}").status, 0);
  EXPECT_EQ(Post(management_, target, bearer, "{}").status, 503);
  EXPECT_EQ(Post(management_, target, bearer, R"({"desiredCount":5,"a":1})").status, 429);
  for (int call = 4; call <= 10; ++call) {
    EXPECT_EQ(Post(management_, target, bearer, "{}").status, 400);
  }
  EXPECT_EQ(Post(management_, target, bearer, "{}").status, 429);  // the eleventh
  for (const TraceEntry& entry : simulator_->Trace()) {
    if (entry.service != "placement") continue;
    EXPECT_EQ(entry.bucket, identity_.subscriptions.front() + "/westeurope");
    EXPECT_EQ(FormatTime(entry.time), "2026-08-02T00:00:00Z");
  }
}

TEST_F(OwnWorldTest, DeliveriesAreKeptBesideTheTraceAndGivenOut) {
  Start("azure-small");
  const std::string hook = environment_["error_notification_slack_webhook_url"];
  const std::string slack = environment_["CATCHMENT_ENDPOINT_SLACK"];
  const std::string now = "Catchment-Now: 2026-08-02T00:00:00Z\r\n";
  EXPECT_EQ(Post(slack, hook.substr(slack.size()), now, R"({"text":"hello"})").body, "ok");
  EXPECT_EQ(Post(environment_["CATCHMENT_ENDPOINT_INFLUX"], "/write?db=d",
                 now + "Authorization: Token " + environment_["INFLUX_TOKEN"] + "\r\n", "m f=1 5")
                .status,
            204);
  const std::string text = R"({"time":"2026-08-02T00:00:00Z","service":"slack","text":"hello"})"
                           "\n";
  EXPECT_EQ(simulator_->Deliveries("slack"), text);
  EXPECT_EQ(Get(slack, "/_simulator/deliveries").body, text);
  ASSERT_OK_AND_ASSIGN(const std::string file, ReadFile(folder_.path / "trace.deliveries.ndjson"));
  EXPECT_EQ(file, simulator_->Deliveries());
  EXPECT_EQ(Get(management_, "/_simulator/deliveries").body, file);
  EXPECT_EQ(simulator_->Trace().size(), 2u);  // reading them is no request of the world
}

TEST_F(OwnWorldTest, ServicesOfAmazonWantASignature) {
  Start("azure-small");
  for (const auto& [variable, target] :
       std::map<std::string, std::string>{{"DYNAMODB", "DynamoDB_20120810.GetItem"},
                                          {"SSM", "AmazonSSM.GetParameter"},
                                          {"TIMESTREAM", "Timestream_20181101.WriteRecords"},
                                          {"LOGS", "Logs_20140328.PutLogEvents"}}) {
    const Reply reply = Post(
        environment_["CATCHMENT_ENDPOINT_" + variable], "/",
        fmt::format("X-Amz-Target: {}\r\nContent-Type: application/x-amz-json-1.0\r\n", target),
        "{}");
    EXPECT_EQ(reply.status, 403) << variable;
    EXPECT_THAT(reply.body, testing::HasSubstr("MissingAuthenticationToken")) << variable;
  }
}

TEST_F(OwnWorldTest, GranulesAreSearchedFetchedAndCounted) {
  Start("hls-recorded", {"lpdaac.faults=[{answer: hang, nth: 3}]"});
  const std::string cmr = environment_["CATCHMENT_ENDPOINT_CMR"];
  const std::string lpdaac = environment_["CATCHMENT_ENDPOINT_LPDAAC"];
  const Reply page = Get(cmr,
                         "/search/granules.json?collection_concept_id[]=C2021957295-LPCLOUD&"
                         "temporal[]=2025-10-05T00:00:00.000Z,2025-10-06T00:00:00.000Z");
  ASSERT_EQ(page.status, 200);
  EXPECT_THAT(page.head, testing::HasSubstr("CMR-Hits: 6"));
  const auto feed = nlohmann::json::parse(page.body)["feed"];
  const std::string title = feed["entry"][0]["title"];
  const std::string item = fmt::format("/lp-prod-public/HLSS30.020/{0}/{0}_stac.json", title);
  EXPECT_EQ(nlohmann::json::parse(Get(lpdaac, item).body)["id"], title);
  EXPECT_EQ(Get(lpdaac, item).status, 200);
  const int hung = Connect(lpdaac);
  const std::string request = fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", item);
  send(hung, request.data(), request.size(), MSG_NOSIGNAL);
  const auto counted = [&](const std::string& query) {
    return nlohmann::json::parse(Get(lpdaac, "/sim/requests" + query).body);
  };
  while (counted("")["lpdaac"]["most_in_flight"] == 0) std::this_thread::yield();
  close(hung);
  while (counted("?item=" + title)["requests"] != 3) std::this_thread::yield();
  EXPECT_EQ(counted("?item=" + title)["failed"], 1);
  EXPECT_EQ(counted("")["searches"][0]["day"], "2025-10-05");
  EXPECT_EQ(simulator_->Trace().back().status, 0);
  EXPECT_EQ(simulator_->Trace().back().fault, "hang");
}

}  // namespace
}  // namespace catchment::simulator
