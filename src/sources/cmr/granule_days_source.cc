#include "sources/cmr/granule_days_source.h"

#include <arrow/api.h>

#include <algorithm>
#include <set>

#include "base/mutex.h"
#include "base/parallel_for.h"
#include "columnar/parquet_file.h"
#include "sources/cmr/cmr_client.h"
#include "sources/cmr/day_batch.h"
#include "sources/cmr/day_list.h"
#include "sources/cmr/hls_collection.h"
#include "sources/freshness.h"
#include "sources/parameters.h"

namespace catchment::sources::cmr {
namespace {

using std::chrono::days;

constexpr int kListings = 3;   // of a day whose counts differ
constexpr int kFullPages = 6;  // that may be held at once

struct DaysOptions {
  CmrOptions cmr;
  Day origin{};
  std::chrono::milliseconds settle{};
  FetchPace pace;  // per_day 0: no items are fetched
  ItemScheme scheme = ItemScheme::kHttps;
  std::string collection;
  std::string temp_dir;  ///< empty: nobody copies the items
};

Result<DaysOptions> ReadDaysOptions(const SourceInput& input) {
  ASSIGN_OR_RETURN(const Parameters with,
                   Parameters::Make(input.parameters, input.task,
                                    {"collection", "concept_id", "origin", "bounding_box", "settle",
                                     "days_at_once", "requests_per_day", "parallel", "protocol",
                                     "temp_dir", "endpoints"}));
  DaysOptions options;
  ASSIGN_OR_RETURN(options.collection, with.Text("collection", ""));
  const std::optional<CollectionInfo> known = FindCollection(options.collection);
  ASSIGN_OR_RETURN(options.cmr.concept_id,
                   with.Text("concept_id", known ? std::string(known->concept_id) : ""));
  if (options.cmr.concept_id.empty())
    return with.Bad("collection", "HLSL30_2.0 or HLSS30_2.0, or a concept_id of another");
  ASSIGN_OR_RETURN(const std::string origin, with.Text("origin", ""));
  if (known) options.origin = known->origin;
  if (!origin.empty()) {
    ASSIGN_OR_RETURN(const Time first, ParseTime(origin), "task '{}': with: origin", input.task);
    options.origin = std::chrono::floor<days>(first);
  }
  ASSIGN_OR_RETURN(const std::string box, with.Text("bounding_box", ""));
  if (!box.empty()) {
    ASSIGN_OR_RETURN(options.cmr.bounding_box, CanonicalBox(box), "task '{}': with: bounding_box",
                     input.task);
  }
  ASSIGN_OR_RETURN(options.settle, with.Duration("settle", std::chrono::hours(240)));
  ASSIGN_OR_RETURN(const int64_t at_once, with.Integer("days_at_once", 3, 1, 31));
  ASSIGN_OR_RETURN(const int64_t per_day, with.Integer("requests_per_day", 0, 0, 200));
  ASSIGN_OR_RETURN(const bool parallel, with.Bool("parallel", true));
  options.pace = {parallel ? static_cast<int>(at_once) : 1, static_cast<int>(per_day)};
  ASSIGN_OR_RETURN(const std::string protocol, with.Text("protocol", "https"));
  if (protocol != "https" && protocol != "s3") return with.Bad("protocol", "https or s3");
  ASSIGN_OR_RETURN(options.temp_dir, with.Text("temp_dir", ""));
  options.scheme = protocol == "s3" ? ItemScheme::kS3 : ItemScheme::kHttps;
  if (const nlohmann::json& endpoints = with.At("endpoints");
      endpoints.is_object() && endpoints.contains("cmr")) {
    if (!endpoints["cmr"].is_string()) return with.Bad("endpoints.cmr", "a base URL");
    options.cmr.base_url = endpoints["cmr"];
  }
  options.cmr.task = input.task;
  return options;
}

/// How many entries to ask for, so that the pages of all days at once take no more memory than
/// kFullPages do.
int PageSizeFor(int days_at_once) {
  return std::clamp(kMostOnPage * kFullPages / days_at_once, kLeastOnPage, kMostOnPage);
}

CmrWindow WindowOf(Day day) { return {Time(day), Time(day + days(1)), std::nullopt}; }

/// What became of listing one day.
struct DayAnswer {
  DayRow row;
  std::vector<Granule> granules;
  std::optional<Error> failure;
  DayGranules counts;  // without its granules
  int64_t repeats = 0;
};

/// One day's listings. All that was seen in any of them is kept.
class DayLister {
 public:
  DayLister(CmrClient& client, const DaysOptions& options, Day day, const OpContext& context)
      : client_(client),
        options_(options),
        day_(day),
        context_(context),
        page_size_(PageSizeFor(options.pace.days_at_once)) {
    answer_.row.day = day;
  }

  /// List until the counts agree, at most kListings times.
  DayAnswer List() {
    for (int compared = 0; compared < kListings && !agrees_;) {
      Result<CmrListing> listing = Ask();
      if (!listing.ok()) {
        if (compared == 0) return Failed(listing.error());
        break;  // an earlier listing of this day serves
      }
      if (listing->timed_out) continue;
      ++compared;
      Take(*std::move(listing));
    }
    return Finish();
  }

 private:
  /// A listing; one that timed out is to be asked for again, by smaller pages.
  Result<CmrListing> Ask() {
    Result<CmrListing> listing =
        client_.List(WindowOf(day_), page_size_, answer_.row.tries == 0, context_);
    ++answer_.row.tries;
    if (!listing.ok() || !listing->timed_out) return listing;
    if (page_size_ <= kLeastOnPage)
      return Unavailable("CMR had no time for a page of {} entries", kLeastOnPage);
    page_size_ = std::max(page_size_ / 2, kLeastOnPage);
    return listing;
  }

  void Take(CmrListing listing) {
    answer_.repeats += listing.repeats;
    answer_.row.asked_at = listing.asked_at;
    answer_.row.hits = listing.hits;
    const bool whole = static_cast<int64_t>(listing.entries.size()) == listing.hits;
    if (whole) seen_.clear();
    for (CmrEntry& entry : listing.entries) {
      const auto [known, added] = seen_.try_emplace(entry.concept_id, CmrEntry());
      if (added || entry.updated > known->second.updated) known->second = std::move(entry);
    }
    agrees_ = static_cast<int64_t>(seen_.size()) == listing.hits;
  }

  DayAnswer Failed(const Error& error) {
    answer_.row.state = DayState::kFailed;
    answer_.row.error = error.message;
    answer_.failure = error;
    return std::move(answer_);
  }

  DayAnswer Finish() {
    DayRow& row = answer_.row;
    row.touching = static_cast<int64_t>(seen_.size());
    std::vector<CmrEntry> entries;
    entries.reserve(seen_.size());
    for (auto& [id, entry] : seen_) entries.push_back(std::move(entry));
    seen_.clear();
    answer_.counts = GranulesOfDay(std::move(entries), day_, options_.scheme);
    answer_.granules = std::exchange(answer_.counts.granules, {});
    row.links = static_cast<int64_t>(answer_.granules.size());
    if (agrees_) {
      row.state =
          IsSettled(day_, *row.asked_at, options_.settle) ? DayState::kSettled : DayState::kYoung;
    } else {
      row.state = DayState::kHitsMismatch;
      row.error = fmt::format("CMR-Hits is {}, entries are {}, listed {} times", *row.hits,
                              *row.touching, row.tries);
    }
    return std::move(answer_);
  }

  CmrClient& client_;
  const DaysOptions& options_;
  const Day day_;
  const OpContext& context_;
  int page_size_;
  DayAnswer answer_;
  std::map<std::string, CmrEntry> seen_;  // by concept id, of all listings
  bool agrees_ = false;                   // as many were seen as CMR counts
};

/// One run of the source.
class DaysCollection {
 public:
  DaysCollection(const SourceInput& input, const DaysOptions& options, const OpContext& context)
      : input_(input),
        options_(options),
        context_(context),
        client_(*input.transport, options.cmr),
        now_(context.clock->Now()) {
    report_.source = input.task;
  }

  Result<SourceResult> Run() {
    RETURN_IF_ERROR(ReadHead());
    RETURN_IF_ERROR(Plan());
    RETURN_IF_ERROR(LookForRoom());
    if (no_room_) {
      SourceResult result;
      ReportUnavailable(report_, *no_room_, "day");
      result.report = std::move(report_);
      return result;
    }
    RETURN_IF_ERROR(ListDays());
    RETURN_IF_ERROR(KeepDays());
    return Finish();
  }

 private:
  Status ReadHead() {
    if (!input_.head_partition) return {};
    ASSIGN_OR_RETURN(const auto table, input_.head_partition("days"), "the published days");
    ASSIGN_OR_RETURN(const auto links, input_.head_partition("links"), "the published links");
    nothing_at_hand_ = !links.has_value();
    if (!table) return {};
    ASSIGN_OR_RETURN(stored_, ReadDaysTable(*table), "the published days");
    return {};
  }

  bool HasList(Day day) const {
    const auto found = stored_.find(day);
    return found != stored_.end() && found->second.links.has_value();
  }

  /// Decide which days are listed. Asks for the hits of settled ones.
  Status Plan() {
    const std::chrono::year_month_day first{std::chrono::floor<days>(input_.slot)};
    const Day begin{first.year() / first.month() / 1};
    const Day end{(first.year() / first.month() + std::chrono::months(1)) / 1};
    std::vector<Day> settled;
    for (Day day = std::max(begin, options_.origin); day < end; day += days(1)) {
      if (Time(day + days(1)) > now_) {
        DayRow row;
        row.day = day;
        rows_[day] = row;
        continue;
      }
      due_.insert(day);
      if (input_.refresh_mode == RefreshMode::kNone) {
        if (!HasList(day)) {
          return Invalid("task '{}': there is no stored list of {}, so --refresh none cannot be",
                         input_.task, DayText(day));
        }
        continue;
      }
      const auto stored = stored_.find(day);
      const bool trusted = stored != stored_.end() && HasList(day) && stored->second.asked_at &&
                           stored->second.state == DayState::kSettled;
      if (trusted && input_.refresh_mode == RefreshMode::kAuto) {
        settled.push_back(day);
      } else {
        to_list_.insert(day);
      }
    }
    if (input_.refresh_mode != RefreshMode::kNone && !due_.empty()) {
      ASSIGN_OR_RETURN(const auto problems, client_.LookForEarlier(context_));
      report_.notes.insert(report_.notes.end(), problems.begin(), problems.end());
    }
    if (settled.empty()) return {};
    RETURN_IF_ERROR(CheckHits(settled));
    return CheckUpdates(settled);
  }

  /// Items are fetched as soon as the first day is listed, so the month's number is asked for first
  /// where they need room. If that cannot be had, the source of items looks again.
  Status LookForRoom() {
    const bool fetches = options_.pace.per_day > 0 && nothing_at_hand_ && !to_list_.empty();
    if (options_.temp_dir.empty() || !fetches) return {};
    const CmrWindow window{Time(*due_.begin()), Time(*due_.rbegin() + days(1)), std::nullopt};
    const Result<int64_t> hits = client_.Hits(window, context_.Named("room"));
    if (!hits.ok()) return Ends(hits.error()) ? hits.status() : Status();
    const Status room = CheckRoom(options_.temp_dir, *hits);
    if (!room.ok()) no_room_ = room.error();
    return {};
  }

  /// Run `work` for each day, some at once; the first error ends it.
  Status ForDays(const std::vector<Day>& which, const std::function<Status(Day)>& work) {
    const auto threads = static_cast<size_t>(options_.pace.days_at_once);
    return ParallelFor(which.size(), threads, [&](size_t i) { return work(which[i]); });
  }

  static bool Ends(const Error& error) {
    return error.code == Code::kCancelled || error.code == Code::kDeadline ||
           error.code == Code::kInternal;
  }

  /// Settled days whose hits are others than before, or cannot be had, are listed anew.
  Status CheckHits(const std::vector<Day>& settled) {
    return ForDays(settled, [this](Day day) -> Status {
      const Result<int64_t> hits = client_.Hits(WindowOf(day), context_.Named(DayText(day)));
      if (!hits.ok() && Ends(hits.error())) return hits.status();
      if (hits.ok() && *hits == stored_.at(day).hits) return {};
      MutexLock lock(mutex_);
      to_list_.insert(day);
      ++report_.counts["days_with_other_hits"];
      return {};
    });
  }

  /// Days with granules that were revised since the oldest list was asked for are listed anew.
  Status CheckUpdates(const std::vector<Day>& settled) {
    Time oldest = Time::max();
    for (const Day day : settled) oldest = std::min(oldest, *stored_.at(day).asked_at);
    CmrWindow window{Time(settled.front()), Time(settled.back() + days(1)), oldest};
    int page_size = kMostOnPage;
    while (true) {
      const Result<CmrListing> revised =
          client_.List(window, page_size, true, context_.Named("updated"));
      if (!revised.ok()) {
        if (Ends(revised.error())) return revised.status();
        AddGap("failed", 1,
               fmt::format("which settled days were revised is not known: {}",
                           revised.error().message));
        return {};
      }
      if (revised->timed_out && page_size > kLeastOnPage) {
        page_size /= 2;
        continue;
      }
      if (revised->timed_out)
        AddGap("failed", 1, "which settled days were revised is not known: CMR had no time");
      for (const CmrEntry& entry : revised->entries) {
        const Day day = std::chrono::floor<days>(entry.time_start);
        const auto stored = stored_.find(day);
        if (stored == stored_.end() || !due_.contains(day)) continue;
        if (entry.updated < *stored->second.asked_at) continue;
        if (to_list_.insert(day).second) ++report_.counts["days_with_revisions"];
      }
      return {};
    }
  }

  Status ListDays() {
    const std::vector<Day> which(to_list_.begin(), to_list_.end());
    return ForDays(which, [this](Day day) -> Status {
      DayAnswer answer = DayLister(client_, options_, day, context_.Named(DayText(day))).List();
      if (answer.failure && Ends(*answer.failure)) return *answer.failure;
      if (!answer.failure) {
        RETURN_IF_ERROR(WriteGranules(day, answer.granules));
        RETURN_IF_ERROR(Announce(day, answer.granules));
      }
      MutexLock lock(mutex_);
      report_.counts["neighbours_dropped"] += answer.counts.neighbours;
      report_.counts["repeats"] += answer.repeats + answer.counts.same_title;
      report_.counts["links_moved"] += answer.counts.moved_links;
      report_.counts["links_derived"] += answer.counts.derived_links;
      report_.counts["links_missing"] += answer.counts.without_link;
      if (answer.failure) {
        last_failure_ = answer.failure;
        if (HasList(day)) {  // the list before stands, the row says that this one failed
          const DayRow& before = stored_.at(day);
          answer.row.hits = before.hits;
          answer.row.touching = before.touching;
          answer.row.links = before.links;
          answer.row.asked_at = before.asked_at;
        }
      }
      rows_[day] = std::move(answer.row);
      return {};
    });
  }

  /// Let a day's items be fetched while other days are listed. Only where none is at hand: which of
  /// them are is known to the source of items.
  Status Announce(Day day, const std::vector<Granule>& granules) {
    if (options_.pace.per_day == 0 || !nothing_at_hand_) return {};
    ItemBatch batch = BatchOfDay(day, options_.pace);
    for (const Granule& granule : granules) {
      if (!granule.href.empty()) batch.wishes.push_back(WishFor(granule));
    }
    if (batch.wishes.empty()) return {};
    return FetchAhead(*input_.transport, batch, context_.Named(batch.name));
  }

  /// Days that were not listed, or could not be, keep the granules of the head's `links`.
  Status KeepDays() {
    std::map<Day, std::vector<Granule>> kept;
    for (const Day day : due_) {
      const auto row = rows_.find(day);
      if (row == rows_.end()) rows_[day] = stored_.at(day);
      if ((row == rows_.end() || row->second.state == DayState::kFailed) && HasList(day)) kept[day];
    }
    if (kept.empty()) return {};
    ASSIGN_OR_RETURN(const auto links, input_.head_partition("links"), "the published links");
    if (links) {
      RETURN_IF_ERROR(ReadGranules(*links,
                                   [&](Granule granule) -> Status {
                                     const auto day = kept.find(granule.day);
                                     if (day != kept.end())
                                       day->second.push_back(std::move(granule));
                                     return {};
                                   }),
                      "the published links");
    }
    for (auto& [day, granules] : kept) {
      std::sort(granules.begin(), granules.end(),
                [](const Granule& a, const Granule& b) { return a.id < b.id; });
      RETURN_IF_ERROR(WriteGranules(day, granules));
      granules = {};
    }
    return {};
  }

  Status WriteGranules(Day day, const std::vector<Granule>& granules) {
    if (granules.empty()) return {};
    ASSIGN_OR_RETURN(auto rows, MakeGranules(granules));
    std::error_code error;
    std::filesystem::create_directories(input_.work_folder, error);
    const std::filesystem::path path =
        input_.work_folder / fmt::format("granules-{}.parquet", DayText(day));
    columnar::ParquetOptions options;
    options.durable = false;
    options.level = 1;
    RETURN_IF_ERROR(
        columnar::WriteParquet(columnar::Table::FromArrow(std::move(rows)), path, options).status(),
        "task '{}'", input_.task);
    MutexLock lock(mutex_);
    files_[day] = path;
    return {};
  }

  std::string NothingText() const {
    return fmt::format("no granules for {} {}",
                       options_.collection.empty() ? options_.cmr.concept_id : options_.collection,
                       DayText(std::chrono::floor<days>(input_.slot)).substr(0, 7));
  }

  void AddGap(const std::string& reason, int64_t units, std::string detail) {
    report_.gaps.push_back({input_.task, reason, units, std::move(detail)});
  }

  Result<SourceResult> Finish() {
    report_.calls = client_.calls();
    report_.bytes = client_.bytes();
    report_.counts["pages_reused"] = client_.reused();
    const DueDays due = CountDue();
    SourceResult result;
    if (!due_.empty() && due.with_list == 0) {
      report_.gaps.clear();
      ReportUnavailable(report_, *last_failure_, "day");
      result.report = std::move(report_);
      return result;
    }
    const int64_t failed = due.coverage.expected - due.coverage.answered;
    report_.coverage.push_back(due.coverage);
    if (failed > 0) {
      report_.state = SourceState::kPartial;
      report_.reason = report_.gaps.front().detail;
    } else if (to_list_.empty() && !due_.empty()) {
      report_.state = SourceState::kCached;
    }
    if (failed == 0 && due.granules == 0) report_.reason = NothingText();
    RETURN_IF_ERROR(FillTables(result));
    result.report = std::move(report_);
    return result;
  }

  /// What is known of the days that are due.
  struct DueDays {
    CoverageRow coverage;
    int64_t with_list = 0, granules = 0;
  };

  /// Adds their gaps and the times of their facts to the report.
  DueDays CountDue() {
    DueDays due;
    due.coverage.source = input_.task;
    due.coverage.unit = "day";
    due.coverage.expected = static_cast<int64_t>(due_.size());
    due.coverage.asked = static_cast<int64_t>(to_list_.size());
    for (const auto& [day, row] : rows_) {
      if (!due_.contains(day)) continue;
      due.with_list += static_cast<int64_t>(row.links.has_value());
      due.granules += row.links.value_or(0);
      if (row.state == DayState::kFailed) {
        ++due.coverage.missing["failed"];
        AddGap(row.links ? "stale" : "failed", 1,
               fmt::format("day {}: {}", DayText(day), row.error));
        continue;
      }
      ++due.coverage.answered;
      if (row.asked_at) {
        report_.oldest_fact = std::min(report_.oldest_fact.value_or(*row.asked_at), *row.asked_at);
        report_.newest_fact = std::max(report_.newest_fact.value_or(*row.asked_at), *row.asked_at);
      }
      if (row.state == DayState::kHitsMismatch) {
        // Granules that were counted and never listed; or more were listed than counted.
        const int64_t lacking = *row.hits - *row.touching;
        AddGap(lacking > 0 ? "no_answer" : "failed", std::max<int64_t>(1, lacking),
               fmt::format("day {}: {}", DayText(day), row.error));
      }
    }
    return due;
  }

  Status FillTables(SourceResult& result) const {
    std::vector<DayRow> rows;
    for (const auto& [day, row] : rows_) rows.push_back(row);
    ASSIGN_OR_RETURN(result.tables[""], MakeDaysTable(rows));
    result.tables["granules"] = columnar::Table::Empty(GranulesSchema());
    if (files_.empty()) return {};
    std::vector<std::filesystem::path> files;
    for (const auto& [day, path] : files_) files.push_back(path);
    ASSIGN_OR_RETURN(result.tables["granules"],
                     columnar::Table::FromParquetFiles(std::move(files)));
    return {};
  }

  const SourceInput& input_;
  const DaysOptions& options_;
  const OpContext& context_;
  CmrClient client_;
  const Time now_;
  std::map<Day, DayRow> stored_;  // the head's
  bool nothing_at_hand_ = true;   // the head has no bodies of the slot
  std::set<Day> due_;
  std::optional<Error> no_room_;  // for the items
  SourceReport report_;
  // Guarded by mutex_ while days are asked for at once.
  Mutex mutex_;
  std::set<Day> to_list_;
  std::map<Day, DayRow> rows_;
  std::map<Day, std::filesystem::path> files_;
  std::optional<Error> last_failure_;
};

class GranuleDaysSource final : public Source {
 public:
  Result<SourceResult> Collect(const SourceInput& input, const OpContext& context) override {
    ASSIGN_OR_RETURN(const DaysOptions options, ReadDaysOptions(input));
    return DaysCollection(input, options, context).Run();
  }
};

}  // namespace

SourceEntry GranuleDays() {
  SourceEntry entry;
  entry.info = {
      .kind = "cmr.granule_days",
      .help = "Granules of a month of a collection, from NASA's Common Metadata Repository",
      .parameters = {{"collection", "text", false,
                      "HLSL30_2.0, HLSS30_2.0, or any with concept_id"},
                     {"concept_id", "text", false, "the collection's in CMR; known for HLS"},
                     {"origin", "text", false, "first day that may have granules; known for HLS"},
                     {"bounding_box", "text", false, "W,S,E,N in degrees; none: the whole earth"},
                     {"settle", "duration", false, "age after which a day's list is trusted; 10d"},
                     {"days_at_once", "int", false, "1 to 31; 3"},
                     {"requests_per_day", "int", false,
                      "as of stac.items: a listed day's items are fetched while others are listed; "
                      "0: they are not; 0"},
                     {"parallel", "bool", false, "false: one day at a time; true"},
                     {"protocol", "text", false,
                      "which link of an item is taken: https or s3; https"},
                     {"temp_dir", "text", false,
                      "folder that must have room for the items, 4 KiB each, before the first is "
                      "fetched"},
                     {"endpoints", "map", false, "cmr: base URL of the search"}},
      .outputs = {"granules"},
      .units = {},
      .looks_back = true,
  };
  entry.make = [] { return std::make_unique<GranuleDaysSource>(); };
  entry.columns = [](const SourceInput&) -> Result<TableColumns> {
    return TableColumns{{"", DaysSchema()}, {"granules", GranulesSchema()}};
  };
  return entry;
}

}  // namespace catchment::sources::cmr
