#include "sources/cmr/cmr_client.h"

#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "net/url.h"
#include "sources/earlier_answers.h"

namespace catchment::sources::cmr {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

constexpr std::chrono::seconds kLongestRetryAfter{300};
/// How old an answer may be that a run which died was given.
constexpr auto kEarlierLife = 24h;

std::string CmrTime(Time time) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(milliseconds);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{milliseconds - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::string CountWord(int count) {
  constexpr std::array<std::string_view, 7> kWords = {
      "", "once", "twice", "three times", "four times", "five times", "six times"};
  if (count > 0 && count < static_cast<int>(kWords.size()))
    return std::string(kWords[static_cast<size_t>(count)]);
  return fmt::format("{} times", count);
}

/// `{"errors":["…"]}`
std::string RefusalText(const net::Response& response) {
  const nlohmann::json body =
      nlohmann::json::parse(response.body.substr(0, 64 << 10), nullptr, false);
  if (!body.is_object()) return "";
  std::string text;
  const auto errors = body.find("errors");
  if (errors == body.end() || !errors->is_array()) return "";
  for (const nlohmann::json& error : *errors) {
    if (!error.is_string()) continue;
    text += (text.empty() ? "" : "; ") + error.get<std::string>().substr(0, 500);
  }
  return text;
}

bool IsTrue(const net::Response& response, std::string_view header) {
  return ToLower(response.headers.Get(header)) == "true";
}

}  // namespace

CmrClient::CmrClient(net::Transport& transport, CmrOptions options)
    : transport_(transport), options_(std::move(options)) {}

int64_t CmrClient::calls() const {
  MutexLock lock(mutex_);
  return calls_;
}
int64_t CmrClient::bytes() const {
  MutexLock lock(mutex_);
  return bytes_;
}
int64_t CmrClient::reused() const {
  MutexLock lock(mutex_);
  return reused_;
}

net::Request CmrClient::PageRequest(const CmrWindow& window, int page_size,
                                    std::string_view after) const {
  net::QueryBuilder query(",:");
  query.Add("collection_concept_id[]", options_.concept_id);
  if (!options_.bounding_box.empty()) query.Add("bounding_box", options_.bounding_box);
  query.Add("temporal[]", CmrTime(window.from) + "," + CmrTime(window.to));
  if (window.updated_since) query.Add("updated_since", CmrTime(*window.updated_since));
  query.Add("page_size", fmt::to_string(page_size));
  net::Request request;
  request.url = options_.base_url + "/search/granules.json?" + query.text();
  request.service = "cmr";
  request.headers = {{"Accept-Encoding", "gzip"}, {"Client-Id", "catchment/" CATCHMENT_VERSION}};
  if (!after.empty()) request.headers.Add("CMR-Search-After", std::string(after));
  request.timeout = 200s;
  request.connect_timeout = 10s;
  request.max_bytes = uint64_t{64} << 20;
  request.max_ratio = 200;
  return request;
}

bool CmrClient::MayRetry() {
  MutexLock lock(mutex_);
  if (retries_ >= options_.free_retries + calls_ / 5) return false;
  ++retries_;
  return true;
}

Result<std::vector<std::string>> CmrClient::LookForEarlier(const OpContext& context) {
  ASSIGN_OR_RETURN(const EarlierAnswers earlier,
                   AskEarlier(transport_, options_.task, {}, kEarlierLife, context));
  MutexLock lock(mutex_);
  earlier_ = !earlier.runs.empty();
  return earlier.problems;
}

/// The answer that a run which died was given; kNotFound: it was not.
Result<net::Response> CmrClient::Recall(const net::Request& request, const OpContext& context) {
  {
    MutexLock lock(mutex_);
    if (!earlier_) return NotFound("no run of the slot died");
  }
  ASSIGN_OR_RETURN(
      const EarlierAnswers earlier,
      AskEarlier(transport_, options_.task, {{"page", request}}, kEarlierLife, context));
  if (!earlier.found.contains("page")) return NotFound("no such answer");
  net::Request marked = request;
  MarkEarlier(marked, options_.task);
  return transport_.Send(marked, context);
}

Result<CmrClient::Page> CmrClient::Read(const net::Request& request, net::Response response) {
  const std::string* hits = response.headers.Find("cmr-hits");
  Page page;
  page.timed_out = IsTrue(response, "CMR-Time-Out") || IsTrue(response, "CMR-Timed-Out");
  page.received = response.received;
  page.next = response.headers.Get("cmr-search-after");
  if (page.timed_out) return page;
  if (hits == nullptr) return Unavailable("{}: the answer has no CMR-Hits", request.Name());
  const auto [end, error] = std::from_chars(hits->data(), hits->data() + hits->size(), page.hits);
  if (error != std::errc() || end != hits->data() + hits->size() || page.hits < 0)
    return Unavailable("{}: CMR-Hits is '{}'", request.Name(), hits->substr(0, 60));
  MutexLock lock(parse_mutex_);
  Result<std::vector<CmrEntry>> entries = parser_.Parse(response.body);
  if (!entries.ok())
    return Unavailable("{}: the page cannot be read: {}", request.Name(), entries.error().message);
  page.entries = *std::move(entries);
  return page;
}

Result<CmrClient::Page> CmrClient::Ask(const net::Request& request, bool use_earlier,
                                       const OpContext& context) {
  if (use_earlier) {
    Result<net::Response> recalled = Recall(request, context);
    if (recalled.ok() && recalled->status == 200) {
      Result<Page> page = Read(request, *std::move(recalled));
      if (page.ok()) {
        MutexLock lock(mutex_);
        ++reused_;
        return page;
      }
    }
  }
  constexpr net::RetryPolicy kPolicy{.tries = 6, .first = 1s, .factor = 2, .cap = 16s};
  net::Jitter jitter = options_.jitter ? options_.jitter : net::RandomJitter();
  int tries = 0, last_status = 0;
  bool spent = false;
  Result<Page> outcome = net::Retry(
      kPolicy, context,
      [&]() -> Result<Page> {
        ++tries;
        {
          MutexLock lock(mutex_);
          ++calls_;
        }
        Result<net::Response> response = transport_.Send(request, context);
        last_status = response.ok() ? response->status : 0;
        Status status;
        if (response.ok()) {
          MutexLock lock(mutex_);
          bytes_ += static_cast<int64_t>(response->body.size());
        }
        if (response.ok() && (response->status == 400 || response->status == 413)) {
          const std::string text = RefusalText(*response);
          return Invalid("CMR refused the query with {}: {}", response->status,
                         text.empty() ? "no reason was given" : text);
        }
        status = response.ok() ? net::StatusFromResponse(request, *response) : response.status();
        if (status.ok()) {
          Result<Page> page = Read(request, *std::move(response));
          if (page.ok()) return page;
          last_status = 0;
          status = page.status();
        }
        Error error = status.error();
        if (error.code == Code::kCorrupt) error.code = Code::kUnavailable;  // of no use, but live
        if (error.code != Code::kUnavailable) return error;
        if (error.retry_after) error.retry_after = std::min(*error.retry_after, kLongestRetryAfter);
        if (tries < kPolicy.tries && !MayRetry()) {
          spent = true;
          error.code = Code::kExhausted;
        }
        return error;
      },
      std::move(jitter));
  if (outcome.ok()) return outcome;
  Error error = outcome.error();
  if (spent) error.code = Code::kUnavailable;
  if (error.code != Code::kUnavailable) return error;
  if (last_status != 0) {
    error.message = fmt::format("CMR answered {} {}", last_status, CountWord(tries));
  } else {
    error.message =
        fmt::format("CMR gave no good answer, asked {}: {}", CountWord(tries), error.message);
  }
  if (spent) error.message += "; the run's retries are used up";
  error.retry_after.reset();
  return error;
}

Result<CmrListing> CmrClient::List(const CmrWindow& window, int page_size, bool use_earlier,
                                   const OpContext& context) {
  CmrListing listing;
  std::unordered_map<std::string, size_t> known;
  std::unordered_set<std::string> tokens;
  std::string after;
  for (int number = 0; number < options_.most_pages; ++number) {
    ASSIGN_OR_RETURN(Page page, Ask(PageRequest(window, page_size, after), use_earlier, context));
    if (number == 0) listing.asked_at = page.received;
    if (page.timed_out) {
      listing.timed_out = true;
      return listing;
    }
    listing.hits = page.hits;
    const auto size = static_cast<int>(page.entries.size());
    for (CmrEntry& entry : page.entries) {
      const auto [place, added] = known.try_emplace(entry.concept_id, listing.entries.size());
      if (added) {
        listing.entries.push_back(std::move(entry));
        continue;
      }
      ++listing.repeats;
      CmrEntry& kept = listing.entries[place->second];
      if (entry.updated > kept.updated) kept = std::move(entry);
    }
    if (page.next.empty()) return listing;
    const auto distinct = static_cast<int64_t>(listing.entries.size());
    if (size < page_size && distinct == listing.hits) return listing;
    if (!tokens.insert(page.next).second)
      return Corrupt("CMR gave the paging token of page {} again", number + 1);
    after = std::move(page.next);
  }
  return Corrupt("CMR's pages do not end after {}", options_.most_pages);
}

Result<int64_t> CmrClient::Hits(const CmrWindow& window, const OpContext& context) {
  ASSIGN_OR_RETURN(const Page page, Ask(PageRequest(window, 1, ""), false, context));
  if (page.timed_out) return Unavailable("CMR had no time to count");
  return page.hits;
}

Result<std::string> CanonicalBox(std::string_view text) {
  std::string spaced(Trim(text));
  for (char& c : spaced) {
    if (c == ' ' || c == '/' || c == ':' || c == ';') c = ',';
  }
  std::vector<double> numbers;
  bool good = true;
  for (const std::string& part : Split(spaced, ',')) {
    if (part.empty()) continue;  // ", " has two separators
    double number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    good &= error == std::errc() && end == part.data() + part.size();
    numbers.push_back(number);
  }
  good &= numbers.size() == 4;
  good = good && std::abs(numbers[0]) <= 180 && std::abs(numbers[2]) <= 180 && numbers[1] >= -90 &&
         numbers[3] <= 90 && numbers[1] < numbers[3];
  if (!good) {
    return Invalid(
        "'{}': expected W,S,E,N in degrees with -180 <= W,E <= 180 and -90 <= S < N <= 90, e.g. "
        "-124.7,32.5,-114.1,42.0",
        text.substr(0, 100));
  }
  return fmt::format("{},{},{},{}", numbers[0], numbers[1], numbers[2], numbers[3]);
}

}  // namespace catchment::sources::cmr
