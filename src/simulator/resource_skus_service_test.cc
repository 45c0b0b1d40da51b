#include "simulator/resource_skus_service_internal.h"
#include "simulator/test.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/test.h"
#include "base/text.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;

class ResourceSkusServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 2; i < 25; ++i) pairs_.emplace_back("eastus", fmt::format("Standard_D{}s_v5", i));
    pairs_.emplace_back("westus", "Standard_E8-2as_v5");
    offers_world_.zoneless_regions = {"westus"};
    offers_world_.restricted = 0;
    world_.page_size = 10;
    token_ = tokens_.Issue("client", std::chrono::hours(1), kNow);
  }

  HttpResponse Ask(const std::string& query, const std::vector<const Fault*>& faults = {}) {
    if (!service_) {
      auto offers = Offers::Make(offers_world_, pairs_, 1);
      EXPECT_TRUE(offers.ok());
      offers_ = std::make_unique<Offers>(std::move(*offers));
      service_ = std::make_unique<ResourceSkusService>(world_, std::vector<std::string>{"sub-a"},
                                                       *offers_, tokens_, 1);
    }
    const HttpRequest request{
        .method = "GET",
        .target = "",
        .path = fmt::format("/subscriptions/{}/providers/Microsoft.Compute/skus", subscription_),
        .query = query,
        .headers = {{"authorization", "Bearer " + token_}},
        .body = ""};
    return service_->Answer(request, {faults}, kNow).response;
  }

  std::vector<ordered_json> Crawl() {
    std::vector<ordered_json> entries;
    std::string query = "api-version=2021-07-01";
    while (!query.empty()) {
      const auto page = ordered_json::parse(Ask(query).body);
      for (const auto& entry : page["value"]) entries.push_back(entry);
      const std::string link = page.value("nextLink", "");
      EXPECT_TRUE(link.empty() || link.starts_with("https://management.azure.com/subscriptions/"));
      query = link.empty() ? "" : link.substr(link.find('?') + 1);
    }
    return entries;
  }

  std::vector<Offers::Pair> pairs_;
  OffersWorld offers_world_;
  ResourceSkusWorld world_;
  TokenStore tokens_{1};
  std::string token_;
  std::string subscription_ = "SUB-A";
  std::unique_ptr<Offers> offers_;
  std::unique_ptr<ResourceSkusService> service_;
};

TEST_F(ResourceSkusServiceTest, PagesHoldEveryMachineOnceAndOtherThingsBesides) {
  const auto entries = Crawl();
  size_t machines = 0;
  for (const auto& entry : entries) machines += entry["resourceType"] == "virtualMachines";
  EXPECT_EQ(machines, pairs_.size());
  EXPECT_GT(entries.size(), machines);
}

TEST_F(ResourceSkusServiceTest, AMachineHasItsFamilyAndItsCapabilitiesAsText) {
  const auto entries = Crawl();
  const ordered_json last = entries.back();
  EXPECT_EQ(last["name"], "Standard_E8-2as_v5");
  EXPECT_EQ(last["family"], "standardEASv5Family");
  EXPECT_EQ(last["locationInfo"][0]["zones"].size(), 0u);
  std::map<std::string, std::string> capabilities;
  for (const auto& capability : last["capabilities"]) {
    capabilities[capability["name"]] = capability["value"];
  }
  EXPECT_EQ(capabilities["vCPUs"], "8");
  EXPECT_EQ(capabilities["vCPUsAvailable"], "2");
  EXPECT_EQ(capabilities["MemoryGB"], "64");
}

TEST_F(ResourceSkusServiceTest, LocationsComeInAnyCaseAndZonesInAnyOrder) {
  std::set<std::string> spellings, zones;
  for (const auto& entry : Crawl()) {
    spellings.insert(entry["locations"][0].get<std::string>());
    if (entry["resourceType"] == "virtualMachines") {
      zones.insert(entry["locationInfo"][0]["zones"].dump());
    }
  }
  EXPECT_TRUE(spellings.contains("eastus"));
  EXPECT_TRUE(spellings.contains("EASTUS"));
  EXPECT_TRUE(zones.contains("[]"));
  EXPECT_GT(zones.size(), 2u);
}

TEST_F(ResourceSkusServiceTest, RestrictionsAreThoseThatPlacementFollows) {
  offers_world_.restrictions = {{.sku = "standard_e*"}};
  EXPECT_EQ(Crawl().back()["restrictions"][0]["reasonCode"], "NotAvailableForSubscription");
}

TEST_F(ResourceSkusServiceTest, CallersAreChecked) {
  EXPECT_EQ(Ask("").status, 400);
  EXPECT_EQ(Ask("api-version=1&$skiptoken=x").status, 400);
  subscription_ = "other";
  EXPECT_EQ(Ask("api-version=1").status, 403);
  token_ = "wrong";
  EXPECT_EQ(Ask("api-version=1").status, 401);
}

TEST_F(ResourceSkusServiceTest, FaultsOfThePaging) {
  const Fault empty = FaultOf("empty_page"), loop = FaultOf("link_loop"),
              none = FaultOf("no_value");
  const Fault repeat = FaultOf("repeat_entries");
  const std::string query = "api-version=1&$skiptoken=10";
  const auto page = ordered_json::parse(Ask(query, {&empty}).body);
  EXPECT_TRUE(page["value"].empty());
  EXPECT_TRUE(page.contains("nextLink"));
  EXPECT_TRUE(
      ordered_json::parse(Ask(query, {&loop}).body)["nextLink"].get<std::string>().ends_with(
          "$skiptoken=10"));
  EXPECT_FALSE(ordered_json::parse(Ask(query, {&none}).body).contains("value"));
  const auto repeated = ordered_json::parse(Ask(query, {&repeat}).body)["value"];
  EXPECT_EQ(repeated[repeated.size() - 1], repeated[repeated.size() - 2]);
}

}  // namespace
}  // namespace catchment::simulator
