#include "sources/azure/retail_source.h"

#include <arrow/api.h>

#include <filesystem>

#include "base/file.h"
#include "base/test.h"
#include "net/fake_transport.h"
#include "net/url.h"

namespace catchment::sources::azure {
namespace {

using net::Answer;
using net::FakeTransport;
using net::Request;
using net::Response;
using std::chrono_literals::operator""h;

const std::filesystem::path kRetailSource = CATCHMENT_SOURCE_DIR;

std::string Item(std::string_view region, std::string_view sku, std::string_view meter,
                 double price, std::string_view product = "Virtual Machines Dsv3 Series") {
  return fmt::format(
      R"({{"armRegionName":"{}","location":"X {}","armSkuName":"{}","productName":"{}","meterName":"{}","unitOfMeasure":"1 Hour",)"
      R"("type":"Consumption","serviceName":"Virtual Machines","currencyCode":"USD","meterId":"{}","retailPrice":{},)"
      R"("effectiveStartDate":"2025-01-01T00:00:00Z","isPrimaryMeterRegion":true}})",
      region, region, sku, product, meter, meter, price);
}

/// A service with a few items, whose two lists can fail by themselves.
struct PriceWorld {
  std::vector<std::string> on_demand = {
      Item("eastus", "Standard_D2s_v3", "D2s v3", 0.1),
      Item("usgovvirginia", "Standard_D2s_v3", "D2s v3", 0.1),
      Item("eastus", "Standard_D2s_v3", "D2s v3w", 0.2, "Virtual Machines Dsv3 Series Windows")};
  std::vector<std::string> spot = {Item("eastus", "Standard_D2s_v3", "D2s v3 Spot", 0.02),
                                   Item("usgovvirginia", "Standard_D2s_v3", "D2s v3 Spot", 0.02),
                                   Item("westus", "Standard_D2s_v3", "D2s v3 Spot", 0.03)};
  int all_status = 200, spot_status = 200;
  int asked_all = 0, asked_spot = 0;

  Result<Response> operator()(const Request& request) {
    const net::Url url = *net::ParseUrl(request.url);
    const auto skip = static_cast<size_t>(std::stoll(**net::QueryValue(url, "$skip")));
    const bool all = (*net::QueryValue(url, "$filter"))->find("contains") == std::string::npos;
    ++(all ? asked_all : asked_spot);
    const int status = all ? all_status : spot_status;
    if (status != 200) return Answer(status);
    std::vector<std::string> items = spot;
    if (all) items.insert(items.end(), on_demand.begin(), on_demand.end());
    if (skip >= items.size()) return Answer(400);
    items.erase(items.begin(), items.begin() + static_cast<ptrdiff_t>(skip));
    return Answer(200, fmt::format(R"({{"Items":[{}],"NextPageLink":null,"Count":{}}})",
                                   fmt::join(items, ","), items.size()));
  }
};

class RetailSourceTest : public testing::Test {
 protected:
  RetailSourceTest() {
    context_.clock = &clock_;
    input_.task = "price";
    input_.run = "run-9";
    input_.slot = clock_.Now();
    input_.refresh = 6h;
    input_.pipeline_file = [](const std::string& name) {
      return ReadFile(kRetailSource / "pipelines/azure-spot" / name);
    };
  }

  SourceResult Collect() {
    FakeTransport live([&](const Request& request) { return live_(request); });
    input_.transport = &live;
    Result<SourceResult> result = RetailPrices().make()->Collect(input_, context_);
    EXPECT_OK(result);
    return *std::move(result);
  }

  void AddPrior(const std::string& unit, std::chrono::hours age, const std::string& list) {
    PriorAnswer prior;
    prior.run = "run-" + list;
    prior.slot = input_.slot - age;
    prior.collected_at = clock_.Now() - age;
    prior.facts = {{"list", list}};
    prior.open = [this]() -> Result<std::unique_ptr<net::Transport>> {
      ++opened_;
      return std::unique_ptr<net::Transport>(std::make_unique<FakeTransport>(
          [this](const Request& request) { return recorded_(request); }));
    };
    input_.prior[unit] = std::move(prior);
  }

  /// `region spot ondemand windows_spot`, one row a line.
  static std::string Rows(const SourceResult& result) {
    const auto found = result.tables.find("");
    if (found == result.tables.end()) return "none";
    const auto rows = *found->second.Load(
        {"region_code", "spot_price", "ondemand_price", "windows_ondemand_price"});
    std::string text;
    for (int64_t row = 0; row < rows->num_rows(); ++row) {
      for (int column = 0; column < 4; ++column) {
        text += (*rows->column(column)->GetScalar(row))->ToString() + (column < 3 ? " " : "\n");
      }
    }
    return text;
  }

  ManualClock clock_{*ParseTime("2026-06-18T12:00:00Z")};
  OpContext context_;
  SourceInput input_;
  PriceWorld live_, recorded_;
  int opened_ = 0;
};

TEST_F(RetailSourceTest, AFirstRunReadsTheWholeListForBothUnits) {
  const SourceResult result = Collect();
  EXPECT_EQ(result.report.state, SourceState::kLive);
  EXPECT_EQ(Rows(result), "eastus 0.02 0.1 null\nwestus 0.03 null null\n");
  EXPECT_EQ(live_.asked_spot, 0);
  EXPECT_TRUE(result.report.gaps.empty());
  const auto& state = result.report.state_patch["sources"];
  EXPECT_EQ(state["price"]["run"], "run-9");
  EXPECT_EQ(state["price"]["list"], "all");
  EXPECT_EQ(state["price"]["slot_time"], "2026-06-18T12:00:00Z");
  EXPECT_EQ(state["ondemand"]["run"], "run-9");
  EXPECT_EQ(result.report.counts.at("items"), 6);
  const auto table = *result.tables.at("").Load();
  EXPECT_EQ((*table->GetColumnByName("instance_tier")->GetScalar(0))->ToString(), "Standard");
  EXPECT_EQ((*table->GetColumnByName("instance_type")->GetScalar(0))->ToString(), "D2s_v3");
  EXPECT_EQ((*table->GetColumnByName("region_name")->GetScalar(0))->ToString(), "X eastus");
  EXPECT_EQ((*table->GetColumnByName("price_at")->GetScalar(0))->ToString(),
            "2026-06-18 12:00:00.000Z");
}

// A21: the sovereign-cloud filter matched nothing; such regions were asked again daily.
TEST_F(RetailSourceTest, azure_A21_ExcludedRegionsAppearInNoTable) {
  const SourceResult result = Collect();
  EXPECT_EQ(Rows(result).find("usgov"), std::string::npos);
  EXPECT_EQ(result.report.counts.at("excluded_pairs"), 1);
  input_.parameters = {{"exclude_regions", nlohmann::json::array()}, {"regions", {"us*"}}};
  EXPECT_EQ(Rows(Collect()), "usgovvirginia 0.02 0.1 null\n");
}

TEST_F(RetailSourceTest, WindowsPricesAreGivenWhereTheyAreAskedFor) {
  input_.parameters = {{"operating_systems", {"linux", "windows"}}};
  EXPECT_EQ(Rows(Collect()), "eastus 0.02 0.1 0.2\nwestus 0.03 null null\n");
}

// A34: the price list was crawled in full every ten minutes.
TEST_F(RetailSourceTest, azure_A34_WithinRefreshNothingIsAsked) {
  AddPrior("price", 5h, "spot");
  AddPrior("ondemand", 20h, "all");
  const SourceResult result = Collect();
  EXPECT_EQ(live_.asked_all + live_.asked_spot, 0);
  EXPECT_EQ(result.report.state, SourceState::kCached);
  EXPECT_EQ(result.report.calls, 0);
  EXPECT_TRUE(result.report.gaps.empty());
  EXPECT_TRUE(result.report.state_patch.empty());
  EXPECT_EQ(Rows(result), "eastus 0.02 0.1 null\nwestus 0.03 null null\n");
}

TEST_F(RetailSourceTest, BothUnitsOfOneRunAreReadFromItsRecordingOnce) {
  AddPrior("price", 1h, "all");
  AddPrior("ondemand", 1h, "all");
  Collect();
  EXPECT_EQ(opened_, 1);
}

TEST_F(RetailSourceTest, OnlyTheSpotListIsReadWhileTheOnDemandCopyIsYoung) {
  AddPrior("price", 6h, "all");
  AddPrior("ondemand", 6h, "all");
  live_.spot = {Item("eastus", "Standard_D2s_v3", "D2s v3 Spot", 0.05)};
  const SourceResult result = Collect();
  EXPECT_EQ(live_.asked_all, 0);
  EXPECT_EQ(Rows(result), "eastus 0.05 0.1 null\n");
  EXPECT_TRUE(result.report.state_patch["sources"].contains("price"));
  EXPECT_EQ(result.report.state_patch["sources"]["price"]["list"], "spot");
  EXPECT_FALSE(result.report.state_patch["sources"].contains("ondemand"));
  EXPECT_EQ(result.report.state, SourceState::kLive);
}

TEST_F(RetailSourceTest, TheFirstRunOfADayAsksWhateverRefreshSays) {
  AddPrior("price", 1h, "all");
  AddPrior("ondemand", 1h, "all");
  input_.first_of_day = true;
  Collect();
  EXPECT_GT(live_.asked_all, 0);
}

TEST_F(RetailSourceTest, ARefusedSpotFilterFallsBackToTheWholeList) {
  AddPrior("price", 7h, "spot");
  AddPrior("ondemand", 7h, "all");
  live_.spot_status = 400;
  const SourceResult result = Collect();
  EXPECT_EQ(result.report.state, SourceState::kLive);
  EXPECT_TRUE(result.report.gaps.empty());
  ASSERT_EQ(result.report.notes.size(), 1u);
  EXPECT_NE(result.report.notes[0].find("refused"), std::string::npos);
  EXPECT_TRUE(result.report.state_patch["sources"].contains("ondemand"));
}

TEST_F(RetailSourceTest, AFailedWholeListFallsBackToSpotAndAnOldOnDemandCopy) {
  AddPrior("ondemand", 71h, "all");
  live_.all_status = 503;
  const SourceResult result = Collect();
  EXPECT_EQ(Rows(result), "eastus 0.02 0.1 null\nwestus 0.03 null null\n");
  EXPECT_EQ(result.report.state, SourceState::kPartial);
  ASSERT_EQ(result.report.gaps.size(), 1u);
  EXPECT_EQ(result.report.gaps[0].reason, "stale");
  EXPECT_FALSE(result.report.state_patch["sources"].contains("ondemand"));

  AddPrior("ondemand", 73h, "all");
  const SourceResult without = Collect();
  EXPECT_EQ(Rows(without), "eastus 0.02 null null\nwestus 0.03 null null\n");
  EXPECT_EQ(without.report.gaps[0].reason, "failed");
  const auto table = *without.tables.at("").Load({"ondemand_at"});
  EXPECT_EQ(table->column(0)->null_count(), 2);
}

// A15: a failed page was dropped and the run called a success. Here the run says that an old copy
// was used.
TEST_F(RetailSourceTest, azure_A15_AFailedListIsReplacedByACopyAndReported) {
  AddPrior("price", 23h, "spot");
  AddPrior("ondemand", 23h, "all");
  live_.spot_status = 503;
  const SourceResult result = Collect();
  EXPECT_EQ(result.report.state, SourceState::kCached);
  ASSERT_EQ(result.report.gaps.size(), 1u);
  EXPECT_EQ(result.report.gaps[0].reason, "stale");
  EXPECT_NE(result.report.reason.find("503"), std::string::npos);
  const CoverageRow& row = result.report.coverage[0];
  EXPECT_EQ(row.expected, row.answered + row.missing.at("failed"));
  EXPECT_EQ(Rows(result), "eastus 0.02 0.1 null\nwestus 0.03 null null\n");
}

// A22: an empty dataset was published when the prices were missing.
TEST_F(RetailSourceTest, azure_A22_WithoutPricesThereIsNoTable) {
  for (const auto& [status, code, reason] :
       {std::tuple(503, "unavailable", "failed"), std::tuple(403, "denied", "credentials")}) {
    AddPrior("price", 25h, "spot");
    live_.spot_status = live_.all_status = status;
    const SourceResult result = Collect();
    EXPECT_EQ(result.report.state, SourceState::kUnavailable);
    EXPECT_EQ(result.report.error_code, code);
    EXPECT_EQ(result.report.gaps.at(0).reason, reason);
    EXPECT_TRUE(result.tables.empty());
  }
}

TEST_F(RetailSourceTest, ALostRecordingIsAskedAnew) {
  AddPrior("price", 1h, "spot");
  AddPrior("ondemand", 1h, "all");
  for (auto& [unit, prior] : input_.prior) {
    prior.open = []() -> Result<std::unique_ptr<net::Transport>> { return NotFound("gone"); };
  }
  const SourceResult result = Collect();
  EXPECT_EQ(result.report.state, SourceState::kLive);
  EXPECT_FALSE(result.report.notes.empty());
  EXPECT_EQ(Rows(result), "eastus 0.02 0.1 null\nwestus 0.03 null null\n");
}

TEST_F(RetailSourceTest, WrongParametersAreRefusedBeforeAnythingIsAsked) {
  const std::pair<nlohmann::json, std::string> wrong[] = {
      {{{"ondemand_refresh", "soon"}}, "duration"},
      {{{"price_in_flight", 0}}, "from 1"},
      {{{"operating_systems", {"windows"}}}, "linux"},
      {{{"operating_systems", {"linux", "os2"}}}, "windows"},
      {{{"meter_rules", "nothing.json"}}, "meter_rules"},
      {{{"meter_ruels", "x"}}, "did you mean 'meter_rules'"}};
  for (const auto& [parameters, message] : wrong) {
    input_.parameters = parameters;
    FakeTransport live([&](const Request& request) { return live_(request); });
    input_.transport = &live;
    const auto result = RetailPrices().make()->Collect(input_, context_);
    ASSERT_FALSE(result.ok()) << parameters;
    EXPECT_NE(result.error().message.find(message), std::string::npos) << result.error().message;
  }
  EXPECT_EQ(live_.asked_all, 0);
}

}  // namespace
}  // namespace catchment::sources::azure
