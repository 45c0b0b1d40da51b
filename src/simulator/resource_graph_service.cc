#include "simulator/resource_graph_service_internal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "simulator/responses_internal.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;

constexpr std::array kBands = {"0-5", "5-10", "10-15", "15-20", "20+"};
constexpr std::string_view kTokenPrefix = "simulated-page-";

std::string RenderRow(std::string_view location, std::string_view sku, std::string_view band) {
  ordered_json row;
  row["location"] = location;
  row["skuName"] = sku;
  row["evictionRate"] = band;
  return RenderRecord(row);
}

RecordList MakeRows(const std::vector<std::pair<std::string, std::string>>& pairs, double coverage,
                    uint64_t seed) {
  RecordList list;
  for (const auto& [spelled_region, spelled_sku] : pairs) {  // already in the query's order
    const std::string region = ToLower(spelled_region), sku = ToLower(spelled_sku);
    const std::string key = region + "/" + sku;
    if (SeededShare(seed, key + "/known") >= coverage) continue;
    list.Add(RenderRow(region, sku, kBands[SeededHash(seed, key + "/band") % kBands.size()]));
  }
  return list;
}

Result<RecordList> ReadRows(const std::filesystem::path& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadDataFile(file));
  RecordList list;
  RETURN_IF_ERROR(ForEachLine(file, text, [&](std::string_view line) -> Status {
    const ordered_json row = ordered_json::parse(line, nullptr, false);
    if (!row.is_object()) return Corrupt("expected {{location, skuName, evictionRate}}");
    list.Add(RenderRecord(row));
    return {};
  }));
  return list;
}

struct GraphQuery {
  std::string problem;  // empty: understood
  int64_t top = 1000;
  int64_t offset = 0;
};

GraphQuery ReadGraphQuery(const std::string& body) {
  GraphQuery query;
  const auto refuse = [&](std::string_view problem) {
    query.problem = problem;
    return query;
  };
  const ordered_json document = ordered_json::parse(body, nullptr, false);
  if (!document.is_object()) return refuse("the body is no JSON object");
  if (!document.contains("query") || !document["query"].is_string()) {
    return refuse("'query' is missing");
  }
  const std::string text = ToLower(document["query"].get<std::string>());
  if (text.find("spotresources") == std::string::npos ||
      text.find("microsoft.compute/skuspotevictionrate/location") == std::string::npos) {
    return refuse("the simulated world answers the query for spot eviction rates only");
  }
  if (!document.contains("options")) return query;
  const ordered_json& options = document["options"];
  if (!options.is_object()) return refuse("'options' is no object");
  if (options.contains("resultFormat") && options["resultFormat"] != "objectArray") {
    return refuse("the simulated world gives resultFormat 'objectArray' only");
  }
  if (options.contains("$top")) {
    if (!options["$top"].is_number_integer()) return refuse("'$top' is no whole number");
    query.top = options["$top"].get<int64_t>();
    if (query.top < 1 || query.top > 1000) return refuse("'$top' must be 1 to 1000");
  }
  const ordered_json token = options.value("$skipToken", ordered_json());
  if (token.is_null() || token == "") return query;
  const std::string token_text = token.is_string() ? token.get<std::string>() : "";
  const std::string_view number =
      std::string_view(token_text).substr(std::min(kTokenPrefix.size(), token_text.size()));
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), query.offset);
  if (!token_text.starts_with(kTokenPrefix) || error != std::errc() ||
      end != number.data() + number.size() || query.offset < 0) {
    return refuse("'$skipToken' is not one of ours");
  }
  return query;
}

}  // namespace

ResourceGraphService::ResourceGraphService(const ResourceGraphWorld& world, RecordList records,
                                           TokenStore& tokens)
    : records_(std::move(records)),
      page_size_(world.page_size),
      queries_(world.queries),
      window_(world.window),
      tokens_(tokens) {}

Result<std::unique_ptr<ResourceGraphService>> ResourceGraphService::Load(
    const ResourceGraphWorld& world, uint64_t seed,
    const std::vector<std::pair<std::string, std::string>>& pairs, TokenStore& tokens) {
  RecordList records;
  if (world.rows.empty()) {
    records = MakeRows(pairs, world.coverage, seed);
  } else {
    ASSIGN_OR_RETURN(records, ReadRows(world.rows), "services.resource_graph.data");
  }
  RETURN_IF_ERROR(records.Apply(world.changes, "services.resource_graph"));
  return std::unique_ptr<ResourceGraphService>(
      new ResourceGraphService(world, std::move(records), tokens));
}

FaultSubject ResourceGraphService::Describe(const HttpRequest& request) const {
  return {request.path, request.target, ReadGraphQuery(request.body).offset, ""};
}

ServiceAnswer ResourceGraphService::Answer(const HttpRequest& request, const ActiveFaults& active,
                                           Time now) {
  std::string client;
  const TokenStore::State state = tokens_.Check(request, now, client);
  if (state != TokenStore::State::kValid) return {RefuseToken(state), ""};
  if (request.method != "POST") {
    return {AzureError(405, "MethodNotAllowed", "expected POST"), client};
  }
  if (request.query.find("api-version=") == std::string::npos) {
    return {AzureError(400, "MissingApiVersionParameter",
                       "The api-version query parameter is required"),
            client};
  }
  HttpResponse quota;
  if (!TakeQuota(client, now, active, quota)) return {std::move(quota), client};
  const GraphQuery query = ReadGraphQuery(request.body);
  HttpResponse response = query.problem.empty() ? Page(Rows(active, now), query.offset,
                                                       std::min(query.top, page_size_), active)
                                                : AzureError(400, "BadRequest", query.problem);
  response.headers.insert(response.headers.end(), quota.headers.begin(), quota.headers.end());
  return {std::move(response), client};
}

bool ResourceGraphService::TakeQuota(const std::string& client, Time now,
                                     const ActiveFaults& active, HttpResponse& response) {
  const MutexLock lock(mutex_);
  Quota& quota = quotas_[client];
  const auto really = std::chrono::steady_clock::now();
  // A query leaves the window when its time has passed on either clock.
  while (!quota.taken.empty() &&
         (now - quota.taken.front() >= window_ || really - quota.taken_really.front() >= window_)) {
    quota.taken.pop_front();
    quota.taken_really.pop_front();
  }
  const auto used = static_cast<int64_t>(quota.taken.size());
  const bool allowed = used < queries_;
  if (allowed) {
    quota.taken.push_back(now);
    quota.taken_really.push_back(really);
  }
  int64_t left = std::max<int64_t>(0, queries_ - used - 1);
  if (active.Find("quota_used_up") != nullptr) left = 0;
  const auto wait = std::chrono::ceil<std::chrono::seconds>(window_).count();
  response.headers.emplace_back("x-ms-user-quota-remaining", std::to_string(left));
  response.headers.emplace_back(
      "x-ms-user-quota-resets-after",
      fmt::format("{:02}:{:02}:{:02}", wait / 3600, wait / 60 % 60, wait % 60));
  if (allowed) return true;
  HttpResponse refusal =
      AzureError(429, "RateLimiting",
                 "Client application has been throttled and should not attempt to repeat");
  refusal.headers = response.headers;
  refusal.headers.emplace_back("Retry-After", std::to_string(wait));
  response = std::move(refusal);
  return false;
}

// The rows in force, with what the faults that were ever hit added to them.
std::vector<std::string> ResourceGraphService::Rows(const ActiveFaults& active, Time now) {
  std::vector<std::string> rows;
  for (const uint32_t index : records_.epoch(records_.EpochAt(now)).order) {
    rows.emplace_back(records_.Record(index));
  }
  const MutexLock lock(mutex_);
  for (const Fault* fault : active.faults) {
    const bool alters = fault->answer == "repeat_rows" || fault->answer == "contradict_rows" ||
                        fault->answer == "unknown_band";
    if (alters &&
        std::find(alterations_.begin(), alterations_.end(), fault) == alterations_.end()) {
      alterations_.push_back(fault);
    }
  }
  for (const Fault* fault : alterations_) {
    const auto total = static_cast<int64_t>(rows.size());
    for (int64_t i = std::min(fault->at, total); i < std::min(total, fault->at + fault->count);
         ++i) {
      ordered_json row = ordered_json::parse(rows[static_cast<size_t>(i)]);
      if (fault->answer == "unknown_band") {
        row["evictionRate"] = fault->body.value_or("25-30");
        rows[static_cast<size_t>(i)] = RenderRecord(row);
        continue;
      }
      if (fault->answer == "contradict_rows") {
        row["evictionRate"] = row["evictionRate"] == "20+" ? "0-5" : "20+";
      }
      rows.push_back(RenderRecord(row));
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [](const std::string& a, const std::string& b) {
    const auto key = [](std::string_view row) {
      return std::pair(FieldText(row, "location"), FieldText(row, "skuName"));
    };
    return key(a) < key(b);
  });
  return rows;
}

HttpResponse ResourceGraphService::Page(const std::vector<std::string>& rows, int64_t offset,
                                        int64_t size, const ActiveFaults& active) const {
  const auto total = static_cast<int64_t>(rows.size());
  const int64_t first = std::min(offset, total);
  int64_t last = std::min(total, first + size);
  const bool more = last < total;
  const int64_t next = active.Find("token_loop") != nullptr ? offset : last;
  const bool empty = active.Find("empty_page") != nullptr;
  if (empty) last = first;
  std::string data;
  for (int64_t i = first; i < last; ++i) {
    data += (data.empty() ? "" : ",") + rows[static_cast<size_t>(i)];
  }
  HttpResponse response;
  response.body = fmt::format("{{\"totalRecords\":{},\"count\":{},", total, last - first);
  if (active.Find("no_data") == nullptr) response.body += fmt::format("\"data\":[{}],", data);
  const bool loops = active.Find("token_loop") != nullptr || empty;
  const bool truncated = more || loops || active.Find("no_token") != nullptr;
  response.body +=
      fmt::format("\"facets\":[],\"resultTruncated\":\"{}\"", truncated ? "true" : "false");
  if ((more || loops) && active.Find("no_token") == nullptr) {
    response.body += fmt::format(",\"$skipToken\":\"{}{}\"", kTokenPrefix, next);
  }
  response.body += "}";
  return response;
}

}  // namespace catchment::simulator
