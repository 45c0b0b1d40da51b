#include "sources/cmr/stac_items_source.h"

#include <arrow/api.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <thread>
#include <unordered_map>

#include "base/mutex.h"
#include "columnar/parquet_file.h"
#include "sources/cmr/day_batch.h"
#include "sources/cmr/item_fetch.h"
#include "sources/cmr/link_table.h"
#include "sources/freshness.h"
#include "sources/parameters.h"

namespace catchment::sources::cmr {
namespace {

using std::chrono_literals::operator""s;

constexpr std::array<std::chrono::milliseconds, 3> kPassPauses = {5s, 20s, 60s};
constexpr size_t kMostOfPass = 10'000;
constexpr int64_t kRowsAtOnce = 32'768;
constexpr size_t kMostNamed = 1000;  // of what is missing, in the report

struct ItemsOptions {
  FetchPace pace;
  bool revalidate = false;
  std::string temp_dir;  ///< empty: nobody copies the items
};

Result<ItemsOptions> ReadItemsOptions(const SourceInput& input) {
  ASSIGN_OR_RETURN(const Parameters with, Parameters::Make(input.parameters, input.task,
                                                           {"days_at_once", "requests_per_day",
                                                            "parallel", "revalidate", "temp_dir"}));
  ItemsOptions options;
  ASSIGN_OR_RETURN(const int64_t days_at_once, with.Integer("days_at_once", 3, 1, 31));
  ASSIGN_OR_RETURN(const int64_t per_day, with.Integer("requests_per_day", 50, 1, 200));
  ASSIGN_OR_RETURN(const bool parallel, with.Bool("parallel", true));
  ASSIGN_OR_RETURN(options.revalidate, with.Bool("revalidate", false));
  ASSIGN_OR_RETURN(options.temp_dir, with.Text("temp_dir", ""));
  options.pace = {parallel ? static_cast<int>(days_at_once) : 1, static_cast<int>(per_day)};
  return options;
}

/// The tables of the task that listed the granules.
struct DayTables {
  const columnar::Table* days = nullptr;
  const columnar::Table* granules = nullptr;
};

Result<DayTables> FindDayTables(const SourceInput& input) {
  constexpr std::string_view kEnding = ".granules";
  DayTables tables;
  for (const auto& [name, table] : input.needs) {
    if (!name.ends_with(kEnding)) continue;
    tables.granules = &table;
    const auto days = input.needs.find(name.substr(0, name.size() - kEnding.size()));
    if (days != input.needs.end()) tables.days = &days->second;
  }
  if (tables.granules == nullptr && input.needs.empty()) return tables;
  if (tables.granules == nullptr || tables.days == nullptr)
    return Invalid("task '{}': needs the tables of a task of cmr.granule_days", input.task);
  return tables;
}

/// A granule that is to be asked for, or was in vain.
struct Wanted {
  size_t number = 0;  ///< of its row
  Granule granule;
};

struct Failed {
  Wanted wanted;
  std::string reason;
  int status = 0;
  int tries = 0;
};

/// One run of the source.
class ItemsCollection {
 public:
  ItemsCollection(const SourceInput& input, const ItemsOptions& options, const DayTables& tables,
                  const OpContext& context)
      : input_(input), options_(options), tables_(tables), context_(context) {
    report_.source = input.task;
  }

  Result<SourceResult> Run() {
    RETURN_IF_ERROR(ReadStored());
    bodies_.resize(static_cast<size_t>(tables_.granules->num_rows()));
    Status fetched = FetchDays();
    if (fetched.ok()) fetched = FetchFailed();
    if (!fetched.ok() && fetched.error().code == Code::kDenied) {
      SourceResult result;
      ReportUnavailable(report_, fetched.error(), "item");
      result.report = std::move(report_);
      return result;
    }
    RETURN_IF_ERROR(fetched);
    ASSIGN_OR_RETURN(const FetchedPacks packs, FinishFetch(*input_.transport, context_));
    for (const std::string& problem : packs.problems) report_.notes.push_back(problem);
    new_packs_ = packs.names;
    return Finish();
  }

 private:
  struct Before {
    Time updated{};
    StoredBody body;
  };

  Status ReadStored() {
    if (!input_.head_partition) return {};
    ASSIGN_OR_RETURN(const auto links, input_.head_partition("links"), "the published links");
    if (!links) return {};
    RETURN_IF_ERROR(
        ReadStoredBodies(
            *links, head_packs_,
            [this](std::string id, Time updated, StoredBody body) {
              const bool good = body.has_body && body.state != LinkState::kQuarantined;
              if (good) before_.insert_or_assign(std::move(id), Before{updated, std::move(body)});
            }),
        "the published links");
    return {};
  }

  /// Granules of a day, in order; empty: there are no more. One caller at a time.
  class DayReader {
   public:
    explicit DayReader(const columnar::Table& granules) : granules_(granules) {}
    Result<std::vector<Wanted>> Next();

   private:
    const columnar::Table& granules_;
    std::unique_ptr<columnar::BatchReader> reader_;
    std::deque<Granule> ahead_;
    size_t number_ = 0;
    bool end_ = false;
  };

  /// Take what is at hand; the others of the day are to be asked for.
  std::vector<Wanted> LookAtDay(std::vector<Wanted> day, ItemBatch& batch) {
    std::vector<Wanted> wanted;
    for (Wanted& one : day) {
      const Granule& granule = one.granule;
      const auto before = before_.find(granule.id);
      const bool current = before != before_.end() &&
                           before->second.body.state == LinkState::kStored &&
                           before->second.updated >= granule.updated;
      if (current) {
        bodies_[one.number] = FromBefore(before->second, LinkState::kStored);
        if (!options_.revalidate || before->second.body.etag.empty()) continue;
      }
      if (granule.href.empty()) {
        MutexLock lock(mutex_);
        failed_for_good_.push_back({std::move(one), "no_link", 0, 0});
        continue;
      }
      batch.wishes.push_back(WishFor(granule, current ? before->second.body.etag : ""));
      wanted.push_back(std::move(one));
    }
    return wanted;
  }

  /// A body of the head's; its pack is told from this run's by a high number.
  static StoredBody FromBefore(const Before& before, LinkState state) {
    StoredBody body = before.body;
    body.state = state;
    body.pack |= kOfHead;
    return body;
  }

  Status FetchDays() {
    DayReader reader(*tables_.granules);
    Mutex reading;
    Status failed;
    const auto run = [&] {
      while (true) {
        std::vector<Wanted> day;
        {
          MutexLock lock(reading);
          if (!failed.ok()) return;
          Result<std::vector<Wanted>> next = reader.Next();
          if (!next.ok()) failed = next.status();
          if (!next.ok() || next->empty()) return;
          day = *std::move(next);
        }
        const Status status = FetchDay(std::move(day));
        if (status.ok()) continue;
        MutexLock lock(reading);
        if (failed.ok()) failed = status;
        return;
      }
    };
    std::vector<std::jthread> threads;
    // One more than days at once: when the last few of a day are slow, the next one is under way.
    const int most = options_.pace.days_at_once == 1 ? 1 : options_.pace.days_at_once + 1;
    for (int thread = 1; thread < most; ++thread) threads.emplace_back(run);
    run();
    threads.clear();  // joins
    return failed;
  }

  Status FetchDay(std::vector<Wanted> day) {
    ItemBatch batch = BatchOfDay(day.front().granule.day, options_.pace);
    std::vector<Wanted> wanted = LookAtDay(std::move(day), batch);
    if (wanted.empty()) return {};
    std::vector<Failed> failed;
    RETURN_IF_ERROR(Fetch(batch, std::move(wanted), failed));
    MutexLock lock(mutex_);
    for (Failed& one : failed) failed_[one.wanted.number] = std::move(one);
    return {};
  }

  /// Ask for `wanted`, which are the wishes of `batch`.
  Status Fetch(const ItemBatch& batch, std::vector<Wanted> wanted, std::vector<Failed>& failed) {
    ASSIGN_OR_RETURN(std::vector<ItemOutcome> outcomes,
                     FetchItems(*input_.transport, batch, context_.Named(batch.name)));
    MutexLock lock(mutex_);
    for (size_t i = 0; i < outcomes.size(); ++i) {
      ItemOutcome& outcome = outcomes[i];
      Wanted& one = wanted[i];
      report_.calls += outcome.tries;
      report_.counts["retries"] += std::max(0, outcome.tries - 1);
      switch (outcome.end) {
        case ItemEnd::kStored:
          TakeBody(one.number, outcome);
          break;
        case ItemEnd::kUnchanged:  // the row has the body at hand already
          ++report_.counts["unchanged"];
          break;
        case ItemEnd::kBad:
          TakeBad(one, outcome);
          break;
        case ItemEnd::kRefused:
        case ItemEnd::kFailed:
          failed.push_back(
              {std::move(one), std::move(outcome.reason), outcome.status, outcome.tries});
          break;
      }
    }
    return {};
  }

  StoredBody BodyOf(const ItemOutcome& outcome, LinkState state) const {
    StoredBody body;
    body.state = state;
    body.has_body = !outcome.sha256.empty();
    body.sha256 = DigestBytesOf(outcome.sha256);
    body.bytes = static_cast<uint32_t>(outcome.bytes);
    body.pack = outcome.pack;
    body.offset = static_cast<uint32_t>(outcome.offset);
    body.length = static_cast<uint32_t>(outcome.length);
    body.fetched_at = outcome.received;
    body.etag = outcome.etag;
    return body;
  }

  void TakeBody(size_t number, const ItemOutcome& outcome) REQUIRES(mutex_) {
    bodies_[number] = BodyOf(outcome, LinkState::kStored);
    report_.bytes += outcome.tries > 0 ? static_cast<int64_t>(outcome.bytes) : 0;
    ++report_.counts[outcome.tries > 0 ? "fetched" : "reused_of_dead_runs"];
    report_.oldest_fact =
        std::min(report_.oldest_fact.value_or(outcome.received), outcome.received);
    report_.newest_fact =
        std::max(report_.newest_fact.value_or(outcome.received), outcome.received);
  }

  void TakeBad(const Wanted& one, const ItemOutcome& outcome) REQUIRES(mutex_) {
    bad_.push_back({one.granule.id, BodyOf(outcome, LinkState::kQuarantined), outcome.reason});
    const auto before = before_.find(one.granule.id);
    if (before == before_.end()) {
      bodies_[one.number] = bad_.back().body;
      return;
    }
    bodies_[one.number] = FromBefore(before->second, LinkState::kStale);
    ++stale_;
    failed_for_good_.push_back({one, "stale_revision", outcome.status, outcome.tries});
  }

  /// Those that could not be had once more, after all others, with few at once.
  Status FetchFailed() {
    for (size_t pass = 0; pass < kPassPauses.size() && !failed_.empty(); ++pass) {
      std::map<size_t, Failed> again;
      again.swap(failed_);
      ItemBatch batch;
      batch.in_flight = batch.total_in_flight =
          std::max(1, options_.pace.days_at_once * options_.pace.per_day / 4);
      batch.pause = kPassPauses[pass];
      int part = 0;
      for (auto next = again.begin(); next != again.end(); ++part) {
        batch.name = part == 0 ? fmt::format("pass {}", pass + 1)
                               : fmt::format("pass {} part {}", pass + 1, part + 1);
        batch.wishes.clear();
        std::vector<Wanted> wanted;
        for (; next != again.end() && wanted.size() < kMostOfPass; ++next) {
          batch.wishes.push_back(WishFor(next->second.wanted.granule));
          wanted.push_back(next->second.wanted);
        }
        std::vector<Failed> failed;
        RETURN_IF_ERROR(Fetch(batch, std::move(wanted), failed));
        for (Failed& one : failed) {
          one.tries += again.at(one.wanted.number).tries;
          failed_[one.wanted.number] = std::move(one);
        }
        batch.pause = std::chrono::milliseconds(0);
      }
      ++report_.counts["passes"];
    }
    MutexLock lock(mutex_);
    for (auto& [number, one] : failed_) {
      const auto before = before_.find(one.wanted.granule.id);
      if (before != before_.end()) {
        const bool current = bodies_[number].state == LinkState::kStored;  // asked to be sure only
        if (!current) {
          bodies_[number] = FromBefore(before->second, LinkState::kStale);
          ++stale_;
          one.reason = "stale_revision";
        } else {
          ++report_.counts["not_revalidated"];
          continue;
        }
      }
      failed_for_good_.push_back(std::move(one));
    }
    failed_.clear();
    return {};
  }

  const std::string& PackOf(const StoredBody& body) const {
    static const std::string kNone;
    if (!body.has_body) return kNone;
    const uint32_t number = body.pack & ~kOfHead;
    const std::vector<std::string>& packs =
        (body.pack & kOfHead) != 0 ? head_packs_.all() : new_packs_;
    return number < packs.size() ? packs[number] : kNone;
  }

  Result<columnar::Table> WriteLinks() {
    if (bodies_.empty()) return columnar::Table::Empty(LinksSchema());
    std::error_code error;
    std::filesystem::create_directories(input_.work_folder, error);
    const std::filesystem::path path = input_.work_folder / "links.parquet";
    columnar::ParquetOptions options;
    options.durable = false;
    ASSIGN_OR_RETURN(const auto writer,
                     columnar::ParquetWriter::Open(path, LinksSchema(), options));
    LinkRows rows;
    size_t number = 0;
    RETURN_IF_ERROR(ReadGranules(*tables_.granules, [&](const Granule& granule) -> Status {
      const StoredBody& body = bodies_[number++];
      RETURN_IF_ERROR(rows.Add(granule, body, PackOf(body)));
      if (rows.rows() < kRowsAtOnce) return {};
      ASSIGN_OR_RETURN(const auto batch, rows.Take());
      return writer->Write(batch);
    }));
    ASSIGN_OR_RETURN(const auto batch, rows.Take());
    RETURN_IF_ERROR(writer->Write(batch));
    RETURN_IF_ERROR(writer->Finish().status());
    return columnar::Table::FromParquetFiles({path});
  }

  Result<SourceResult> Finish() {
    SourceResult result;
    std::sort(failed_for_good_.begin(), failed_for_good_.end(),
              [](const Failed& a, const Failed& b) { return a.wanted.number < b.wanted.number; });
    Report();
    if (report_.state == SourceState::kUnavailable) {
      result.report = std::move(report_);
      return result;
    }
    ASSIGN_OR_RETURN(result.tables[""], WriteLinks());
    result.tables.emplace("days", *tables_.days);
    std::vector<MissingItem> missing;
    for (const Failed& one : failed_for_good_) {
      missing.push_back({one.wanted.granule.id, one.wanted.granule.day, one.wanted.granule.href,
                         one.reason, one.status, one.tries});
    }
    ASSIGN_OR_RETURN(result.tables["missing"], MakeMissing(missing));
    std::vector<QuarantinedItem> quarantine;
    for (const Bad& one : bad_) {
      quarantine.push_back({one.id, one.body.has_body ? DigestTextOf(one.body.sha256) : "",
                            one.reason, "", "", PackOf(one.body), one.body.offset,
                            one.body.length});
    }
    std::sort(quarantine.begin(), quarantine.end(),
              [](const QuarantinedItem& a, const QuarantinedItem& b) { return a.id < b.id; });
    ASSIGN_OR_RETURN(result.tables["quarantine"], MakeQuarantine(quarantine));
    result.report = std::move(report_);
    return result;
  }

  void AddGaps(const std::map<std::string, std::pair<int64_t, std::string>>& by_reason) {
    for (const auto& [reason, count] : by_reason) {
      const std::string_view kind = reason == "stale_revision" ? "stale"
                                    : reason == "no_link"      ? "no_answer"
                                                               : "failed";
      report_.gaps.push_back({input_.task, std::string(kind), count.first,
                              fmt::format("{} item{}: {} (first {})", count.first,
                                          count.first == 1 ? "" : "s", reason, count.second)});
    }
  }

  /// The first by id; the tables `missing` and `quarantine` have all.
  void NameWhatIsMissing() {
    const auto name = [this](const std::string& id, const std::string& reason) {
      if (report_.notes.size() < kMostNamed)
        report_.notes.push_back(fmt::format("{}: {}", id, reason));
    };
    for (const Failed& one : failed_for_good_) name(one.wanted.granule.id, one.reason);
    for (const Bad& one : bad_) name(one.id, "quarantined, " + one.reason);
  }

  void Report() {
    CoverageRow coverage;
    coverage.source = input_.task;
    coverage.unit = "item";
    coverage.expected = static_cast<int64_t>(bodies_.size());
    int64_t with_body = 0, reused = 0;
    for (const StoredBody& body : bodies_) {
      with_body += static_cast<int64_t>(body.state == LinkState::kStored);
      reused += static_cast<int64_t>(body.has_body && (body.pack & kOfHead) != 0);
    }
    coverage.answered = with_body;
    coverage.asked = coverage.expected - reused;
    report_.counts["reused"] = reused;
    std::map<std::string, std::pair<int64_t, std::string>> by_reason;
    const auto count = [&](const std::string& reason, const std::string& id) {
      ++coverage.missing[reason];
      auto& [units, first] = by_reason[reason];
      if (units++ == 0) first = id;
    };
    for (const Failed& one : failed_for_good_) count(one.reason, one.wanted.granule.id);
    std::map<std::string, std::pair<int64_t, std::string>> rejected;
    for (const Bad& one : bad_) {
      if (before_.contains(one.id)) continue;  // counted as stale
      ++coverage.missing["quarantined"];
      auto& [units, first] = rejected[one.reason];
      if (units++ == 0) first = one.id;
    }
    if (with_body + stale_ == 0 && !failed_for_good_.empty() && bad_.empty()) {
      const Failed& first = failed_for_good_.front();
      ReportUnavailable(
          report_,
          Unavailable("no item could be had: {} of {}", first.reason, first.wanted.granule.href),
          "item");
      return;
    }
    AddGaps(by_reason);
    for (const auto& [reason, units] : rejected) {
      report_.gaps.push_back(
          {input_.task, "rejected", units.first,
           fmt::format("{} quarantined: {} (first {})", units.first, reason, units.second)});
    }
    report_.coverage.push_back(std::move(coverage));
    NameWhatIsMissing();
    if (!report_.gaps.empty()) {
      report_.state = SourceState::kPartial;
      report_.reason = report_.gaps.front().detail;
    } else if (report_.calls == 0 && !bodies_.empty()) {
      report_.state = SourceState::kCached;
    }
  }

  struct Bad {
    std::string id;
    StoredBody body;
    std::string reason;
  };
  static constexpr uint32_t kOfHead = uint32_t{1} << 31;

  const SourceInput& input_;
  const ItemsOptions& options_;
  const DayTables& tables_;
  const OpContext& context_;
  std::unordered_map<std::string, Before> before_;  // by id: bodies of the head
  PackNames head_packs_;
  std::vector<std::string> new_packs_;
  std::vector<StoredBody> bodies_;  // by number of the row; each is written by one thread
  // Guarded by mutex_ while days are fetched at once.
  Mutex mutex_;
  SourceReport report_;
  std::map<size_t, Failed> failed_;  // by number: to be asked again
  std::vector<Failed> failed_for_good_;
  std::vector<Bad> bad_;
  int64_t stale_ = 0;
};

Result<std::vector<Wanted>> ItemsCollection::DayReader::Next() {
  if (!reader_) {
    ASSIGN_OR_RETURN(reader_, granules_.Read());
  }
  const auto day_is_whole = [&] {
    return !ahead_.empty() && ahead_.back().day != ahead_.front().day;
  };
  while (!end_ && !day_is_whole()) {
    ASSIGN_OR_RETURN(const auto batch, reader_->Next());
    if (batch == nullptr) {
      end_ = true;
      break;
    }
    ASSIGN_OR_RETURN(std::vector<Granule> rows, GranulesOf(*batch));
    std::move(rows.begin(), rows.end(), std::back_inserter(ahead_));
  }
  std::vector<Wanted> day;
  while (!ahead_.empty() && (day.empty() || ahead_.front().day == day.front().granule.day)) {
    day.push_back({number_++, std::move(ahead_.front())});
    ahead_.pop_front();
  }
  return day;
}

class StacItemsSource final : public Source {
 public:
  Result<SourceResult> Collect(const SourceInput& input, const OpContext& context) override {
    ASSIGN_OR_RETURN(const ItemsOptions options, ReadItemsOptions(input));
    ASSIGN_OR_RETURN(const DayTables tables, FindDayTables(input));
    if (tables.granules == nullptr) {  // the days could not be had
      SourceResult result;
      result.report.source = input.task;
      ReportUnavailable(result.report, Unavailable("there is no list of granules"), "item");
      return result;
    }
    const Status room = CheckRoom(options.temp_dir, tables.granules->num_rows());
    if (!room.ok()) {
      SourceResult result;
      result.report.source = input.task;
      ReportUnavailable(result.report, room.error(), "item");
      return result;
    }
    return ItemsCollection(input, options, tables, context).Run();
  }
};

}  // namespace

SourceEntry StacItems() {
  SourceEntry entry;
  entry.info = {
      .kind = "stac.items",
      .help = "STAC items of listed granules, one small file each, kept in the vault",
      .parameters = {{"days_at_once", "int", false, "1 to 31; 3"},
                     {"requests_per_day", "int", false,
                      "1 to 200 at once for each day; in flight is the product; 50"},
                     {"parallel", "bool", false, "false: one day at a time; true"},
                     {"revalidate", "bool", false,
                      "ask by ETag whether bodies at hand are still the newest; false"},
                     {"temp_dir", "text", false,
                      "folder that must have room for the items, 4 KiB each, before the first is "
                      "asked for"}},
      .outputs = {"days", "missing", "quarantine"},
      .units = {},
      .looks_back = true,
  };
  entry.make = [] { return std::make_unique<StacItemsSource>(); };
  entry.columns = [](const SourceInput&) -> Result<TableColumns> {
    return TableColumns{
        {"", LinksSchema()}, {"missing", MissingSchema()}, {"quarantine", QuarantineSchema()}};
  };
  return entry;
}

}  // namespace catchment::sources::cmr
