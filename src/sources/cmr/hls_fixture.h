#pragma once

// Runs of the two sources against a made-up world, recorded and replayed. Only tests include this.

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/test.h"
#include "net/memory_blob_store.h"
#include "net/vault.h"
#include "sources/cmr/cmr_sources.h"
#include "sources/cmr/granule_days_source.h"
#include "sources/cmr/granule_world.h"
#include "sources/cmr/item_fetch.h"
#include "sources/cmr/stac_items_source.h"
#include "sources/earlier_answers.h"

namespace catchment::sources::cmr {

/// Runs of both sources, one on top of the other.
class HlsRuns : public testing::Test {
 protected:
  HlsRuns() {
    context_.clock = &clock_;
    world_.Add("2024-01-17T01:00:00Z", 4);
    world_.Add("2024-01-18T01:00:00Z", 3, "15TVM");
  }

  struct Outcome {
    SourceResult days, items;
  };

  /// One run, numbered from 1, on top of what the runs before published; `publish`: it does too.
  Outcome Run(bool publish = true) {
    ++runs_;
    const std::filesystem::path folder = folder_.path / fmt::format("run{}", runs_);
    auto log = *net::ExchangeLog::Open(folder);
    ItemFetchTransport items(
        *world_below_, [&] { return Packs(folder); }, [this] { return login_; },
        [] { return 0.5; });
    EarlierTransport earlier(items, [&] { return Earlier(); });
    Outcome outcome;
    const auto collect = [&](const std::string& task, const SourceEntry& entry,
                             const nlohmann::json& with,
                             std::map<std::string, columnar::Table> needs) {
      net::RecordingTransport recording(earlier, *log, task);
      SourceInput input = Input(task, with, folder, std::move(needs));
      input.transport = &recording;
      Result<SourceResult> result = entry.make()->Collect(input, context_);
      failure_ = result.status();
      return result.ok() ? *std::move(result) : SourceResult();
    };
    outcome.days = collect("days", GranuleDays(), days_with_, {});
    if (!failure_.ok()) return outcome;
    std::map<std::string, columnar::Table> needs = Needs(outcome.days);
    outcome.items = collect("items", StacItems(), items_with_, std::move(needs));
    if (!failure_.ok()) {
      unfinished_.push_back(folder);
      return outcome;
    }
    sealed_ = *log->Seal(vault_);
    if (publish) {
      head_["days"] = outcome.days.tables.at("");
      if (outcome.items.tables.contains("")) head_["links"] = outcome.items.tables.at("");
      unfinished_.clear();
    } else {
      unfinished_.push_back(folder);
    }
    return outcome;
  }

  /// The last run again, from its recording.
  Outcome Replay() {
    Outcome outcome;
    const std::filesystem::path folder = folder_.path / "replay";
    const auto collect = [&](const std::string& task, const SourceEntry& entry,
                             const nlohmann::json& with,
                             std::map<std::string, columnar::Table> needs) {
      net::ReplayTransport replay(vault_, sealed_.exchanges, task);
      SourceInput input = Input(task, with, folder, std::move(needs));
      input.transport = &replay;
      Result<SourceResult> result = entry.make()->Collect(input, context_);
      EXPECT_OK(result);
      return result.ok() ? *std::move(result) : SourceResult();
    };
    outcome.days = collect("days", GranuleDays(), days_with_, {});
    outcome.items = collect("items", StacItems(), items_with_, Needs(outcome.days));
    return outcome;
  }

  static std::map<std::string, columnar::Table> Needs(const SourceResult& days) {
    std::map<std::string, columnar::Table> needs;
    for (const auto& [name, table] : days.tables)
      needs.emplace(name.empty() ? "days" : "days." + name, table);
    return needs;
  }

  SourceInput Input(const std::string& task, const nlohmann::json& with,
                    const std::filesystem::path& folder,
                    std::map<std::string, columnar::Table> needs) {
    SourceInput input;
    input.task = task;
    input.run = fmt::format("run{}", runs_);
    input.slot = *ParseTime("2024-01-01");
    input.parameters = with;
    input.needs = std::move(needs);
    input.refresh_mode = refresh_;
    input.work_folder = folder / task;
    input.head_partition = [this](const std::string& table) {
      const auto found = head_.find(table);
      return found == head_.end() ? std::optional<columnar::Table>()
                                  : std::optional<columnar::Table>(found->second);
    };
    return input;
  }

  Result<ItemFetchTransport::Packs> Packs(const std::filesystem::path& folder) {
    ItemFetchTransport::Packs packs;
    net::ResponsePacks::Options options;
    options.pack_responses = 3;
    ASSIGN_OR_RETURN(packs.packs, net::ResponsePacks::Open(folder / "packs", vault_, options));
    for (const std::filesystem::path& before : unfinished_) {
      ASSIGN_OR_RETURN(auto adopted, packs.packs->Adopt(before / "packs", packs.problems));
      for (auto& one : adopted) packs.earlier.push_back(std::move(one));
    }
    return packs;
  }

  Result<EarlierRuns> Earlier() {
    EarlierRuns runs;
    for (const std::filesystem::path& before : unfinished_) {
      ASSIGN_OR_RETURN(auto log, net::ExchangeLog::Open(before));
      runs.runs.push_back({before.filename().string(), std::move(log)});
    }
    return runs;
  }

  void Forget() {
    world_.cmr_asked.clear();
    world_.items_asked.clear();
  }

  /// How often pages of a day were asked for; `what` must stand in the URL too.
  int64_t Asked(const std::string& day, const std::string& what = "page_size=2000") const {
    return std::count_if(world_.cmr_asked.begin(), world_.cmr_asked.end(), [&](const auto& url) {
      return url.find("temporal[]=" + day) != std::string::npos &&
             url.find(what) != std::string::npos && url.find("updated_since") == std::string::npos;
    });
  }

  static std::map<std::string, std::map<std::string, std::string>> Rows(
      const columnar::Table& table) {
    std::map<std::string, std::map<std::string, std::string>> rows;
    const auto loaded = *table.Load();
    for (int64_t i = 0; i < loaded->num_rows(); ++i) {
      std::map<std::string, std::string> row;
      for (int column = 0; column < loaded->num_columns(); ++column) {
        const auto value = *loaded->column(column)->GetScalar(i);
        row[loaded->field(column)->name()] = value->is_valid ? value->ToString() : "";
      }
      rows.emplace((*loaded->column(0)->GetScalar(i))->ToString(), std::move(row));
    }
    return rows;
  }

  std::string BodyOf(const std::map<std::string, std::string>& link) {
    net::PackReader reader(vault_);
    const Result<std::string> body = reader.Read(
        {link.at("pack"), std::stoull(link.at("pack_offset")), std::stoull(link.at("pack_length"))},
        link.at("body_sha256"));
    return body.ok() ? *body : body.error().message;
  }

  TemporaryFolder folder_;
  ManualClock clock_{*ParseTime("2024-03-01")};
  OpContext context_;
  GranuleWorld world_;
  net::FakeTransport world_transport_{
      [this](const net::Request& request) { return world_(request); }};
  net::Transport* world_below_ = &world_transport_;
  net::TokenSource* login_ = nullptr;
  net::MemoryBlobStore vault_;
  nlohmann::json days_with_ = {{"collection", "HLSL30_2.0"}, {"days_at_once", 1}};
  nlohmann::json items_with_ = {{"days_at_once", 1}, {"requests_per_day", 4}};
  RefreshMode refresh_ = RefreshMode::kAuto;
  std::map<std::string, columnar::Table> head_;
  std::vector<std::filesystem::path> unfinished_;
  net::SealedExchanges sealed_;
  Status failure_;
  int runs_ = 0;
};

}  // namespace catchment::sources::cmr
