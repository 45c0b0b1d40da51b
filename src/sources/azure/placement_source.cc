#include "sources/azure/placement_source.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "net/url.h"
#include "sources/azure/placement_client.h"
#include "sources/azure/placement_plan.h"
#include "sources/azure/placement_state.h"
#include "sources/azure/placement_table.h"
#include "sources/azure/subscription_transport.h"
#include "sources/freshness.h"

namespace catchment::sources::azure {
namespace {

using transforms::CoverPair;

/// What became of a wanted pair.
struct PairState {
  bool asked = false, answered = false, scored = false, excluded = false, left_out = false;
  std::string reason;  // of the first call that should have answered it
};

/// One run of the source.
class Collection {
 public:
  Collection(const SourceInput& input, const PlacementSettings& settings, const OpContext& context)
      : input_(input), settings_(settings), context_(context) {
    report_.source = input.task;
    patch_.slot = input.slot;
    patch_.counts = settings.counts;
    client_.base_url = settings.base_url;
    client_.tokens = input.tokens;
    client_.in_flight = settings.in_flight;
    client_.zones = settings.zones;
    client_.slot = input.slot;
    client_.bucket_window = settings.bucket_window;
    client_.deadline = input.started + settings.collect_deadline;
    client_.task = input.task;
    // Afterwards its place in the bucket is free again, and a newer answer costs nothing.
    client_.earlier_limit = settings.bucket_window;
  }

  Result<SourceResult> Run() {
    RETURN_IF_ERROR(ReadState());
    ASSIGN_OR_RETURN(const columnar::Table* priced, Priced());
    ASSIGN_OR_RETURN(wanted_, ReadWantedPairs(*priced, settings_, state_, turn_, input_.slot));
    for (const CoverPair& pair : wanted_.pairs)
      pairs_.emplace_hint(pairs_.end(), pair, PairState());
    if (!wanted_.pairs.empty()) {
      RETURN_IF_ERROR(Ask());
    }
    return Finish();
  }

 private:
  Status ReadState() {
    if (!input_.state.contains("rotation") && !settings_.bootstrap_metadata.empty()) {
      RETURN_IF_ERROR(ReadBootstrap());
    }
    ASSIGN_OR_RETURN(state_, ReadPlacementState(input_.state, settings_.counts, patch_.start));
    patch_.turn = turn_ = TurnOf(state_.rotation, input_.slot);
    client_.count = turn_.count;
    return {};
  }

  /// Where an earlier collector stood, if its file is there.
  Status ReadBootstrap() {
    if (input_.head_number) return {};
    const auto path = input_.base_folder / settings_.bootstrap_metadata;
    net::Request request;
    request.url = "https://file.invalid" + net::PercentEncode(path.string(), "/");
    request.max_bytes = 64 << 10;
    ASSIGN_OR_RETURN(const net::Response response, input_.transport->Send(request, context_),
                     "bootstrap_metadata");
    if (response.status == 404) {
      report_.notes.push_back(
          fmt::format("bootstrap_metadata: there is no file {}; the rotation "
                      "begins with its first count",
                      path.string()));
      return {};
    }
    if (response.status != 200)
      return Invalid("bootstrap_metadata: {} cannot be read: {}", path.string(), response.body);
    ASSIGN_OR_RETURN(patch_.start, ParseSpsMetadata(response.body), "{}", path.string());
    const int64_t index = patch_.start->index;
    if (index < 0 || index >= static_cast<int64_t>(settings_.counts.size())) {
      report_.notes.push_back(
          fmt::format("bootstrap_metadata: index {} is outside the {} counts and is ignored", index,
                      settings_.counts.size()));
    }
    return {};
  }

  Result<const columnar::Table*> Priced() const {
    auto found = input_.needs.find("price");
    if (found == input_.needs.end() && input_.needs.size() == 1) found = input_.needs.begin();
    if (found == input_.needs.end())
      return Invalid("task '{}': needs: expected the task that collects prices", input_.task);
    return &found->second;
  }

  Status Ask() {
    const auto digests = AskSubscriptions(*input_.transport, settings_.identity, context_);
    if (!digests.ok()) return MissAll(digests.error(), "credentials");
    CallBudget budget(*input_.transport, kPlacementApi, settings_.identity, context_,
                      client_.deadline);
    RETURN_IF_ERROR(FindLocations(budget, *digests));
    RETURN_IF_ERROR(MakePlan(*digests));
    RETURN_IF_ERROR(FindEarlier());
    const auto free = budget.Allowance(*digests, state_.locations, settings_.max_calls);
    if (!free.ok()) {
      if (free.error().code == Code::kInvalid) return free.status();
      return MissAll(free.error(), GapReason(free.error().code));
    }
    ASSIGN_OR_RETURN(const PlacementChoice choice, Choose(*free));
    if (choice.allowance == 0 && choice.calls.empty())
      return MissAll(Exhausted("no call of any location is left"), "budget");
    return Call(budget, choice);
  }

  /// The whole of what was wanted is missing.
  Status MissAll(const Error& error, std::string_view reason) {
    if (error.code == Code::kCancelled) return error;
    for (auto& [pair, state] : pairs_) state.reason = reason;
    failure_ = error.message;
    return {};
  }

  /// Locations are buckets. They are asked for by the first run of a day.
  Status FindLocations(CallBudget& budget, const std::vector<std::string>& digests) {
    if (!turn_.first && !state_.locations.empty()) return {};
    const PlacementCall sample{
        0, digests.front(), {wanted_.pairs.front().region}, {wanted_.pairs.front().sku}};
    auto locations = AskPlacementLocations(*input_.transport, budget, sample, client_, context_);
    ++report_.counts["location_requests"];
    if (locations.ok()) {
      patch_.locations = state_.locations = *std::move(locations);
      return {};
    }
    if (locations.error().code == Code::kCancelled) return locations.status();
    const bool stored = !state_.locations.empty();
    report_.notes.push_back(fmt::format("locations could not be asked for ({}); {} are used",
                                        locations.error().message,
                                        stored ? "those of an earlier day" : "the wanted regions"));
    if (stored) return {};
    for (const CoverPair& pair : wanted_.pairs) {
      std::string location = ToLower(pair.region);
      if (state_.locations.empty() || state_.locations.back() != location)
        state_.locations.push_back(std::move(location));
    }
    return {};
  }

  Status MakePlan(const std::vector<std::string>& digests) {
    std::vector<transforms::PlannedCall> stored;
    if (input_.head_table) {
      ASSIGN_OR_RETURN(const auto table, input_.head_table("plan"), "published plan");
      if (table) {
        ASSIGN_OR_RETURN(stored, ReadPlanTable(*table));
      }
    }
    ASSIGN_OR_RETURN(plan_, MakePlacementPlan(wanted_, turn_, digests, state_.sticky, stored));
    patch_.sticky = plan_.sticky;
    report_.counts["plan.calls"] = static_cast<int64_t>(plan_.calls.size());
    report_.counts["plan.bound"] = plan_.bounds.best();
    return {};
  }

  /// What a run of this slot that died was told is used, whatever the budget has left.
  Status FindEarlier() {
    for (size_t number = 0; number < plan_.calls.size(); ++number) {
      const transforms::PlannedCall& planned = plan_.calls[number];
      calls_.push_back({static_cast<int32_t>(number), planned.subscription, planned.call.regions,
                        planned.call.skus});
    }
    if (input_.refresh_mode == RefreshMode::kAll) return {};
    const auto earlier = FindEarlierPlacement(*input_.transport, calls_, client_, context_);
    if (!earlier.ok()) {
      if (earlier.error().code == Code::kCancelled) return earlier.status();
      report_.notes.push_back("answers of earlier runs are not used: " + earlier.error().message);
      return {};
    }
    client_.earlier = !earlier->runs.empty();
    earlier_runs_ = earlier->runs;
    for (const std::string& problem : earlier->problems)
      report_.notes.push_back("answers of an earlier run are not used: " + problem);
    return {};
  }

  /// The part of the plan that earlier answers do not serve; `numbers`: those of its calls.
  PlacementPlan NotAnsweredEarlier(std::vector<int32_t>& numbers) const {
    PlacementPlan rest;
    rest.subscription = plan_.subscription;
    for (const PlacementCall& call : calls_) {
      if (call.earlier.empty()) {
        numbers.push_back(call.number);
        rest.calls.push_back(plan_.calls[static_cast<size_t>(call.number)]);
        continue;
      }
      for (const std::string& region : call.regions) {
        for (const std::string& sku : call.skus) {
          const auto served = rest.subscription.find({region, sku});
          if (served != rest.subscription.end() && served->second == call.subscription)
            rest.subscription.erase(served);
        }
      }
    }
    return rest;
  }

  Result<PlacementChoice> Choose(const std::map<std::string, int64_t>& free) {
    std::vector<int32_t> numbers;
    const PlacementPlan rest = NotAnsweredEarlier(numbers);
    PlacementChoice choice = ChoosePlacementCalls(rest, free, settings_.max_calls, {});
    if (!choice.enough && choice.allowance > 0 && input_.head_table) {
      // How old a score is matters only now.
      ASSIGN_OR_RETURN(const auto snapshot, input_.head_table("snapshot"), "published snapshot");
      if (snapshot) {
        ASSIGN_OR_RETURN(const auto scored_at, ReadScoredAt(*snapshot));
        choice = ChoosePlacementCalls(rest, free, settings_.max_calls, scored_at);
      }
    }
    std::vector<int32_t> calls;
    for (const PlacementCall& call : calls_) {
      if (!call.earlier.empty()) calls.push_back(call.number);
    }
    for (const int32_t number : choice.calls) calls.push_back(numbers[static_cast<size_t>(number)]);
    choice.calls = std::move(calls);
    report_.counts["allowance"] = choice.allowance;
    if (!choice.left_out.empty()) {
      report_.notes.push_back(fmt::format("{} pairs are left out: {} of {} planned calls are made",
                                          FormatCount(static_cast<int64_t>(choice.left_out.size())),
                                          choice.calls.size(), plan_.calls.size()));
    }
    return choice;
  }

  Status Call(CallBudget& budget, const PlacementChoice& choice) {
    std::vector<PlacementCall> calls;
    std::map<std::string, int64_t> announced;
    for (const int32_t number : choice.calls) {
      calls.push_back(calls_[static_cast<size_t>(number)]);
      if (calls.back().earlier.empty()) ++announced[calls.back().subscription];
    }
    RETURN_IF_ERROR(budget.Announce(announced));
    ASSIGN_OR_RETURN(PlacementOutcome outcome,
                     AskPlacement(*input_.transport, budget, calls, client_, context_));
    report_.calls = outcome.requests;
    report_.bytes = outcome.bytes;
    ReportRecalled(outcome.recalled);
    Take(calls, outcome);
    for (const CoverPair& pair : choice.left_out) {
      PairState& state = pairs_.at(pair);
      if (choice.allowance == 0) {
        if (state.reason.empty()) state.reason = "budget";
      } else {
        state.left_out = !state.answered && !state.excluded;
      }
    }
    return {};
  }

  void ReportRecalled(int64_t answers) {
    if (answers == 0) return;
    report_.counts["recalled"] = answers;
    report_.notes.push_back(
        fmt::format("{} answers that an earlier run of the slot had when it died ({}) are used; "
                    "they are not asked for again",
                    FormatCount(answers), fmt::join(earlier_runs_, ", ")));
  }

  /// Sort out what the calls gave, in order of their numbers.
  void Take(const std::vector<PlacementCall>& calls, PlacementOutcome& outcome) {
    std::vector<size_t> order(calls.size());
    for (size_t at = 0; at < order.size(); ++at) order[at] = at;
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return calls[a].number < calls[b].number; });
    for (const size_t at : order) {
      TakeResult(calls[at], outcome.results[at]);
      if (failure_.empty() && !outcome.results[at].detail.empty())
        failure_ = outcome.results[at].detail;
    }
    const Time until = input_.slot + settings_.invalid_ttl;
    for (const std::string& region : outcome.invalid_regions)
      patch_.invalid_regions[region] = until;
    for (const std::string& sku : outcome.invalid_skus) patch_.invalid_skus[sku] = until;
    for (auto& [pair, state] : pairs_) {
      state.excluded = !state.answered && (patch_.invalid_regions.contains(ToLower(pair.region)) ||
                                           patch_.invalid_skus.contains(ToLower(pair.sku)));
    }
    if (!outcome.invalid_regions.empty() || !outcome.invalid_skus.empty()) {
      report_.notes.push_back(
          fmt::format("invalid for the service, not asked again before {}: regions [{}], SKUs [{}]",
                      FormatTime(until), fmt::join(outcome.invalid_regions, ", "),
                      fmt::join(outcome.invalid_skus, ", ")));
    }
  }

  void TakeResult(const PlacementCall& call, PlacementResult& result) {
    patch_.consumed = patch_.consumed || result.reply || result.refused ||
                      (result.reason.empty() && result.asked);
    const bool kept = result.reply.has_value();
    if (kept) {
      const Time at = result.reply->asked_at;
      if (!report_.oldest_fact || at < *report_.oldest_fact) report_.oldest_fact = at;
      if (!report_.newest_fact || at > *report_.newest_fact) report_.newest_fact = at;
    }
    ReplyGrid grid;
    if (kept) grid = SortReply(*result.reply);
    report_.counts["cells.foreign"] += grid.foreign;
    report_.counts["cells.repeated"] += grid.repeated;
    for (const std::string& region : call.regions) {
      for (const std::string& sku : call.skus) {
        const auto cells = grid.cells.find({region, sku});
        PairState* state = Wanted({region, sku}, call.subscription);
        if (state != nullptr)
          Settle(*state, result, cells == grid.cells.end() ? nullptr : &cells->second);
        if (cells == grid.cells.end()) continue;
        for (PlacementCell& cell : cells->second)
          AddCell(call, *result.reply, {region, sku}, std::move(cell), state != nullptr);
      }
    }
  }

  /// The state of a pair that is scored through this subscription; null: nobody waits for it.
  PairState* Wanted(const CoverPair& pair, const std::string& subscription) {
    const auto found = pairs_.find(pair);
    if (found == pairs_.end() || plan_.subscription.at(pair) != subscription) return nullptr;
    return &found->second;
  }

  static void Settle(PairState& state, const PlacementResult& result,
                     const std::vector<PlacementCell>* cells) {
    state.asked = state.asked || result.asked;
    if (cells != nullptr) {
      state.answered = true;
      state.scored =
          state.scored || std::any_of(cells->begin(), cells->end(),
                                      [](const auto& cell) { return cell.score.has_value(); });
    } else if (state.reason.empty()) {
      state.reason = result.reply ? "no_answer" : result.reason;
    }
  }

  void AddCell(const PlacementCall& call, const PlacementReply& reply, const CoverPair& pair,
               PlacementCell cell, bool wanted) {
    ++report_.counts["cells"];
    if (!wanted) ++report_.counts["cells.not_wanted"];
    if (!cell.score) {
      const std::string text = ToLower(cell.text.value_or(""));
      ++report_.counts[text == "datanotfoundorstale"         ? "scores.no_data"
                       : text == "restrictedskunotavailable" ? "scores.restricted"
                                                             : "scores.unknown_text"];
    }
    PlacementRow row;
    row.sku = pair.sku;
    row.region = pair.region;
    row.zone = std::move(cell.zone);
    row.score = cell.score;
    row.score_text = std::move(cell.text);
    row.quota_available = cell.quota_available;
    row.wanted = wanted;
    row.call = call.number;
    row.subscription = call.subscription;
    row.call_id = reply.call_id;
    row.asked_at = reply.asked_at;
    rows_.push_back(std::move(row));
  }

  Result<SourceResult> Finish() {
    ReportCoverage();
    SourceResult result;
    SortPlacementRows(rows_);
    ASSIGN_OR_RETURN(result.tables[""], MakeAnswerTable(rows_, turn_.count));
    ASSIGN_OR_RETURN(result.tables["scores"], MakeScoresTable(rows_, turn_.count, input_.slot));
    if (patch_.consumed && (plan_.anew || plan_.changed)) {
      ASSIGN_OR_RETURN(result.tables["plan"], MakePlanTable(plan_.calls));
      patch_.plan = PlanFacts(plan_, input_.slot);
    }
    report_.counts["calls"] = report_.calls;
    report_.counts["desired_count"] = turn_.count;
    report_.state_patch = ToJson(patch_);
    result.report = std::move(report_);
    return result;
  }

  CoverageRow& RowOf(std::map<std::string, CoverageRow>& rows, const std::string& region) const {
    CoverageRow& row = rows[region];
    row.source = input_.task;
    row.region = region;
    row.desired_count = turn_.count;
    row.unit = "pair";
    return row;
  }

  void ReportCoverage() {
    std::map<std::string, CoverageRow> rows;
    std::map<std::string, int64_t> missing;
    int64_t answered = 0, expected = 0;
    for (const auto& [region, pairs] : wanted_.excluded_invalid)
      RowOf(rows, region).excluded_invalid += pairs;
    for (const auto& [pair, state] : pairs_) {
      CoverageRow& row = RowOf(rows, pair.region);
      row.asked += state.asked;
      if (state.excluded) {
        ++row.excluded_invalid;
        continue;
      }
      ++row.expected;
      ++expected;
      if (state.answered) {
        ++row.answered;
        ++answered;
        row.scored += state.scored;
      } else if (state.left_out) {
        ++row.left_out;
      } else {
        const std::string reason = state.reason.empty() ? "failed" : state.reason;
        ++row.missing[reason];
        ++missing[reason];
      }
    }
    for (auto& [region, row] : rows) report_.coverage.push_back(std::move(row));
    for (const auto& [reason, pairs] : missing)
      report_.gaps.push_back({input_.task, reason, pairs, GapText(reason, pairs, expected)});
    if (missing.empty()) return;
    report_.state = answered > 0 ? SourceState::kPartial : SourceState::kUnavailable;
    report_.reason = fmt::format("{} of {} pairs answered{}{}", FormatCount(answered),
                                 FormatCount(expected), failure_.empty() ? "" : ": ", failure_);
    if (answered > 0) return;
    const auto most =
        std::max_element(missing.begin(), missing.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    report_.error_code = CodeName(CodeOfReason(most->first));
  }

  std::string GapText(const std::string& reason, int64_t pairs, int64_t expected) const {
    return fmt::format("{} of {} pairs for {} machine{}: {}", FormatCount(pairs),
                       FormatCount(expected), turn_.count, turn_.count == 1 ? "" : "s", reason);
  }

  const SourceInput& input_;
  const PlacementSettings& settings_;
  const OpContext& context_;
  PlacementOptions client_;
  PlacementState state_;
  PlacementTurn turn_;
  WantedPairs wanted_;
  PlacementPlan plan_;
  std::vector<PlacementCall> calls_;  // of the plan, by number
  std::vector<std::string> earlier_runs_;
  PlacementPatch patch_;
  std::map<CoverPair, PairState> pairs_;
  std::vector<PlacementRow> rows_;
  std::string failure_;
  SourceReport report_;
};

class ScoresSource final : public Source {
 public:
  Result<SourceResult> Collect(const SourceInput& input, const OpContext& context) override {
    ASSIGN_OR_RETURN(const PlacementSettings settings,
                     ReadPlacementSettings(input.parameters, input.task));
    return Collection(input, settings, context).Run();
  }
};

}  // namespace

SourceEntry PlacementScores() {
  SourceEntry entry;
  entry.info = {
      .kind = "azure.placement_scores",
      .help = "Spot Placement Scores of Azure's VM sizes, for one count of machines a run",
      .parameters = {{"zones", "bool", false, "ask for a score of each zone; true"},
                     {"counts", "list", false,
                      "numbers of machines, one a run in turn; 1, 5, 10 … 50"},
                     {"regions", "list", false, "globs on the region code; all"},
                     {"exclude_regions", "list", false, "globs of regions that are not asked"},
                     {"placement_in_flight", "int", false, "requests at once; 16"},
                     {"max_calls", "int", false, "ceiling on the calls of one run; none"},
                     {"invalid_ttl", "duration", false,
                      "how long a value that the service refuses is not asked again; 7d"},
                     {"collect_deadline", "duration", false,
                      "no request leaves so long after the run's start; 7m"},
                     {"bucket_window", "duration", false,
                      "how long a bucket rests that is spent for an unknown time; 62m"},
                     {"identity", "text", false, "name of the identity in catchment.yaml; azure"},
                     {"bootstrap_metadata", "text", false,
                      "an earlier collector's sps_metadata.yaml, read while there is no publish"},
                     {"endpoints", "map", false, "management: base URL of the resource manager"}},
      .outputs = {"plan", "scores"},
      .units = {},
      .looks_back = false,
      .needs_identity = true,
  };
  entry.make = [] { return std::make_unique<ScoresSource>(); };
  entry.columns = [](const SourceInput&) -> Result<TableColumns> {
    ASSIGN_OR_RETURN(const columnar::Table answers, MakeAnswerTable({}, 1));
    ASSIGN_OR_RETURN(const columnar::Table scores, MakeScoresTable({}, 1, Time{}));
    ASSIGN_OR_RETURN(const columnar::Table plan, MakePlanTable({}));
    return TableColumns{
        {"", answers.schema()}, {"scores", scores.schema()}, {"plan", plan.schema()}};
  };
  entry.fold_state = FoldPlacementState;
  return entry;
}

}  // namespace catchment::sources::azure
