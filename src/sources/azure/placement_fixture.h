#pragma once

// A placement service for tests: answers, counts its buckets by itself and fails on demand. Only
// tests include this.

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/test.h"
#include "base/text.h"
#include "columnar/compress.h"
#include "net/fake_transport.h"
#include "net/memory_blob_store.h"
#include "net/memory_budget_store.h"
#include "net/token_source.h"
#include "net/vault.h"
#include "sources/azure/placement_plan.h"
#include "sources/azure/placement_source.h"
#include "sources/azure/subscription_transport.h"
#include "sources/budget_transport.h"
#include "sources/earlier_answers.h"

namespace catchment::sources::azure {

using nlohmann::json;

/// The pairs of region and SKU of the recorded catalogue, sorted: 32,203.
inline std::vector<transforms::CoverPair> RecordedPairs() {
  const auto path =
      std::filesystem::path(CATCHMENT_SOURCE_DIR) / "tests/data/azure/sps_region_skus.json.zst";
  const auto text = columnar::Decompress(*ReadFile(path), columnar::Compression::kZstd, "skus");
  std::vector<transforms::CoverPair> pairs;
  const nlohmann::json catalogue = nlohmann::json::parse(*text);
  for (const auto& [region, skus] : catalogue.items()) {
    for (const auto& sku : skus) pairs.push_back({region, sku.get<std::string>()});
  }
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

/// One request as the service sees it.
struct PlacementAsk {
  int64_t nth = 0;  ///< from 1
  std::string subscription, location;
  std::vector<std::string> regions, skus;
  int count = 0;
};

/// Answers started requests in random order from a thread of its own.
class ShufflingTransport final : public net::Transport {
 public:
  ShufflingTransport(net::Transport& inner, uint32_t seed) : inner_(inner), random_(seed) {
    worker_ = std::jthread([this](const std::stop_token& stop) { Work(stop); });
  }
  Result<net::Response> Send(const net::Request& request, const OpContext& context) override {
    return inner_.Send(request, context);
  }
  void Start(net::Request request, const OpContext& context, Done done) override {
    std::lock_guard<std::mutex> lock(mutex_);
    pending_.push_back({std::move(request), context, std::move(done)});
    arrived_.notify_one();
  }

 private:
  struct Pending {
    net::Request request;
    OpContext context;
    Done done;
  };
  void Work(const std::stop_token& stop) {
    while (true) {
      std::unique_lock<std::mutex> lock(mutex_);
      if (!arrived_.wait(lock, stop, [&] { return !pending_.empty(); })) return;
      std::swap(pending_[random_() % pending_.size()], pending_.back());
      Pending next = std::move(pending_.back());
      pending_.pop_back();
      lock.unlock();
      next.done(inner_.Send(next.request, next.context));
    }
  }

  net::Transport& inner_;
  std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::vector<Pending> pending_;
  std::mt19937 random_;
  std::jthread worker_;
};

class PlacementWorld {
 public:
  using Fault = std::function<std::optional<Result<net::Response>>(const PlacementAsk&)>;

  explicit PlacementWorld(const Clock& clock) : clock_(clock) {}

  std::vector<std::string> subscriptions = {"AAAAAAAA-0000-0000-0000-000000000001"};
  std::vector<std::string> locations = {"loc1", "loc2", "loc3"};
  std::set<std::string> invalid;  ///< regions and SKUs, as the service spells them
  Fault fault;
  std::function<void(const PlacementAsk&)> before;  ///< sees every request first

  Result<net::Response> Answer(const net::Request& request) {
    PlacementAsk ask = Read(request);
    if (before) before(ask);
    asks.push_back(ask);
    if (ask.location != "unknown" && Spend(ask.subscription + "/" + ask.location)) ++refused;
    if (fault) {
      if (auto answer = fault(ask)) return *std::move(answer);
    }
    if (ask.location == "unknown") return Unknown();
    for (const std::string& name : invalid) {
      for (const std::string& region : ask.regions) {
        if (ToLower(region) == ToLower(name)) return Invalid(name, "desiredLocations");
      }
      for (const std::string& sku : ask.skus) {
        if (ToLower(sku) == ToLower(name))
          return Invalid(name, "SpotPlacementRecommenderInput.desiredSizes");
      }
    }
    return Scores(ask);
  }

  static net::Response Scores(const PlacementAsk& ask) {
    json scores = json::array();
    for (const std::string& region : ask.regions) {
      for (const std::string& sku : ask.skus) {
        for (const char* zone : {"1", "2"}) {
          scores.push_back({{"sku", sku},
                            {"region", region},
                            {"availabilityZone", zone},
                            {"score", ask.count > 10 ? "Low" : "High"},
                            {"isQuotaAvailable", true}});
        }
      }
    }
    return net::Answer(200, json{{"placementScores", scores}}.dump());
  }
  static net::Response Invalid(const std::string& value, const std::string& parameter) {
    return net::Answer(
        400, fmt::format("The value '{}' provided for the input parameter '{}' is not valid", value,
                         parameter));
  }
  static net::Response Spent(const std::string& rest = "") {
    return net::Answer(429, "You have reached the maximum number of requests allowed." + rest);
  }

  std::vector<PlacementAsk> asks;
  int64_t refused = 0;  ///< requests beyond 10 in 62 minutes of a bucket

 private:
  net::Response Unknown() const {
    return net::Answer(400, fmt::format("{{\"error\":{{\"message\":\"supported locations are "
                                        "'{}'\"}}}}",
                                        fmt::join(locations, ", ")));
  }
  PlacementAsk Read(const net::Request& request) {
    const std::vector<std::string> parts = Split(request.url, '/');
    const json body = json::parse(request.body);
    PlacementAsk ask{++nth_, parts.at(4), parts.at(8), body["desiredLocations"], {}, 0};
    for (const json& size : body["desiredSizes"]) ask.skus.push_back(size["sku"]);
    ask.count = body["desiredCount"];
    return ask;
  }
  bool Spend(const std::string& bucket) {
    std::vector<Time>& uses = uses_[bucket];
    std::erase_if(uses, [&](Time at) { return at + std::chrono::minutes(62) <= clock_.Now(); });
    uses.push_back(clock_.Now());
    return uses.size() > 10;
  }

  const Clock& clock_;
  int64_t nth_ = 0;
  std::map<std::string, std::vector<Time>> uses_;
};

inline columnar::Table PriceTable(const std::vector<transforms::CoverPair>& pairs) {
  arrow::StringBuilder skus, regions;
  arrow::DoubleBuilder prices;
  for (const auto& [region, sku] : pairs) {
    EXPECT_TRUE(skus.Append(sku).ok() && regions.Append(region).ok() && prices.Append(0.1).ok());
  }
  return columnar::Table::FromArrow(arrow::Table::Make(
      arrow::schema({arrow::field("sku", arrow::utf8()), arrow::field("region_code", arrow::utf8()),
                     arrow::field("spot_price", arrow::float64())}),
      {skus.Finish().ValueOrDie(), regions.Finish().ValueOrDie(), prices.Finish().ValueOrDie()}));
}

/// Every region with every SKU.
inline std::vector<transforms::CoverPair> Grid(int regions, int skus) {
  std::vector<transforms::CoverPair> pairs;
  for (int region = 0; region < regions; ++region) {
    for (int sku = 0; sku < skus; ++sku) {
      pairs.push_back(
          {fmt::format("region{:02}", region),
           fmt::format("Standard_{}{}s_v3", static_cast<char>('A' + sku % 26), 1 + sku / 26)});
    }
  }
  return pairs;
}

/// A source with all that stands between it and the world, across runs. After each run the
/// recording is replayed, and must give the same.
class PlacementRuns : public testing::Test {
 protected:
  using Rows = std::shared_ptr<arrow::Table>;

  PlacementRuns() {
    context_.clock = &clock_;
    parameters_ = json::object();
  }

  /// Run at the clock's time, fold and keep the state and the plan as a publish would.
  SourceResult Run(std::optional<uint32_t> shuffle = std::nullopt) {
    net::FakeTransport service([this](const net::Request& request) {
      std::lock_guard<std::mutex> lock(service_mutex_);
      return world_.Answer(request);
    });
    std::unique_ptr<net::Transport> shuffled;
    if (shuffle) shuffled = std::make_unique<ShufflingTransport>(service, *shuffle);
    net::Transport& network = shuffled ? *shuffled : static_cast<net::Transport&>(service);
    SubscriptionTransport subscriptions(
        network,
        [this](const std::string& identity, const OpContext&) { return Resolve(identity); });
    BudgetTransport budget(subscriptions, budgets_);
    EarlierTransport earlier(budget, [this] { return DeadRuns(); });
    auto folder = std::make_unique<TemporaryFolder>();
    const auto log = net::ExchangeLog::Open(folder->path).value();
    net::RecordingTransport recording(earlier, *log, "placement");
    SourceInput input = Input();
    input.transport = &recording;
    OpContext context = context_;
    context.stop = kill_.get_token();
    Result<SourceResult> result = PlacementScores().make()->Collect(input, context);
    if (kill_.stop_requested()) {
      EXPECT_EQ(result.status().error().code, Code::kCancelled);
      dead_.push_back(std::move(folder));
      kill_ = std::stop_source();
      return {};
    }
    EXPECT_TRUE(result.ok()) << result.error().message;
    if (!result.ok()) return {};
    CheckCoverage(result->report);
    net::MemoryBlobStore vault;
    exchanges_ = log->Seal(vault).value().exchanges;
    Replay(vault, input.slot, *result);
    Publish(*result);
    return *std::move(result);
  }

  /// A run that ends at its `requests`-th request to the service, that one's answer included.
  void RunKilledAfter(int64_t requests) {
    const auto before = std::exchange(
        world_.before,
        [this, last = world_.asks.size() + static_cast<size_t>(requests)](const PlacementAsk&) {
          if (world_.asks.size() + 1 == last) kill_.request_stop();
        });
    Run();
    world_.before = before;
  }

  /// The ledgers of the killed runs.
  Result<EarlierRuns> DeadRuns() const {
    EarlierRuns runs;
    for (const auto& folder : dead_) {
      ASSIGN_OR_RETURN(auto log, net::ExchangeLog::Open(folder->path));
      runs.runs.push_back({fmt::format("dead{}", runs.runs.size()), std::move(log)});
    }
    return runs;
  }

  Result<std::vector<std::string>> Resolve(const std::string& identity) const {
    EXPECT_EQ(identity, "azure");
    if (no_credentials_) return *no_credentials_;
    return world_.subscriptions;
  }

  SourceInput Input() const {
    SourceInput input;
    input.task = "placement";
    input.run = "run";
    input.slot = std::chrono::floor<std::chrono::minutes>(clock_.Now());
    input.parameters = parameters_;
    input.refresh_mode = refresh_mode_;
    input.needs.emplace("price", PriceTable(pairs_));
    input.state = state_;
    input.tokens = tokens_;
    input.head_table = [this](const std::string& name) -> Result<std::optional<columnar::Table>> {
      const auto found = head_.find(name);
      return found == head_.end() ? std::nullopt : std::optional(found->second);
    };
    return input;
  }

  static void CheckCoverage(const SourceReport& report) {
    for (const CoverageRow& row : report.coverage) {
      int64_t missing = 0;
      for (const auto& [reason, units] : row.missing) missing += units;
      EXPECT_EQ(row.expected, row.answered + row.left_out + missing) << *row.region;
      EXPECT_LE(row.scored, row.answered);
    }
  }

  /// The recording alone gives the same tables and the same report.
  void Replay(const net::MemoryBlobStore& vault, Time slot, const SourceResult& result) {
    net::ReplayTransport replay(vault, exchanges_, "placement");
    const ManualClock clock(clock_.Now());
    OpContext context = context_;
    context.clock = &clock;
    net::FixedToken token("replay");
    SourceInput input = Input();
    input.slot = slot;
    input.transport = &replay;
    input.tokens = &token;
    const Result<SourceResult> again = PlacementScores().make()->Collect(input, context);
    ASSERT_OK(again);
    ASSERT_EQ(again->tables.size(), result.tables.size());
    for (const auto& [name, table] : result.tables) {
      EXPECT_TRUE(again->tables.at(name).Load().value()->Equals(*table.Load().value())) << name;
    }
    EXPECT_EQ(again->report.state_patch, result.report.state_patch);
    EXPECT_EQ(ToJson(again->report)["coverage"], ToJson(result.report)["coverage"]);
    EXPECT_EQ(again->report.state, result.report.state);
  }

  void Publish(const SourceResult& result) {
    state_ = FoldPlacementState(state_, result.report.state_patch).value();
    if (result.tables.contains("plan")) head_.insert_or_assign("plan", result.tables.at("plan"));
  }

  static int64_t Sum(const SourceReport& report, int64_t CoverageRow::*member) {
    int64_t sum = 0;
    for (const CoverageRow& row : report.coverage) sum += row.*member;
    return sum;
  }
  static int64_t Missing(const SourceReport& report, const std::string& reason) {
    int64_t sum = 0;
    for (const CoverageRow& row : report.coverage) {
      const auto found = row.missing.find(reason);
      sum += found == row.missing.end() ? 0 : found->second;
    }
    return sum;
  }
  static std::string Digest(const std::string& id) { return SubscriptionDigest(id); }

  ManualClock clock_{*ParseTime("2026-01-28T00:00:00Z")};
  OpContext context_;
  PlacementWorld world_{clock_};
  std::mutex service_mutex_;
  net::MemoryBudgetLedger ledger_;
  net::MemoryBudgetStore budgets_{
      {{{kPlacementApi, "*"}, {10, std::chrono::minutes(62) + kPermitMargin}}}, {}, &ledger_};
  net::FixedToken token_{"secret"};
  net::TokenSource* tokens_ = &token_;
  std::vector<transforms::CoverPair> pairs_ = Grid(10, 6);
  json parameters_;
  json state_ = json::object();
  std::map<std::string, columnar::Table> head_;
  std::optional<Error> no_credentials_;
  RefreshMode refresh_mode_ = RefreshMode::kAuto;
  std::stop_source kill_;
  std::vector<std::unique_ptr<TemporaryFolder>> dead_;  // of killed runs
  std::vector<net::Exchange> exchanges_;
};

}  // namespace catchment::sources::azure
