#include <arrow/api.h>

#include <nlohmann/json.hpp>

#include "base/test.h"
#include "net/fake_transport.h"
#include "net/memory_blob_store.h"
#include "net/vault.h"
#include "sources/azure/resource_skus_client.h"
#include "sources/azure/resource_skus_source.h"
#include "sources/azure/subscription_transport.h"

namespace catchment::sources::azure {
namespace {

using net::Answer;
using net::Request;
using net::Response;
using nlohmann::json;
using std::chrono_literals::operator""h;

json Machine(const std::string& name, const std::string& region, const json& zones,
             const std::string& vcpus = "2") {
  return {{"resourceType", "virtualMachines"},
          {"name", name},
          {"family", "standardDSv3Family"},
          {"locations", {region}},
          {"locationInfo", {{{"location", region}, {"zones", zones}}}},
          {"capabilities",
           {{{"name", "vCPUs"}, {"value", vcpus}}, {{"name", "MemoryGB"}, {"value", "0.5"}}}},
          {"restrictions", json::array()}};
}

TEST(ResourceSkusParseTest, ReadsMachinesOnly) {
  const json body = {{"value",
                      {Machine("Standard_D2s_v3", "EastUS", {"3", "1", "2"}),
                       Machine("Standard_A1", "westus", json::array(), "many"),
                       {{"resourceType", "disks"}, {"name", "P10"}}}}};
  ASSERT_OK_AND_ASSIGN(const ResourceSkusPage page, ParseResourceSkusPage(body.dump()));
  ASSERT_EQ(page.rows.size(), 2u);
  EXPECT_EQ(page.rows[0].region, "eastus");
  EXPECT_EQ(page.rows[0].family, "standardDSv3Family");
  EXPECT_EQ(page.rows[0].vcpus, 2);
  EXPECT_EQ(page.rows[0].memory_gib, 0.5);
  EXPECT_EQ(page.rows[0].zones, "1,2,3");
  EXPECT_EQ(page.rows[1].vcpus, std::nullopt);
  EXPECT_EQ(page.rows[1].zones, "");
  EXPECT_EQ(page.unreadable_values, 1);
  EXPECT_EQ(page.other_resources, 1);
  EXPECT_EQ(page.next_link, "");
}

TEST(ResourceSkusParseTest, ADamagedPageIsCorrupt) {
  const std::string whole = json{{"value", {Machine("a", "b", {"1"})}}}.dump();
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_ERROR(ParseResourceSkusPage(std::string_view(whole).substr(0, length)), Code::kCorrupt,
                 "");
  }
  for (const std::string_view body :
       {"[]", "{}", R"({"value":{}})", R"({"value":[1]})", R"({"value":[{}]})",
        R"({"value":[{"resourceType":"virtualMachines"}]})",
        R"({"value":[{"resourceType":"virtualMachines","name":"a","locations":[1]}]})",
        R"({"value":[{"resourceType":"virtualMachines","name":"a","capabilities":{}}]})",
        R"({"value":[],"nextLink":1})"}) {
    EXPECT_ERROR(ParseResourceSkusPage(body), Code::kCorrupt, "");
  }
}

// A20: a repeated row does not multiply what is joined with it.
TEST(ResourceSkusParseTest, A20_OneRowIsKeptOfEachPair) {
  const auto row = [](const char* sku, const char* zones) {
    ResourceSku made;
    made.sku = sku;
    made.region = "eastus";
    made.zones = zones;
    return made;
  };
  std::vector<ResourceSku> rows = {row("standard_b", "2"), row("Standard_A", "1"),
                                   row("Standard_B", "1"), row("Standard_B", "1")};
  EXPECT_EQ(MakeSkusUnique(rows), 2);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].sku, "Standard_A");
  EXPECT_EQ(rows[1].sku, "Standard_B");
}

class ResourceSkusTest : public testing::Test {
 protected:
  ResourceSkusTest() {
    context_.clock = &clock_;
    input_.task = "resource_skus";
    input_.run = "run-2";
    input_.slot = clock_.Now();
    input_.refresh = 24h;
    input_.tokens = &token_;
  }

  static std::string Link(const std::string& rest) {
    return "https://management.azure.com:443/subscriptions/" + SubscriptionDigest("the-id") +
           "/providers/Microsoft.Compute/skus?api-version=2021-07-01&$skiptoken=" + rest;
  }

  Result<SourceResult> Collect(const net::FakeTransport::Server& server) {
    net::FakeTransport service(server);
    SubscriptionTransport transport(service, [](const std::string&, const OpContext&) {
      return Result<std::vector<std::string>>(std::vector<std::string>{"the-id", "another"});
    });
    input_.transport = &transport;
    return ResourceSkusSource().make()->Collect(input_, context_);
  }

  ManualClock clock_{*ParseTime("2026-01-28T12:00:00Z")};
  net::FixedToken token_{"secret"};
  OpContext context_;
  SourceInput input_;
};

// A16: an empty page in the middle does not end the list.
TEST_F(ResourceSkusTest, A16_EveryPageIsRead) {
  std::vector<std::string> asked;
  ASSERT_OK_AND_ASSIGN(
      const SourceResult result, Collect([&](const Request& request) {
        asked.push_back(request.url);
        if (asked.size() == 1) {
          return Answer(
              200,
              json{{"value", {Machine("B", "eastus", {"1"})}}, {"nextLink", Link("2")}}.dump());
        }
        if (asked.size() == 2)
          return Answer(200, json{{"value", json::array()}, {"nextLink", Link("3")}}.dump());
        return Answer(200, json{{"value", {Machine("A", "eastus", {"1"})}}}.dump());
      }));
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_EQ(asked[2],
            "https://management.azure.com/subscriptions/the-id/providers/Microsoft.Compute/"
            "skus?api-version=2021-07-01&$skiptoken=3");
  EXPECT_EQ(result.report.state, SourceState::kLive);
  EXPECT_EQ(result.tables.at("").num_rows(), 2);
  EXPECT_EQ(result.report.coverage[0].answered, 2);
  EXPECT_EQ(result.report.state_patch["sources"]["resource_skus"]["run"], "run-2");
  EXPECT_EQ(ToJson(result.report).dump().find("the-id"), std::string::npos);
}

TEST_F(ResourceSkusTest, ALinkThatLeadsElsewhereOrAroundIsNotFollowed) {
  for (const std::string& link : {std::string("https://evil.example/skus?x=1"),
                                  Link("1").replace(40, 1, "Z"), Link("1"), std::string("x")}) {
    int asked = 0;
    ASSERT_OK_AND_ASSIGN(
        const SourceResult result, Collect([&](const Request& request) {
          EXPECT_TRUE(request.url.starts_with("https://management.azure.com/"));
          ++asked;
          return Answer(200, json{{"value", json::array()}, {"nextLink", link}}.dump());
        }));
    EXPECT_EQ(result.report.state, SourceState::kUnavailable);
    EXPECT_LE(asked, 4);
    EXPECT_EQ(result.tables.at("").num_rows(), 0);
  }
}

TEST_F(ResourceSkusTest, AFailureIsServedByACopyOfAtMostSevenDays) {
  const TemporaryFolder folder;
  net::MemoryBlobStore vault;
  std::vector<net::Exchange> exchanges;
  {
    const auto log = net::ExchangeLog::Open(folder.path).value();
    net::FakeTransport service([&](const Request&) {
      return Answer(200, json{{"value", {Machine("A", "eastus", {"1"})}}}.dump());
    });
    SubscriptionTransport subscriptions(service, [](const std::string&, const OpContext&) {
      return Result<std::vector<std::string>>(std::vector<std::string>{"the-id"});
    });
    net::RecordingTransport recording(subscriptions, *log, "resource_skus");
    input_.transport = &recording;
    ASSERT_OK(ResourceSkusSource().make()->Collect(input_, context_));
    exchanges = log->Seal(vault).value().exchanges;
    ASSERT_EQ(exchanges.size(), 2u);
  }
  PriorAnswer prior;
  prior.run = "run-1";
  prior.slot = input_.slot;
  prior.collected_at = clock_.Now();
  prior.open = [&]() -> Result<std::unique_ptr<net::Transport>> {
    return std::unique_ptr<net::Transport>(
        std::make_unique<net::ReplayTransport>(vault, exchanges, "resource_skus"));
  };
  input_.prior.emplace("resource_skus", prior);
  int asked = 0;
  const auto down = [&](const Request&) {
    ++asked;
    return Answer(503, "");
  };
  ASSERT_OK_AND_ASSIGN(const SourceResult young, Collect(down));  // not due
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(young.report.state, SourceState::kCached);
  EXPECT_TRUE(young.report.gaps.empty());
  clock_.Advance(6 * 24h);
  input_.slot = clock_.Now();
  ASSERT_OK_AND_ASSIGN(const SourceResult old, Collect(down));
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(old.report.state, SourceState::kCached);
  EXPECT_EQ(old.tables.at("").num_rows(), 1);
  ASSERT_EQ(old.report.gaps.size(), 1u);
  EXPECT_EQ(old.report.gaps[0].reason, "stale");
  clock_.Advance(2 * 24h);
  input_.slot = clock_.Now();
  ASSERT_OK_AND_ASSIGN(const SourceResult gone, Collect(down));
  EXPECT_EQ(gone.report.state, SourceState::kUnavailable);
  EXPECT_EQ(gone.tables.at("").num_rows(), 0);
}

}  // namespace
}  // namespace catchment::sources::azure
