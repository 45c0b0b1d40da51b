#include "simulator/request_counts_internal.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace catchment::simulator {

void RequestCounts::Counted::Add(int status) {
  ++requests;
  ok += status == 200 ? 1 : 0;
  not_modified += status == 304 ? 1 : 0;
  failed += status == 0 || status >= 400 ? 1 : 0;
  last_status = status;
}

std::string RequestCounts::Counted::Fields() const {
  return fmt::format(R"("requests":{},"ok":{},"not_modified":{},"failed":{},"last_status":{})",
                     requests, ok, not_modified, failed, last_status);
}

void RequestCounts::Begin(bool items) {
  const MutexLock lock(mutex_);
  Sums& sums = items ? fetches_ : searches_;
  sums.most_in_flight = std::max(sums.most_in_flight, ++sums.in_flight);
}

void RequestCounts::End(bool items, const std::string& key, int status) {
  const MutexLock lock(mutex_);
  Sums& sums = items ? fetches_ : searches_;
  --sums.in_flight;
  sums.counted.Add(status);
  (items ? by_item_[key] : by_search_[key]).Add(status);
}

std::string RequestCounts::Summary() const {
  std::string text = fmt::format(
      R"({{"cmr":{{{},"most_in_flight":{}}},"lpdaac":{{{},"most_in_flight":{},"items":{}}},)"
      R"("searches":[)",
      searches_.counted.Fields(), searches_.most_in_flight, fetches_.counted.Fields(),
      fetches_.most_in_flight, by_item_.size());
  for (const auto& [key, counted] : by_search_) {
    const std::vector<std::string> parts = Split(key, ' ');
    // What is not one of our words has come from outside.
    const auto plain = [](std::string part) {
      std::replace_if(
          part.begin(), part.end(),
          [](char c) { return c < ' ' || c == '"' || c == '\\' || c > '~'; }, '?');
      return part;
    };
    text += fmt::format(R"({}{{"collection":"{}","day":"{}","kind":"{}",{}}})",
                        text.back() == '[' ? "" : ",", plain(parts[0]), plain(parts.at(1)),
                        plain(parts.back()), counted.Fields());
  }
  return text + "]}\n";
}

std::string RequestCounts::Items(int64_t least) const {
  std::vector<const std::pair<const std::string, Counted>*> found;
  for (const auto& entry : by_item_) {
    if (entry.second.requests >= least) found.push_back(&entry);
  }
  std::sort(found.begin(), found.end(),
            [](const auto* a, const auto* b) { return a->first < b->first; });
  std::string text;
  for (const auto* entry : found) {
    text += fmt::format("{{\"item\":\"{}\",{}}}\n", entry->first, entry->second.Fields());
  }
  return text;
}

HttpResponse RequestCounts::Answer(const HttpRequest& request) {
  HttpResponse response;
  const MutexLock lock(mutex_);
  if (request.method == "DELETE") {
    searches_.counted = fetches_.counted = {};
    searches_.most_in_flight = searches_.in_flight;
    fetches_.most_in_flight = fetches_.in_flight;
    by_search_.clear();
    by_item_.clear();
    response.status = 204;
    return response;
  }
  const auto fields = ParseQuery(request.query);
  if (fields.empty()) {
    response.body = Summary();
  } else if (fields[0].first == "item") {
    const auto found = by_item_.find(fields[0].second);
    response.body =
        fmt::format("{{{}}}\n", (found == by_item_.end() ? Counted() : found->second).Fields());
  } else if (fields[0].first == "items" || fields[0].first == "repeated") {
    response.content_type = "application/x-ndjson";
    response.body = Items(fields[0].first == "items" ? 1 : 2);
  } else {
    response.status = 400;
    response.body = "{\"errors\":[\"expected nothing, item=TITLE, items or repeated\"]}\n";
  }
  return response;
}

}  // namespace catchment::simulator
